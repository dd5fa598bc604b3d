# SPDX-License-Identifier: Apache-2.0
"""Whatever a browser would load because of a file is told, unless the release has it."""

import pytest

from sealroom_customer.page.references import scripts_inline, unknown_references

KNOWN = frozenset({"/index.html", "/assets/a.js", "/assets/a.css"})
HTML, SCRIPT, STYLE = "text/html; charset=utf-8", "text/javascript; charset=utf-8", "text/css; charset=utf-8"


@pytest.mark.parametrize(
    ("kind", "text", "unknown"),
    [
        (HTML, '<script src="/assets/a.js"></script><link href="data:,"><a href="#x">', []),
        (HTML, "<SCRIPT SRC=/assets/b.js></SCRIPT>", ["/assets/b.js"]),
        (HTML, '<link rel="modulepreload" href="//evil.example/assets/a.js">', ["//evil.example/assets/a.js"]),
        (HTML, '<img srcset="/x.png 1x, /y.png 2x">', ["/x.png", "/y.png"]),
        (HTML, '<iframe src="/other"></iframe><form action="/send">', ["/other", "/send"]),
        (HTML, '<base href="https://evil.example/">', ["https://evil.example/", "<base>"]),
        (HTML, '<meta http-equiv="refresh" content="0; url=https://evil.example">', ["<meta>"]),
        (SCRIPT, "import x from './a.js'; new Worker('/assets/a.js'); import('a.js?v=1')", []),
        (SCRIPT, "let text = `a sentence about main.js and more`", []),
        (SCRIPT, "import('https://evil.example/a')", ["https://evil.example/a"]),
        (SCRIPT, 'new Worker("/w")', ["/w"]),
        (SCRIPT, "import{x}from'./b'", ["./b"]),
        (SCRIPT, "const u = new URL(`/assets/module.wasm`, import.meta.url)", ["/assets/module.wasm"]),
        (SCRIPT, "1\n//# sourceMappingURL=a.js.map", ["a.js.map"]),
        (STYLE, "a { background: url('/x.png') } b { background: URL(data:image/png;base64,AA) }", ["/x.png"]),
        (STYLE, '@import "https://evil.example/a.css";', ["https://evil.example/a.css"]),
    ],
)  # fmt: skip
def test_what_is_not_of_the_release_is_told(kind: str, text: str, unknown: list[str]) -> None:
    assert list(unknown_references("/assets/a.js", kind, text, KNOWN)) == unknown


@pytest.mark.parametrize(
    ("text", "scripts"),
    [
        ('<script type="module" src="/assets/a.js"></script>', 0),
        ("<script>steal()</script>", 1),
        ('<img src="x" onerror="steal()">', 1),
        ("<ScRiPt>steal()</ScRiPt><body ONLOAD=steal()>", 2),
    ],
)
def test_scripts_within_the_page_are_counted(text: str, scripts: int) -> None:
    assert scripts_inline(text) == scripts

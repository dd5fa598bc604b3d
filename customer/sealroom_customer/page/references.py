# SPDX-License-Identifier: Apache-2.0
"""What a page's files refer to: whatever a browser would load because of them has to be in the manifest too."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

_LOADING = frozenset(
    {
        "src",
        "href",
        "srcset",
        "poster",
        "data",
        "action",
        "formaction",
        "background",
        "manifest",
        "imagesrcset",
    }
)
_OWN = "https://page.invalid"
_NAMED_IN_SCRIPT = re.compile(
    r"""["'`]((?:[A-Za-z][A-Za-z0-9+.-]*:)?[A-Za-z0-9_./:@~%-]*\.(?:m?js|wasm|css|html?)(?:[?#][^"'`\s]*)?)["'`]""",
    re.ASCII,
)
"""A string that names a script, a style, a module or a page, as bundlers leave them."""
_LOADED_BY_SCRIPT = re.compile(
    r"""\b(?:import|importScripts|new\s+(?:Shared)?Worker)\s*\(\s*["'`]([^"'`]*)["'`]"""
    r"""|\bfrom\s*["']([^"']+)["']|\bimport\s*["']([^"']+)["']|//[#@]\s*sourceMappingURL=(\S+)"""
)
_NAMED_IN_STYLE = re.compile(
    r"""url\(\s*["']?([^"')]*)["']?\s*\)|@import\s*["']([^"']+)["']""", re.IGNORECASE
)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.scripts_inline = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Collects; a second attribute of one name does not count for browsers, but is told all the same."""
        for name, value in attributes:
            if name in _LOADING and value is not None:
                parts = value.split(",") if "srcset" in name else [value]
                self.found += [
                    part.split()[0] if "srcset" in name and part.split() else part for part in parts
                ]
            elif name.startswith("on"):
                self.scripts_inline += 1
        names = [name for name, _ in attributes]
        if tag == "script" and "src" not in names:
            self.scripts_inline += 1
        if tag == "base" or (tag == "meta" and ("http-equiv", "refresh") in attributes):
            self.found.append(f"<{tag}>")


def scripts_inline(page: str) -> int:
    """How many scripts stand within an HTML file, handlers in attributes among them."""
    return _parsed(page).scripts_inline


def unknown_references(path: str, kind: str, text: str, known: frozenset[str]) -> Iterator[str]:
    """What a file of this media type refers to and `known` paths do not have."""
    for reference in dict.fromkeys(_references(kind.partition(";")[0], text)):
        if not _is_known(path, reference, known):
            yield reference[:200]


def _references(kind: str, text: str) -> Iterator[str]:
    if kind == "text/html":
        yield from _parsed(text).found
    elif kind == "text/css":
        yield from _groups(_NAMED_IN_STYLE, text)
    elif kind == "text/javascript":
        yield from _groups(_NAMED_IN_SCRIPT, text)
        yield from _groups(_LOADED_BY_SCRIPT, text)


def _parsed(text: str) -> _Page:
    page = _Page()
    page.feed(text)
    page.close()
    return page


def _groups(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    for match in pattern.finditer(text):
        yield next(group for group in match.groups() if group is not None)


def _is_known(path: str, reference: str, known: frozenset[str]) -> bool:
    # An address that carries its content, or a place within the same file, loads nothing.
    if reference.startswith(("data:", "#")):
        return True
    for base in (path, "/"):
        parts = urlsplit(urljoin(_OWN + base, reference.strip()))
        if (f"{parts.scheme}://{parts.netloc}", parts.path) == (_OWN, parts.path) and parts.path in known:
            return True
    return False

# SPDX-License-Identifier: Apache-2.0
"""Writes the OpenAPI document of the API `/v1`, and the table of its codes in docs/api.md."""

import re
import sys
from pathlib import Path

from sealroom.api.document import text
from sealroom.api.problems import CODES

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "protocol" / "openapi.json"
PAGE = ROOT / "docs" / "api.md"
_TABLE = re.compile(r"(?<=<!-- codes: make generate -->\n).*?(?=<!-- end of codes -->)", re.S)


def table() -> str:
    """The codes, as Markdown."""
    rows = "".join(f"| `{code}` | {meaning} |\n" for code, meaning in CODES.items())
    return f"\n| code | meaning |\n|---|---|\n{rows}\n"


def main() -> int:
    """Writes both."""
    DOCUMENT.write_text(text())
    page = PAGE.read_text()
    PAGE.write_text(_TABLE.sub(lambda _: table(), page, count=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())

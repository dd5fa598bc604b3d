# SPDX-License-Identifier: Apache-2.0
"""Puts the words of the authentication string where each language reads them: `python -m protocol.model.words` writes them."""

import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "protocol" / "words.txt"
"""The English list of BIP-39: 2,048 words that differ in their first four letters."""


def words() -> tuple[str, ...]:
    """All of them, in order; a word stands for its place."""
    return tuple(LIST.read_text().split())


def outputs() -> dict[Path, str]:
    """Every derived file and its text."""
    lines = textwrap.wrap(" ".join(words()), 104)
    note = "Derived from protocol/words.txt by protocol/model/words.py; do not edit."
    python = [
        "# SPDX-License-Identifier: Apache-2.0",
        f'"""The words of the authentication string. {note}"""',
        "",
        "WORDS = tuple(",
        '    """',
        *lines,
        '""".split()  # noqa: SIM905 - a list of 2,048 would take as many lines',
        ")",
    ]
    typescript = [
        "// SPDX-License-Identifier: Apache-2.0",
        f"// The words of the authentication string. {note}",
        "",
        "export const WORDS: readonly string[] = `",
        *lines,
        "`",
        "  .trim()",
        "  .split(/\\s+/);",
    ]
    return {
        ROOT / "customer/sealroom_customer/sealing/words.py": "\n".join(python) + "\n",
        ROOT / "web/sdk/src/sealing/words.gen.ts": "\n".join(typescript) + "\n",
    }


if __name__ == "__main__":
    for path, text in outputs().items():
        path.write_text(text)

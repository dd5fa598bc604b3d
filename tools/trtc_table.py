# SPDX-License-Identifier: Apache-2.0
"""Writes the table of actions in docs/trtc-api.md from the code; `--check` only says whether it is up to date."""

import sys
from pathlib import Path

from sealroom.trtc_api.actions import ACTIONS, Action

PAGE = Path(__file__).resolve().parents[1] / "docs" / "trtc-api.md"
BEGIN, END = "<!-- actions: written by tools/trtc_table.py -->", "<!-- end of actions -->"


def table() -> str:
    """The table, in the order of the code."""
    served = sum(action.served for action in ACTIONS.values())
    rows = [_row(action) for action in ACTIONS.values()]
    head = f"{served} of {len(ACTIONS)} actions are served.\n\n| action | group | SDK | served | limit | notes |\n|---|---|---|---|---|---|\n"
    return head + "".join(rows)


def _row(action: Action) -> str:
    rate = action.rate
    limit = f"{rate.per_second:g}/s" if rate.per_second >= 1 else f"1 per {1 / rate.per_second:g} s"
    notes = action.note[:1].upper() + action.note[1:]
    return (
        f"| `{action.name}` | {action.group} | {action.site.value} | {'yes' if action.served else 'no'} | "
        f"{limit if action.served else ''} | {notes} |\n"
    )


def page(text: str) -> str:
    """The page with the table of now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n{END}{after}"


def main() -> int:
    """Writes; or with `--check` compares, exit 1 when they differ."""
    text = PAGE.read_text()
    if "--check" in sys.argv[1:]:
        return 0 if page(text) == text else 1
    PAGE.write_text(page(text))
    return 0


if __name__ == "__main__":
    sys.exit(main())

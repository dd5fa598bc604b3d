# SPDX-License-Identifier: Apache-2.0
"""The page that tells which actions are served is what the code says."""

import re

from sealroom.trtc_api.actions import ACTIONS
from tools.trtc_table import BEGIN, PAGE, page


def test_the_page_is_up_to_date() -> None:
    text = PAGE.read_text()
    assert page(text) == text, "run `make generate`"


def test_all_actions_are_there_once_and_what_is_not_served_has_its_reason() -> None:
    assert len(ACTIONS) == 89
    assert sum(action.served for action in ACTIONS.values()) == 22
    rows = re.findall(r"^\| `(\w+)` \|", PAGE.read_text().partition(BEGIN)[2], re.M)
    assert rows == list(ACTIONS)
    for action in ACTIONS.values():
        assert action.served or action.note
        assert action.changes == (action.group == "Room management")

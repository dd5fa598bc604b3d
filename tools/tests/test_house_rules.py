# SPDX-License-Identifier: Apache-2.0
"""The house rules hold, and each of them can fail."""

from pathlib import Path

import pytest

from tools import house_rules

MARK = "# SPDX-License-Identifier: Apache-2.0\n"


def test_the_tree_keeps_the_rules() -> None:
    assert house_rules.breaches() == []


@pytest.mark.parametrize(
    ("name", "text", "breach"),
    [
        ("a.py", "x = 1\n", "first line"),
        ("a.py", MARK + "x = 1\n" * 600, "split it"),
        ("core/utils.py", MARK, "says nothing"),
        ("server/sealroom/rooms/a.py", MARK + "from sealroom.media import _engine\n", "native module"),
        ("a.py", MARK + "# TODO later\n", "unfinished"),  # the rule's own example
    ],
)
def test_a_breach_is_found(name: str, text: str, breach: str) -> None:
    assert any(breach in line for line in house_rules.breaches_of(Path(name), text))


def test_a_file_within_the_rules_is_let_pass() -> None:
    assert list(house_rules.breaches_of(Path("a.py"), MARK + "x = 1\n")) == []


def test_the_frame_cipher_in_the_servers_module_is_found() -> None:
    linked = {"python-server": {"node", "sframe"}, "python-customer": {"client"}}
    assert list(house_rules.breaches_of_sides(linked)) == [
        "engine/python-server: links `sframe`, which belongs to the other side"
    ]

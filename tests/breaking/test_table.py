# SPDX-License-Identifier: Apache-2.0
"""The table of breaking changes stands: its texts are found, its tests exist, every row of the adversaries has one, and the quick ones
are made. All of them: `make test-breaking`.
"""

import ast
import re

import pytest

from tests.breaking.change import Change, Cost, Edit
from tests.breaking.copied import ROOT, Copy, NotShown, occurrences
from tests.breaking.run import demand_failures, demand_passes
from tests.breaking.table import CHANGES

QUICK = [change for change in CHANGES if change.cost is Cost.QUICK]
NAMED = re.compile(r"`((?:[\w.-]+/)+[\w.-]+)`")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy(tmp_path_factory.mktemp("breaking") / "tree")


def test_every_text_stands_exactly_once_and_every_name_is_one() -> None:
    wrong = [
        (change.name, edit.file, occurrences(edit))
        for change in CHANGES
        for edit in change.edits
        if occurrences(edit) != 1 or edit.old == edit.new
    ]
    assert wrong == []
    assert len({change.name for change in CHANGES}) == len(CHANGES)


def test_what_is_broken_in_python_is_still_python() -> None:
    """Else every test that imports it fails, and shows nothing."""
    for change in CHANGES:
        for name in {edit.file for edit in change.edits if edit.file.endswith(".py")}:
            text = (ROOT / name).read_text()
            for edit in change.edits:
                text = text.replace(edit.old, edit.new) if edit.file == name else text
            try:
                ast.parse(text)
            except SyntaxError as error:
                pytest.fail(f"{change.name}: {name}:{error.lineno}: {error.msg}")


@pytest.mark.parametrize("test", dict.fromkeys(test for change in CHANGES for test in change.tests))
def test_a_test_that_the_table_names_exists(test: str) -> None:
    file, _, name = test.partition("::")
    if file.endswith((".py", ".ts")):
        last = name.rpartition("::")[2].partition("[")[0]
        assert last in (ROOT / file).read_text()
    else:
        text = "".join(path.read_text() for path in (ROOT / file).rglob("tests.rs"))
        assert f"fn {name.rpartition('::')[2]}(" in text


def test_every_test_that_the_threat_model_names_has_a_change_that_makes_it_fail() -> None:
    rows = [line for line in (ROOT / "docs/threat-model.md").read_text().splitlines() if line.startswith("|")]
    named = {path for row in rows for path in NAMED.findall(row) if (ROOT / path).exists()}
    assert len(named) > 15
    broken = {test.partition("::")[0] for change in CHANGES for test in change.tests}
    assert {path for path in named if path not in broken} == set()


@pytest.mark.parametrize("change", QUICK, ids=lambda change: change.name)
def test_a_quick_change_is_found(copy: Copy, change: Change) -> None:
    demand_failures(copy, change)


def test_a_change_that_nobody_notices_is_told(copy: Copy) -> None:
    room = "customer/sealroom_customer/authority/room.py"
    test = "customer/tests/authority/test_room.py::test_a_lone_join_does_not_wait"
    harmless = Change("x", "nothing", (Edit(room, '"""The state machine', '"""A state machine'),), (test,))
    demand_passes(copy, test)
    with pytest.raises(NotShown, match="passes although"):
        demand_failures(copy, harmless)
    broken = Change("x", "nothing", (Edit(room, "\nclass Room:", "\nclass Rum:"),), (test,))
    with pytest.raises(NotShown, match="does not run"):
        demand_failures(copy, broken)
    missing = Change("x", "nothing", (Edit(room, "entropy(INSTANCE_BYTES)", "entropy(NOBODY)"),), (test,))
    with pytest.raises(NotShown, match="broke instead of failing"):
        demand_failures(copy, missing)

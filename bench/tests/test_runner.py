# SPDX-License-Identifier: Apache-2.0
"""The runner of benchmarks: what one part does costs the others nothing."""

import pytest

from bench import runner as run
from bench.machine import machine

GOOD = {"bars": [{"name": "a frame", "value": 1.0, "most": 2.0, "unit": "us"}]}
MISSED = {"bars": [{"name": "a frame", "value": 3.0, "most": 2.0, "unit": "us"}]}


def broken() -> run.Measured:
    raise RuntimeError("no Chromium: install it\nand more of it")


def test_a_part_that_fails_leaves_the_others_their_results(capsys: pytest.CaptureFixture[str]) -> None:
    parts = run.measured({"worker": broken, "rust": lambda: GOOD})
    assert parts["rust"] is GOOD
    text = run.table("sealing", {"machine": machine(), "parts": parts})
    assert "| rust | a frame | 1 us | at most 2 us | kept |" in text
    assert "| worker | RuntimeError: no Chromium: install it | | | **failed** |" in text
    assert not run.is_good(parts)
    assert "in broken" in capsys.readouterr().err


def test_the_run_is_good_only_when_all_bars_are_kept() -> None:
    assert run.is_good({"rust": GOOD})
    assert not run.is_good({"rust": GOOD, "join": MISSED})


def test_a_bar_may_be_a_floor() -> None:
    bar = {"name": "a rate", "value": 3.0, "least": 4.0, "unit": "/s"}
    assert not run.is_good({"sqlite": {"bars": [bar]}})
    assert run.is_good({"sqlite": {"bars": [bar | {"value": 4.0}]}})


def test_a_part_that_cannot_be_loaded_has_failed() -> None:
    parts = run.measured({"nothing": run.measuring("sealing", "nothing_of_this_name")})
    assert parts["nothing"]["failed"].startswith("ModuleNotFoundError")

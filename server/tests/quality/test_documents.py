# SPDX-License-Identifier: Apache-2.0
"""What the documents say of quality is what the program does."""

import re
from pathlib import Path

from sealroom.quality import diagnosis
from sealroom.quality.diagnosis import Cause
from sealroom.quality.models import DOCUMENTS
from sealroom.quality.reports import BUSY

PAGE = (Path(__file__).parents[3] / "docs" / "quality.md").read_text()


def row(name: str) -> str:
    return next(line for line in PAGE.splitlines() if line.startswith((f"| `{name}`", f"| {name} ")))


def test_every_cause_is_there_with_its_rule() -> None:
    for rule in diagnosis.RULES:
        assert rule.says in row(rule.cause.value)
    assert all(row(cause.value) for cause in Cause)


def test_the_words_have_their_thresholds() -> None:
    assert re.findall(r"(\d+)%", row("picture stood")) == [
        f"{100 * one:.0f}" for one in (diagnosis.VIDEO_FAIR, diagnosis.VIDEO_POOR)
    ]
    assert re.findall(r"(\d+)%", row("sound stood")) == [
        f"{100 * one:.0f}" for one in (diagnosis.AUDIO_FAIR, diagnosis.AUDIO_POOR)
    ]
    assert f"nothing came for {diagnosis.LOST_MS // 1000} s" in PAGE
    assert all(str(percent) in PAGE for percent in BUSY.values())


def test_every_kind_of_document_is_named() -> None:
    for kind in DOCUMENTS:
        assert kind.declared is not None
        assert f"`{kind.declared.name}`" in PAGE

# SPDX-License-Identifier: Apache-2.0
"""Logs hold no one's name."""

import ast
import io
import json
import logging as standard
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

import sealroom
from sealroom.core import logging


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


SOURCES = sorted(Path(sealroom.__path__[0]).rglob("*.py"))


def test_personal_fields_are_hashed_alike_and_undeclared_ones_dropped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for key in (b"one", b"one", b"two"):
        logging.configure(style="json", level="info", key=key)
        logging.get_logger().info("refused", user="alice", address="192.0.2.1", code="x", token="t0ken")
    text = capsys.readouterr().err
    for hidden in ("alice", "192.0.2.1", "t0ken"):
        assert hidden not in text
    first, second, third = [json.loads(line) for line in text.splitlines()]
    assert first["user"] == second["user"] != third["user"]
    assert first["undeclared"] == "token"
    assert first["code"] == "x"


def test_what_the_http_library_says_is_logged_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    logging.configure(style="json", level="info", key=b"k")
    standard.getLogger("uvicorn.error").info("192.0.2.1 - accepted")
    standard.getLogger("uvicorn.error").error("192.0.2.1 - failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "http_server_complained"
    assert "192.0.2.1" not in line


def test_a_log_that_cannot_be_written_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    logging.configure(style="json", level="info", key=b"k")
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    logging.get_logger().info("started")


def test_every_field_that_is_logged_is_declared() -> None:
    declared = logging.FIELDS.keys()
    seen: set[str] = set()
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="_log")), args=[ast.Constant(value=str(event))]
                ):
                    fields = {word.arg for word in node.keywords if word.arg}
                    assert fields <= declared, f"{source}: {event} {fields - declared}"
                    seen.add(event)
                case ast.Call(func=ast.Attribute(value=ast.Name(id="_log"))):
                    pytest.fail(f"{source}:{node.lineno}: an event is a fixed name")
    assert {"room_opened", "participant_entered", "refused"} <= seen

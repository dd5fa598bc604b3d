# SPDX-License-Identifier: Apache-2.0
"""Documents for customers name commands and options that there are."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from sealroom_customer.cli import app
from sealroom_customer.lan.certificate import AUTHORITY_LIFE, LEAF_LIFE
from sealroom_customer.lan.place import CERTIFICATE_PATH, PORT

DOCS = Path(__file__).resolve().parents[2] / "docs"
COMMAND = re.compile(r"sealroom-customer((?: [a-z][a-z-]*(?=[ `\n]))+)([^`\n]*)")
OPTION = re.compile(r"--[a-z][a-z-]+")


def named(document: str) -> dict[str, set[str]]:
    """Each command that a document names, with the options it gives it."""
    text = (DOCS / document).read_text()
    found: dict[str, set[str]] = {}
    for words, rest in COMMAND.findall(text):
        found.setdefault(words.strip(), set()).update(OPTION.findall(rest))
    return found


Explained = Callable[[str], set[str]]


@pytest.fixture
def explained(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Explained:
    """The options of a command, as its help has them; fails when there is no such command."""
    monkeypatch.setenv("COLUMNS", "200")

    def options(command: str) -> set[str]:
        app.help_print(command.split())
        told = capsys.readouterr().out
        assert f"sealroom-customer {command}" in told, f"there is no command `{command}`"
        return set(OPTION.findall(told))

    return options


@pytest.mark.parametrize(("document", "least"), [("authority.md", 6), ("verify-page.md", 2)])
def test_commands_and_their_options_are_there(document: str, least: int, explained: Explained) -> None:
    commands = named(document)
    assert len(commands) >= least
    for command, options in commands.items():
        assert options <= explained(command), command


def test_options_that_are_explained_in_words_are_there(explained: Explained) -> None:
    code = re.compile(r"`(--[a-z-]+)[^`]*`")
    for document, command in (("verify-page.md", "verify-page"), ("lan.md", "demo")):
        ours = set(code.findall((DOCS / document).read_text()))
        assert ours, document
        assert ours <= explained(command) | explained("verify-page") | explained("sign-page"), document


def test_documented_numbers_are_those_of_the_code() -> None:
    text = (DOCS / "lan.md").read_text()
    assert f"ends after {AUTHORITY_LIFE.days} days" in text
    assert LEAF_LIFE.days == 7
    assert "lasts a week" in text
    assert f":{PORT}{CERTIFICATE_PATH}" in text

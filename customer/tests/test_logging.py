# SPDX-License-Identifier: Apache-2.0
"""Logs hold declared fields only, so that nothing personal and no secret leaves by accident."""

import logging as standard

import pytest

from sealroom_customer.logging import FIELDS, configure, get_logger


@pytest.fixture(autouse=True)
def configured() -> None:
    configure()


def test_a_field_that_is_not_declared_is_dropped(capfd: pytest.CaptureFixture[str]) -> None:
    configure()
    get_logger().info("line_refused", code="grant_expired", user="alice", grant="abc.def.ghi")
    written = capfd.readouterr().err
    assert "grant_expired" in written
    assert "alice" not in written
    assert "abc.def.ghi" not in written


def test_no_declared_field_is_personal() -> None:
    assert not FIELDS & {"user", "room", "address", "token", "grant", "key", "secret", "member"}


def test_a_librarys_text_is_not_written(capfd: pytest.CaptureFixture[str]) -> None:
    configure()
    standard.getLogger("uvicorn.error").warning("request of alice from 192.0.2.1")
    written = capfd.readouterr().err
    assert "library_complained" in written
    assert "alice" not in written
    assert "192.0.2.1" not in written

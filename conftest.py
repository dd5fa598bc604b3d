# SPDX-License-Identifier: Apache-2.0
"""What holds for every Python test."""

import logging
from collections.abc import Iterator

import pytest
import structlog

pytest_plugins = ["tools.services.fixtures"]


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Undoes what a test set up for its whole process: the logs of later tests would go to a stream that is closed by then."""
    events = structlog.get_config()
    known = [logging.getLogger(), *_loggers()]
    before = [(one, one.handlers[:], one.level, one.propagate) for one in known]
    yield
    structlog.configure(**events)
    for one, handlers, level, propagate in before:
        one.handlers[:], one.propagate = handlers, propagate
        one.setLevel(level)
    for one in _loggers():
        if one not in known:
            one.handlers.clear()
            one.propagate = True
            one.setLevel(logging.NOTSET)


def _loggers() -> list[logging.Logger]:
    found = logging.Logger.manager.loggerDict.values()
    return [one for one in found if isinstance(one, logging.Logger)]

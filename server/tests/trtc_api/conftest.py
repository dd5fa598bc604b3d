# SPDX-License-Identifier: Apache-2.0
"""The API with virtual time."""

import pytest

from server.tests.fakes import VirtualClock
from server.tests.trtc_api.parts import World


@pytest.fixture
def world(clock: VirtualClock) -> World:
    return World(clock)

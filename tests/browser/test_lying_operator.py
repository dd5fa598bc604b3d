# SPDX-License-Identifier: Apache-2.0
"""An operator that shows one member's picture under another's name."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.call import HERE, eventually
from tests.browser.conftest import Callers
from tests.deployment import Deployment, deployment


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Deployment]:
    with deployment(tmp_path, operator=(sys.executable, str(HERE / "lying_operator.py"))) as both:
        yield both


def test_another_members_picture_is_never_shown(callers: Callers) -> None:
    alice, bob = callers.enter("alice"), callers.enter("bob")
    alice.sees(bob)
    bob.sees(alice)
    carol = callers.enter("carol")
    # The operator now gives carol bob's picture for alice's and alice's for bob's: both are sealed by members, both open
    # with carol's keys, and neither is whom she bound.
    eventually("carol refuses", lambda: carol.page.query_selector('[data-refused="wrong_sender"]'), 60)
    carol.hears(alice)
    carol.hears(bob)
    assert carol.picture_of(alice) is None
    assert carol.picture_of(bob) is None
    carol.shows_only_right_pictures([alice, bob, carol])

# SPDX-License-Identifier: Apache-2.0
"""Sealed frames that were changed, repeated or held back on their way: nothing wrong is shown, each is refused with its reason."""

from pathlib import Path

import pytest

from tests.browser.call import HERE, eventually
from tests.browser.conftest import Callers
from tests.deployment import Deployment
from tests.hostile.backend import Backend


def tampering(how: str) -> str:
    """A worker prefix that changes sealed video frames."""
    return f'globalThis.__tamper = "{how}";\n' + (HERE / "tamper.js").read_text()


@pytest.mark.parametrize("how", ["prefix", "header", "ciphertext", "tag"])
def test_a_flipped_bit_is_never_shown(callers: Callers, how: str) -> None:
    alice = callers.enter("alice", worker_prefix=tampering(how))
    bob = callers.enter("bob")
    alice.sees(bob)
    eventually("bob refuses", lambda: bob.page.query_selector('[data-refused~="bad_tag"]'), 60)
    assert bob.picture_of(alice) is None


def test_a_replayed_frame_is_never_shown(callers: Callers) -> None:
    alice = callers.enter("alice", worker_prefix=tampering("replay"))
    bob = callers.enter("bob")
    alice.sees(bob)
    eventually("bob refuses", lambda: bob.page.query_selector('[data-refused~="replay"]'), 60)
    first = bob.picture_of(alice)
    alice.hears(bob)
    assert bob.picture_of(alice) == first, "the picture stands still: nothing new was opened"


def test_a_frame_of_an_epoch_that_has_passed_is_never_shown(
    callers: Callers, running: Deployment, tmp_path: Path
) -> None:
    alice = callers.enter("alice", worker_prefix=tampering("old"))
    bob, carol = callers.enter("bob"), callers.enter("carol")
    bob.sees(alice)
    bob.sees(carol)
    user = next(tile.user for tile in bob.tiles() if tile.user.startswith("carol"))
    Backend(running, tmp_path / "customer").put_out("test", user)
    eventually("bob refuses", lambda: bob.page.query_selector('[data-refused~="old_epoch"]'), 60)
    first = bob.picture_of(alice)
    bob.hears(alice)
    assert bob.picture_of(alice) == first, "the picture stands still: nothing new was opened"


def test_key_frames_that_are_held_back_cost_the_picture_and_nothing_else(callers: Callers) -> None:
    """What is lost ends with the next key frame that passes; until then there is no picture, and none that is wrong."""
    alice = callers.enter("alice", worker_prefix=tampering("keyless"))
    bob = callers.enter("bob")
    alice.sees(bob)
    bob.hears(alice)
    assert bob.picture_of(alice) is None
    bob.shows_only_right_pictures([alice, bob])
    alice.page.evaluate("new BroadcastChannel('release').postMessage(1)")
    bob.sees(alice)

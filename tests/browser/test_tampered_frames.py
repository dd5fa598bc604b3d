# SPDX-License-Identifier: Apache-2.0
"""Sealed frames that were changed on their way: never shown, each refused with its reason."""

import pytest

from tests.browser.call import HERE, eventually
from tests.browser.conftest import Callers


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

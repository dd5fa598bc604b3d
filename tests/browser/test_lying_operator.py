# SPDX-License-Identifier: Apache-2.0
"""An operator that lies to real pages: never a wrong picture, never a wrong name, never a frame in clear."""

import itertools
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import dump
from tests.browser.call import HERE, SCREEN_SENDER, Caller, eventually, tone_of
from tests.browser.conftest import Callers
from tests.browser.lying_operator import GHOST
from tests.browser.test_fail_closed import clear_frames
from tests.deployment import Deployment, deployment


@pytest.fixture
def running(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Deployment]:
    operator = (sys.executable, str(HERE / "lying_operator.py"), request.param)
    with deployment(tmp_path, operator=operator) as both:
        yield both


def lying(lie: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("running", [lie], indirect=True)


def refuses(caller: Caller, reason: str = "wrong_sender") -> None:
    eventually(
        f"{caller.name} refuses: {reason}",
        lambda: caller.page.query_selector(f'[data-refused~="{reason}"]'),
        60,
    )


@lying("crosses_members")
def test_another_members_picture_is_never_shown(callers: Callers) -> None:
    alice, bob = callers.enter("alice"), callers.enter("bob")
    alice.sees(bob)
    bob.sees(alice)
    carol = callers.enter("carol")
    # The operator now gives carol bob's picture for alice's and alice's for bob's: both are sealed by members, both open
    # with carol's keys, and neither is whom she bound.
    refuses(carol)
    carol.hears(alice)
    carol.hears(bob)
    assert carol.picture_of(alice) is None
    assert carol.picture_of(bob) is None
    carol.shows_only_right_pictures([alice, bob, carol])


@lying("crosses_tracks")
def test_a_screen_is_never_shown_for_a_camera_nor_a_camera_for_a_screen(callers: Callers) -> None:
    alice = callers.enter("alice")
    bob = callers.enter("bob")
    alice.hears(bob)
    # Nobody shares yet: what is bound to a camera gets nothing, and then the screen.
    assert bob.picture_of(alice) is None
    alice.page.click("text=Share screen")
    refuses(bob)
    bob.hears(alice)
    assert bob.picture_of(alice) is None
    shown = {
        tile.track: tile.code["sender"]
        for tile in bob.tiles()
        if not tile.local and tile.code and tile.code["good"]
    }
    assert shown.get("main") in (None, alice.number)
    assert shown.get("screen") in (None, alice.number + SCREEN_SENDER)


@lying("unsealed")
def test_a_room_that_is_said_not_to_be_sealed_is_sealed_all_the_same(
    callers: Callers, running: Deployment
) -> None:
    alice, bob = callers.enter("alice"), callers.enter("bob")
    alice.sees(bob)
    bob.sees(alice)
    bob.hears(alice)
    for caller in (alice, bob):
        caller.page.wait_for_selector('[data-sealing="sealed"]')
    # So many that one in a hundred in clear would be among them.
    eventually("enough is forwarded", lambda: len(dump.frames(dump.packets(running.sink))) > 400)
    assert clear_frames(running) == []


@lying("invents_a_member")
def test_a_member_that_the_operator_invented_shows_nothing_and_is_marked(callers: Callers) -> None:
    alice, bob = callers.enter("alice"), callers.enter("bob")
    bob.sees(alice)
    bob.shows_people()
    ghost = re.escape(GHOST.partition("-")[0])
    eventually(
        "the page says that the ghost has no keys",
        lambda: re.search(f"{ghost}.*has no keys", bob.page.inner_text(".people"), re.S),
        20,
    )
    bob.sees(alice)
    assert not any(tile.user == GHOST and tile.code and tile.code["good"] for tile in bob.tiles())
    bob.shows_only_right_pictures([alice, bob])


@lying("crosses_voices")
def test_a_voice_has_the_name_that_its_frames_give_it(callers: Callers) -> None:
    alice, bob, carol = callers.enter("alice"), callers.enter("bob"), callers.enter("carol")
    carol.hears(alice)
    carol.hears(bob)
    # Half a second each: what the operator says may come after what the frames say.
    for tone in itertools.chain.from_iterable(carol.tones() for _ in range(6)):
        name = next(one.name for one in (alice, bob) if abs(tone["frequency"] - tone_of(one.number)) < 15)
        assert (tone["user"] or "nobody").startswith(name)

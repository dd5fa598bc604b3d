# SPDX-License-Identifier: Apache-2.0
"""Whatever happens to the sender: not one frame in clear reaches the operator."""

from collections.abc import Callable

from tests.browser import dump
from tests.browser.call import Caller, eventually
from tests.browser.conftest import Callers
from tests.deployment import Deployment


def clear_frames(running: Deployment) -> list[dump.Frame]:
    """Frames at the sink that have no SFrame header where one must be."""
    return [frame for frame in dump.frames(dump.packets(running.sink)) if dump.sframe_header(frame) is None]


def refused_in_clear(running: Deployment) -> float:
    """Packets that the operator refused because they were in clear, as its metrics count them."""
    return running.metric("sealroom_media_dropped_packets_total", reason="clear_media")


def grows(running: Deployment) -> Callable[[], bool]:
    """Says whether the sink has grown by a good deal since now."""
    before = running.sink.stat().st_size
    return lambda: running.sink.stat().st_size > before + 50_000


def test_no_frame_in_clear_through_camera_off_and_on_and_another_device(
    callers: Callers, running: Deployment
) -> None:
    alice, bob = callers.enter("alice"), callers.enter("bob")
    bob.sees(alice)
    camera = alice.page.get_by_role("button", name="camera")
    camera.click()
    eventually(
        "alice's picture is gone at bob",
        lambda: not any(tile.user.startswith("alice") for tile in bob.tiles()),
    )
    camera.click()
    bob.sees(alice)
    alice.page.evaluate("navigator.mediaDevices.dispatchEvent(new Event('devicechange'))")
    bob.sees(alice)
    eventually("media flows on", grows(running))
    assert clear_frames(running) == []
    assert refused_in_clear(running) == 0


def test_a_killed_worker_ends_the_media_and_lets_nothing_out(callers: Callers, running: Deployment) -> None:
    """The worker closes itself, as a crash would; the transforms then deliver nothing."""
    suicide = "new BroadcastChannel('kill').onmessage = () => self.close();"
    alice = callers.enter("alice", worker_prefix=suicide)
    bob = callers.enter("bob")
    bob.sees(alice)
    alice.page.evaluate("new BroadcastChannel('kill').postMessage(1)")
    eventually(
        "alice's page says that sealing failed",
        lambda: alice.page.query_selector('[data-sealing="failed"]'),
        30,
    )
    assert clear_frames(running) == []
    assert refused_in_clear(running) == 0


def test_frames_under_a_wrong_key_are_never_shown(callers: Callers) -> None:
    """Alice's worker seals under a key that nobody has: bob refuses every frame and shows no picture."""
    wrong_key = """
    const encrypt = crypto.subtle.encrypt.bind(crypto.subtle);
    const stray = crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt"]);
    crypto.subtle.encrypt = async (algorithm, key, data) => encrypt(algorithm, await stray, data);
    """
    alice = callers.enter("alice", worker_prefix=wrong_key)
    bob = callers.enter("bob")
    alice.sees(bob)
    _refused(bob, "bad_tag")
    assert bob.picture_of(alice) is None
    assert not bob.tones()


def _refused(caller: Caller, reason: str) -> None:
    """The page shows, quietly, that frames were refused for `reason`."""
    eventually(f"refused: {reason}", lambda: caller.page.query_selector(f'[data-refused~="{reason}"]'))

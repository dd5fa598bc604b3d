# SPDX-License-Identifier: Apache-2.0
"""Sound with redundancy (RED, RFC 2198): a packet's blocks are sealed together, so that not even their lengths show."""

from playwright.sync_api import Page

from tests.browser import dump
from tests.browser.call import eventually
from tests.browser.conftest import Callers
from tests.deployment import Deployment

RED_CODEC = 2
PREFER_RED = """
const prefer = RTCRtpTransceiver.prototype.setCodecPreferences;
RTCRtpTransceiver.prototype.setCodecPreferences = function (codecs) {
  const red = codecs.filter(({ mimeType }) => mimeType === "audio/red");
  prefer.call(this, [...red, ...codecs.filter((codec) => !red.includes(codec))]);
};
"""


def test_redundant_sound_is_heard_and_sealed_as_a_whole(callers: Callers, running: Deployment) -> None:
    def prepare(page: Page) -> None:
        page.add_init_script(PREFER_RED)

    alice, bob = callers.enter("alice", prepare=prepare), callers.enter("bob", prepare=prepare)
    alice.hears(bob)
    bob.hears(alice)

    def redundant() -> list[dump.Frame]:
        found = dump.frames(dump.packets(running.sink))
        return [frame for frame in found if frame.codec == RED_CODEC]

    eventually("redundant sound at the sink", lambda: len(redundant()) > 50)
    headers = [dump.sframe_header(frame) for frame in redundant()]
    assert all(header is not None and header.kid & 15 == 1 for header in headers)
    assert alice.refused() == bob.refused() == 0

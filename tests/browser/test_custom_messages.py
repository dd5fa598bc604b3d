# SPDX-License-Identifier: Apache-2.0
"""Custom messages between two pages that use the SDK as a customer's page would: its own build, from the page's origin."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from protocol.model import sframe
from tests.browser.call import eventually
from tests.deployment import Deployment

WEB = Path(__file__).resolve().parents[2] / "web"
SECRET = "meet me under the old clock at nine"
PREPARE = """
async ([user, room]) => {
  const ask = async (path) => {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify({ user, room }) });
    return answer.json();
  };
  const { TRTC } = await import("/sdk/sealroom.js");
  globalThis.__trtc = TRTC.create({ sealingWorker: "/sdk/sealing-worker.js" });
  globalThis.__heard = [];
  globalThis.__refused = [];
  globalThis.__sealing = "";
  __trtc.on(TRTC.EVENT.CUSTOM_MESSAGE, ({ userId, cmdId, seq, data }) =>
    __heard.push({ userId, cmdId, seq, text: new TextDecoder().decode(data) }));
  __trtc.on(TRTC.EVENT.FRAME_REFUSED, ({ streamType, reason }) => __refused.push(`${streamType} ${reason}`));
  __trtc.on(TRTC.EVENT.SEALING_STATE_CHANGED, ({ state }) => { __sealing = state; });
  const { sdkAppId, userId, userSig, operator, authority, strRoomId } = await ask("/api/tokens");
  const grant = async () => (await ask("/api/grants")).grant;
  globalThis.__entering = __trtc.enterRoom({
    sdkAppId, userId, userSig, strRoomId, server: operator, sealing: { authority, grant },
  });
  __entering.catch(() => undefined);
  return userId;
}
"""
SEND = """
([cmdId, text]) => __trtc.sendCustomMessage({ cmdId, data: new TextEncoder().encode(text).buffer })
  .then(() => "sent", (error) => error.reason || error.message)
"""


@pytest.fixture(scope="module")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SDK as it is published."""
    folder = tmp_path_factory.mktemp("sdk")
    node = Path(sys.executable).parent / "node"
    built = [str(node), "node_modules/vite/bin/vite.js", "build", "sdk", "--outDir", str(folder)]
    subprocess.run([*built, "--logLevel", "warn"], cwd=WEB, check=True, timeout=120)
    return folder


class Member:
    """A page of the customer's that has the SDK and shows nothing."""

    def __init__(self, page: Page, running: Deployment, sdk: Path, name: str) -> None:
        self.page = page
        self.sent: list[dict[str, Any]] = []
        """What went to the operator."""

        def serve(route: Route) -> None:
            file = sdk / route.request.url.rpartition("/")[2]
            route.fulfill(body=file.read_bytes(), content_type="text/javascript")

        page.route("**/sdk/*", serve)
        page.on("websocket", lambda line: line.on("framesent", self._said))
        page.goto(running.page)
        self.user: str = page.evaluate(PREPARE, [name, "messages"])

    def _said(self, payload: str | bytes) -> None:
        self.sent.append(json.loads(payload))

    def entered(self) -> None:
        self.page.evaluate("__entering")
        eventually("the call is sealed", lambda: self.page.evaluate("__sealing") == "sealed")

    def send(self, command: int, text: str) -> str:
        outcome: str = self.page.evaluate(SEND, [command, text])
        return outcome

    def heard(self) -> list[dict[str, Any]]:
        heard: list[dict[str, Any]] = self.page.evaluate("__heard")
        return heard


@pytest.fixture
def enter(browser: Browser, running: Deployment, sdk: Path) -> Iterator[Callable[[str], Member]]:
    contexts = []

    def enter_as(name: str) -> Member:
        contexts.append(browser.new_context())
        return Member(contexts[-1].new_page(), running, sdk, name)

    yield enter_as
    for context in contexts:
        context.close()


def test_messages_arrive_under_the_senders_name_and_the_operator_reads_none(
    enter: Callable[[str], Member],
) -> None:
    alice = enter("alice")
    alice.entered()
    bob = enter("bob")
    bob.entered()

    def delivered() -> bool:
        """Whoever has just come may not be on the other's roster yet: what is sent then is for nobody."""
        assert alice.send(3, "are you there") == "sent"
        alice.page.wait_for_timeout(200)
        return bool(bob.heard())

    eventually("bob hears alice", delivered)
    before = len(bob.heard())
    texts = [SECRET, "", "Grüße 🔏", "x" * 1024]
    for text in texts:
        assert alice.send(1, text) == "sent"
    assert bob.send(10, "I shall be there") == "sent"
    eventually("bob hears them all", lambda: len(bob.heard()) >= before + 4)
    assert [one for one in bob.heard() if one["cmdId"] == 1] == [
        {"userId": alice.user, "cmdId": 1, "seq": number, "text": text}
        for number, text in enumerate(texts, 1)
    ]
    answer = {"userId": bob.user, "cmdId": 10, "seq": 1, "text": "I shall be there"}
    eventually("alice hears bob", lambda: alice.heard())
    assert alice.heard() == [answer], "nobody hears himself"
    assert alice.page.evaluate("__refused") == bob.page.evaluate("__refused") == []
    bodies = [unb64u(one["data"]) for one in (*alice.sent, *bob.sent) if one.get("type") == "send-custom"]
    assert len(bodies) > 5
    for body in bodies:
        key_id, _, _ = sframe.decode_header(body)
        assert key_id & 0xF == 4, "the track `data`"
        assert SECRET.encode() not in body
        assert b"xxxxxxxx" not in body


def test_nothing_is_sent_before_there_is_a_room_or_after_it(enter: Callable[[str], Member]) -> None:
    alice = enter("alice")
    assert alice.send(1, SECRET) != "sent", "the page asked before it had entered"
    alice.entered()
    assert alice.send(1, SECRET) == "sent"
    alice.page.evaluate("__trtc.exitRoom()")
    assert alice.send(1, SECRET) != "sent"
    sent = [one for one in alice.sent if one.get("type") == "send-custom"]
    assert len(sent) == 1
    assert SECRET.encode() not in unb64u(sent[0]["data"])


def unb64u(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

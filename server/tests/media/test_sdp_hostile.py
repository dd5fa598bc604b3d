# SPDX-License-Identifier: Apache-2.0
"""100,000 seeded mutations of offers: nothing but `Refusal` comes out, and what is answered passes the engine's checks."""

import random

import pytest

from sealroom.core.ids import Ids
from sealroom.media.sdp import answer as answers
from sealroom.media.sdp import offer as offers
from sealroom.media.sdp.answer import Agreement, answer_again, answer_first
from sealroom.media.session import ALL_CODECS
from sealroom_wire.errors import ErrorCode, Refusal
from server.tests import fakes
from server.tests.offers import SERVER, TRACKS, offer, recorded

CASES = 100_000
_TOKENS = [
    "", "0", "-1", "9", "15", "64", "127", "128", "255", "256", "65536", "4294967296", "9" * 30, "a=", "m=", "\r\n", "\n", "\r",
    "\x00", "\x7f", "é", "\U0001f600", "\ud800", " ", ":", "/", ";", ",", "~", "*", "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n", "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n", "a=bundle-only\r\n",
    "a=rid:q send pt=96\r\n", "a=simulcast:send q;~h,f\r\n", "a=simulcast:recv q\r\n", "a=ssrc-group:FID 1 2\r\n",
    "a=ssrc:0 cname:x\r\n", "a=ssrc:5 cname:x\r\n", "a=rtpmap:96 rtx/90000\r\n", "a=fmtp:97 apt=97\r\n", "a=rtpmap:63 red/48000/2\r\n",
    "a=fmtp:63 111/111\r\n", "a=extmap:15 urn:x\r\n", "a=mid:0\r\n", "a=inactive\r\n", "a=ice-lite\r\n", "٣", "a=rtcp-fb:* nack\r\n",
]  # fmt: skip


def mutated(source: random.Random, text: str) -> str:
    """One to six changes of characters, pieces, lines or numbers."""
    for _ in range(source.randint(1, 6)):
        start = source.randrange(len(text) + 1)
        end = min(len(text), start + source.choice((0, 1, 1, 2, 8, 40, 400)))
        match source.randrange(6):
            case 0:
                text = text[:start] + text[end:]
            case 1:
                text = text[:start] + source.choice(_TOKENS) + text[end:]
            case 2:
                text = text[:start] + chr(source.randrange(0x250)) + text[start + 1 :]
            case 3:
                text = text[:end] + text[start:]
            case 4:
                lines = text.split("\r\n")
                source.shuffle(lines)
                text = "\r\n".join(lines)
            case _:
                lines = text.split("\r\n")
                lines.insert(source.randrange(len(lines)), source.choice(lines))
                text = "\r\n".join(lines)
    return text


def outcome(text: str, before: Agreement | None, ids: Ids) -> Agreement | ErrorCode:
    try:
        if before is None:
            return answer_first(text, TRACKS, rights=255, codecs=ALL_CODECS, server=SERVER, ids=ids)
        return answer_again(text, before, codecs=ALL_CODECS, server=SERVER, ids=ids)
    except Refusal as refusal:
        return refusal.code


@pytest.mark.parametrize("part", range(4))
def test_no_mutation_of_an_offer_raises_anything_but_a_refusal(part: int) -> None:
    source = random.Random(100 + part)
    ids = Ids(random.Random(part))
    base = offer(audio=1, video=1, simulcast=True)
    agreed = outcome(base, None, ids)
    assert isinstance(agreed, Agreement)
    found: set[object] = set()
    for _ in range(CASES // 4):
        before = agreed if source.random() < 0.3 else None
        result = outcome(mutated(source, base), before, ids)
        if isinstance(result, Agreement):
            fakes._check(result.session)
            found.add("answered")
        else:
            found.add(result)
    assert found == {"answered", ErrorCode.SDP_MALFORMED, ErrorCode.SDP_NOT_SUPPORTED}


def test_mutations_of_whole_browser_offers_too() -> None:
    source, ids = random.Random(5), Ids(random.Random(5))
    for name in ("chromium_first", "firefox_first", "chromium_unpruned"):
        text = recorded(name)
        for _ in range(150):
            result = outcome(mutated(source, text), None, ids)
            if isinstance(result, Agreement):
                fakes._check(result.session)


def test_what_no_browser_says_is_not_remembered_however_often_it_is_said() -> None:
    ids = Ids(random.Random(6))
    remembered = _sizes()
    for number in range(20):
        # Each costs over a megabyte as lists of lines.
        many = "".join(f"a=fmtp:{chr(0x100 + number)}\r\n" for _ in range(3_000))
        outcome(offer(audio=1, video=1).replace("a=rtcp-mux\r\n", f"a=rtcp-mux\r\n{many}"), None, ids)
    assert _sizes() == remembered
    for port in (9, 10, 11):
        # Neither does what is a device's own make a list another one.
        text = recorded("chromium_first").replace("a=ice-pwd:", f"a=ice-pwd:{port:04}")
        assert isinstance(outcome(text, None, ids), Agreement)
        if port == 9:
            once = _sizes()
    assert _sizes() == once


def _sizes() -> list[int]:
    return [offers._remembered.cache_info().currsize, answers._remembered.cache_info().currsize]


@pytest.mark.parametrize("bare", ["a=rtpmap", "a=extmap"])
def test_an_attribute_without_its_value_is_one_all_the_same(bare: str) -> None:
    text = offer(audio=1, video=1).replace("a=rtcp-mux\r\n", f"a=rtcp-mux\r\n{bare}\r\n")
    assert outcome(text, None, Ids(random.Random(7))) is ErrorCode.SDP_MALFORMED

# SPDX-License-Identifier: Apache-2.0
"""Answers to offers of real browsers, line for line where it matters, and what may never be answered."""

import random
import re
from dataclasses import replace
from itertools import pairwise

import msgspec
import pytest

from sealroom.core.ids import Ids
from sealroom.media.sdp.answer import Agreement, answer_again, answer_first
from sealroom.media.session import ALL_CODECS, SEALABLE_CODECS, Codec
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.limits import MAX_SDP_BYTES
from sealroom_wire.signalling import SlotKind, Track
from server.tests.offers import FIXTURES, SERVER, TRACKS, offer, recorded, section


def first(
    text: str, tracks: dict[str, Track] | None = None, codecs: frozenset[Codec] = ALL_CODECS
) -> Agreement:
    tracks = TRACKS if tracks is None else tracks
    return answer_first(text, tracks, rights=255, codecs=codecs, server=SERVER, ids=Ids(random.Random(7)))


def again(text: str, before: Agreement, codecs: frozenset[Codec] = ALL_CODECS) -> Agreement:
    return answer_again(text, before, codecs=codecs, server=SERVER, ids=Ids(random.Random(8)))


def sections_of(text: str) -> list[str]:
    return re.split(r"^(?=m=)", text, flags=re.M)[1:]


def refused(text: str, tracks: dict[str, Track] | None = None) -> ErrorCode:
    with pytest.raises(Refusal) as caught:
        first(text, tracks)
    return caught.value.code


@pytest.mark.parametrize("name", ["chromium_first", "firefox_first"])
def test_the_answer_to_a_browser_is_the_recorded_one(name: str) -> None:
    """A change here wants a look at what the browsers make of it."""
    golden = FIXTURES / f"{name}.answer.sdp"
    assert first(recorded(name)).sdp == golden.read_bytes().decode()


@pytest.mark.parametrize(
    "name", ["chromium_first", "firefox_first", "chromium_max_bundle", "chromium_unpruned"]
)
def test_every_section_of_a_browser_finds_its_answer_in_place(name: str) -> None:
    text = recorded(name)
    offered, answered = sections_of(text), sections_of(first(text).sdp)
    assert len(offered) == len(answered)
    for asked, given in zip(offered, answered, strict=True):
        assert asked.split(" ")[0] == given.split(" ")[0]
        assert re.findall(r"a=mid:(\S+)", asked) == re.findall(r"a=mid:(\S+)", given)
        if asked.startswith("m=application"):
            assert given.startswith("m=application 0 ")
            continue
        formats = given.split("\r\n")[0].split(" ")[3:]
        assert set(formats) <= set(asked.split("\r\n")[0].split(" ")[3:])
        ids = dict(re.findall(r"a=extmap:(\d+)\S* (\S+)", asked))
        for number, uri in re.findall(r"a=extmap:(\d+)\S* (\S+)", given):
            assert ids[number] == uri
        direction = "a=recvonly" if "a=sendonly\r\n" in asked else "a=sendonly"
        assert f"\r\n{direction}\r\n" in given
        assert "a=setup:passive" in given


def test_a_session_holds_what_the_answer_says() -> None:
    session = first(recorded("chromium_first")).session
    assert [(send.mid, send.track) for send in session.sends] == list(TRACKS.items())
    assert session.sends[1].rids == ("q", "h", "f")
    assert session.sends[0].rids == session.sends[2].rids == ()
    assert [slot.kind for slot in session.slots] == [SlotKind.AUDIO] * 6 + [SlotKind.VIDEO] * 12
    assert [one.codec for one in session.slots[6].codecs] == [Codec.VP8, Codec.H264, Codec.VP9, Codec.AV1]
    assert all(one.rtx_payload_type is not None for one in session.slots[6].codecs)
    assert [one.codec for one in session.sends[0].codecs] == [Codec.OPUS, Codec.RED]
    ssrcs = [ssrc for slot in session.slots for ssrc in (slot.ssrc, slot.rtx_ssrc) if ssrc is not None]
    assert len(set(ssrcs)) == len(ssrcs) == 6 + 12 * 2
    assert len(session.sends[0].ssrcs) == 1


def test_the_engine_is_told_once_what_slots_share() -> None:
    session = first(recorded("chromium_first")).session
    told = msgspec.json.decode(session.encoded())
    full = msgspec.json.decode(msgspec.json.encode(session))
    assert [sorted(slot) for slot in told["slots"]].count(["kind", "mid", "rtx_ssrc", "ssrc"]) == 16
    for before, slot in pairwise(told["slots"]):
        slot.setdefault("codecs", before["codecs"])
        slot.setdefault("extensions", before["extensions"])
    assert told == full


def test_redundancy_is_taken_also_where_it_is_preferred_to_the_codec_that_it_repeats() -> None:
    text = recorded("chromium_first")
    assert "SAVPF 111 63" in text
    answer = first(text.replace("SAVPF 111 63", "SAVPF 63 111"))
    assert [one.codec for one in answer.session.sends[0].codecs] == [Codec.RED, Codec.OPUS]
    assert sections_of(answer.sdp)[0].startswith("m=audio 9 UDP/TLS/RTP/SAVPF 63 111\r\n")


def test_where_media_must_be_sealed_no_codec_is_taken_that_cannot_be() -> None:
    sealable = SEALABLE_CODECS - {Codec.VP9}
    session = first(recorded("chromium_first"), codecs=sealable).session
    assert [one.codec for one in session.sends[1].codecs] == [Codec.VP8, Codec.H264, Codec.AV1]


def test_feedback_is_asked_for_only_where_it_was_offered_and_is_used() -> None:
    answered = sections_of(first(recorded("chromium_first")).sdp)
    assert "a=rtcp-fb:96 transport-cc" in answered[1]
    assert "transport-cc" not in answered[9].replace("rtcp-fb:111", "")
    assert "a=rtcp-fb:96 nack pli" in answered[9]
    assert "goog-remb" not in first(recorded("chromium_first")).sdp


def test_directions_of_extensions_are_turned_round_and_useless_ones_left_out() -> None:
    text = offer().replace("a=extmap:4 urn", "a=extmap:4/sendonly urn")
    answered = sections_of(first(text).sdp)
    assert "a=extmap:4/recvonly urn:ietf:params:rtp-hdrext:sdes:mid" in answered[0]
    assert "a=extmap:4" not in answered[3]


def test_an_encrypted_extension_is_dropped_not_cut_short() -> None:
    encrypted = "a=extmap:9 urn:ietf:params:rtp-hdrext:encrypt urn:3gpp:video-orientation\r\n"
    text = offer().replace("a=rtpmap:96", f"{encrypted}a=rtpmap:96")
    assert "encrypt" not in first(text).sdp


def test_ids_above_14_are_taken_only_by_who_mixes_header_forms() -> None:
    text = offer().replace("extmap:4 ", "extmap:16 ")
    assert "extmap:16" in first(text).sdp
    assert "extmap:16" not in first(text.replace("a=extmap-allow-mixed\r\n", "")).sdp


def test_candidates_stand_once_most_preferred_first() -> None:
    found = re.findall(r"a=candidate:\S+ 1 udp (\d+) (\S+) (\d+) typ host", first(offer()).sdp)
    assert [(address, port) for _, address, port in found] == [("192.0.2.7", "40000"), ("127.0.0.1", "40000")]
    assert int(found[0][0]) > int(found[1][0])


@pytest.mark.parametrize("browser", ["chromium", "firefox"])
def test_a_client_that_wants_more_slots_keeps_the_old_ones(browser: str) -> None:
    before = first(recorded(f"{browser}_first"), codecs=SEALABLE_CODECS)
    after = again(recorded(f"{browser}_grown"), before, codecs=SEALABLE_CODECS)
    assert after.session.slots[:18] == before.session.slots
    assert len(after.session.slots) == 26
    assert after.session.local_ice == before.session.local_ice
    assert after.sdp.startswith(f"v=0\r\no=- {before.origin} 2 ")


def test_new_ice_credentials_restart_on_both_sides() -> None:
    before = first(recorded("chromium_first"), codecs=SEALABLE_CODECS)
    grown = again(recorded("chromium_grown"), before, codecs=SEALABLE_CODECS)
    after = again(recorded("chromium_restarted"), grown, codecs=SEALABLE_CODECS)
    assert after.session.remote_ice != grown.session.remote_ice
    assert after.session.local_ice != grown.session.local_ice
    assert replace_ice(after) == replace_ice(grown)


def replace_ice(agreement: Agreement) -> object:
    return (agreement.session.sends, agreement.session.slots, agreement.session.remote_fingerprint)


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("a slot is gone", lambda text: offer(video=1)),
        ("a slot sends", lambda text: "a=sendrecv".join(text.rsplit("a=recvonly", 1))),
        ("another certificate", lambda text: text.replace("AB:AB", "AC:AB")),
        ("half of the credentials", lambda text: text.replace("ufrag:test", "ufrag:else")),
        ("another mid", lambda text: text.replace("mid:6", "mid:9").replace(" 6", " 9")),
        ("another payload type", lambda text: text.replace("96 97", "98 97").replace("96", "98")),
    ],
)
def test_a_later_offer_changes_nothing_that_was_agreed(what: str, change: object) -> None:
    before = first(offer())
    assert again(offer(), before).session == before.session
    with pytest.raises(Refusal) as caught:
        again(change(offer()), before)  # type: ignore[operator]
    assert caught.value.code is ErrorCode.SDP_NOT_SUPPORTED, what


def test_a_peer_that_only_receives_is_answered() -> None:
    assert first(recorded("chromium_receive_only"), {}).session.sends == ()


def test_a_track_without_its_section_is_refused() -> None:
    assert refused(offer(), {**TRACKS, "9": Track.SCREEN}) is ErrorCode.SDP_NOT_SUPPORTED
    assert refused(offer(), {"0": Track.MAIN}) is ErrorCode.SDP_NOT_SUPPORTED
    assert refused(offer(), {}) is ErrorCode.SDP_NOT_SUPPORTED


def test_64_slots_are_served_and_no_more() -> None:
    assert len(first(offer(audio=6, video=58)).session.slots) == 64
    assert refused(offer(audio=6, video=59)) is ErrorCode.SDP_NOT_SUPPORTED


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("a=setup:actpass", "a=setup:passive"), ErrorCode.SDP_NOT_SUPPORTED),
        (("a=group:BUNDLE 0 1", "a=group:BUNDLE 0"), ErrorCode.SDP_NOT_SUPPORTED),
        (("t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n"), ErrorCode.SDP_NOT_SUPPORTED),
        (("a=rtcp-mux\r\n", ""), ErrorCode.SDP_NOT_SUPPORTED),
        (("sha-256", "sha-1"), ErrorCode.SDP_NOT_SUPPORTED),
        (("UDP/TLS/RTP/SAVPF", "RTP/AVP"), ErrorCode.SDP_NOT_SUPPORTED),
        (("VP8", "VP0"), ErrorCode.SDP_NOT_SUPPORTED),
        (("a=ice-pwd:password", "a=ice-pwd:"), ErrorCode.SDP_MALFORMED),
        (("a=mid:1\r\n", "a=mid:0\r\n"), ErrorCode.SDP_MALFORMED),
        (("a=mid:1\r\n", "a=mid:a b\r\n"), ErrorCode.SDP_MALFORMED),
        (("a=sendonly\r\n", "a=sendonly\r\na=recvonly\r\n"), ErrorCode.SDP_MALFORMED),
        (("v=0\r\n", "v=1\r\n"), ErrorCode.SDP_MALFORMED),
        (("s=-\r\n", "s=\x00\r\n"), ErrorCode.SDP_MALFORMED),
        (("m=audio 9", "m=audio 99999"), ErrorCode.SDP_MALFORMED),
        (("a=rtpmap:96 VP8/90000", "a=rtpmap:96 VP8"), ErrorCode.SDP_MALFORMED),
        (("a=extmap:4 ", "a=extmap:1 "), ErrorCode.SDP_MALFORMED),
    ],
)
def test_what_is_wrong_is_refused_with_its_code(change: tuple[str, str], code: ErrorCode) -> None:
    assert refused(offer().replace(*change)) is code


def test_too_large_too_long_or_too_many_is_refused() -> None:
    assert refused(offer() + "a=x:" + "y" * 3000 + "\r\n") is ErrorCode.SDP_MALFORMED
    assert (
        refused(offer() + ("a=x:" + "y" * 1000 + "\r\n") * (MAX_SDP_BYTES // 1000)) is ErrorCode.SDP_MALFORMED
    )
    many = offer() + "\r\n".join(
        [*(line for mid in range(90) for line in section("audio", f"x{mid}", "recvonly")[:1]), ""]
    )
    assert refused(many) is ErrorCode.SDP_NOT_SUPPORTED


def test_an_extension_id_with_two_meanings_is_refused() -> None:
    text = offer().replace(
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        "a=extmap:13 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    )
    text = text.replace("a=extmap:13/sendonly", "a=extmap:13")
    assert refused(text) is ErrorCode.SDP_MALFORMED


def test_neither_side_s_passwords_show_in_a_representation() -> None:
    agreement = first(offer())
    assert "passwordpassword" not in repr(agreement.session)
    assert replace(agreement, sdp="").session.local_ice.pwd not in repr(agreement.session)

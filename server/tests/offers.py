# SPDX-License-Identifier: Apache-2.0
"""Offers: of real browsers (`fixtures/`, Chromium 156 and Firefox 153), and small ones for tests that mutate or count."""

from pathlib import Path

from sealroom.media.sdp.answer import Server
from sealroom_wire.signalling import Track

FIXTURES = Path(__file__).parent / "fixtures"
SERVER = Server(":".join(["5A"] * 32), (("192.0.2.7", 40000), ("127.0.0.1", 40000)), "1.2")
TRACKS = {"0": Track.AUDIO, "1": Track.MAIN, "2": Track.SCREEN}

_TRANSPORT = (
    "a=ice-ufrag:test",
    "a=ice-pwd:passwordpasswordpassword",
    "a=fingerprint:sha-256 " + ":".join(["AB"] * 32),
    "a=setup:actpass",
)
_AUDIO = (
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
    "a=rtpmap:111 opus/48000/2",
    "a=rtcp-fb:111 transport-cc",
    "a=fmtp:111 minptime=10;useinbandfec=1",
)
_VIDEO = (
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
    "a=extmap:13/sendonly urn:3gpp:video-orientation",
    "a=rtpmap:96 VP8/90000",
    "a=rtcp-fb:96 nack",
    "a=rtcp-fb:96 nack pli",
    "a=rtpmap:97 rtx/90000",
    "a=fmtp:97 apt=96",
)


def recorded(name: str) -> str:
    """An offer as a browser made it."""
    return (FIXTURES / f"{name}.sdp").read_bytes().decode()


def offer(
    *,
    audio: int = 2,
    video: int = 2,
    sends: bool = True,
    ufrag: str = "test",
    pwd: str = "passwordpasswordpassword",
    simulcast: bool = False,
) -> str:
    """A small offer: three sending sections (mids 0 to 2), then receive sections."""
    kinds = [("audio", "sendonly"), ("video", "sendonly"), ("video", "sendonly")] if sends else []
    kinds += [("audio", "recvonly")] * audio + [("video", "recvonly")] * video
    lines = ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    lines += [f"a=group:BUNDLE {' '.join(str(mid) for mid in range(len(kinds)))}", "a=extmap-allow-mixed"]
    for mid, (media, direction) in enumerate(kinds):
        lines += section(media, mid, direction)
        if simulcast and mid == 1 and sends:
            lines += ["a=rid:q send", "a=rid:h send", "a=rid:f send", "a=simulcast:send q;h;f"]
    text = "\r\n".join([*lines, ""])
    return text.replace("ufrag:test", f"ufrag:{ufrag}").replace("pwd:passwordpasswordpassword", f"pwd:{pwd}")


def section(media: str, mid: int | str, direction: str) -> list[str]:
    """One m-section of a small offer."""
    formats = "111" if media == "audio" else "96 97"
    return [
        f"m={media} 9 UDP/TLS/RTP/SAVPF {formats}", "c=IN IP4 0.0.0.0", *_TRANSPORT, f"a=mid:{mid}",
        f"a={direction}", "a=rtcp-mux", *(_AUDIO if media == "audio" else _VIDEO),
    ]  # fmt: skip

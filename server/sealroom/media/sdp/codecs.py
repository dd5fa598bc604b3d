# SPDX-License-Identifier: Apache-2.0
"""Chooses codecs: in the offer's order, one variant of each that the engine knows, with its retransmissions."""

import re
from dataclasses import dataclass

from sealroom.media.sdp.offer import Formats, malformed, not_supported
from sealroom.media.session import Codec, CodecParameters

_RTPMAP = re.compile(r"([0-9]{1,3}) ([A-Za-z0-9_.-]{1,32})/([0-9]{1,6})(?:/([0-9]))?")
_FMTP = re.compile(r"([0-9]{1,3}) (\S.*)")
_FEEDBACK = re.compile(r"([0-9]{1,3}|\*) (\S.*)")

_AUDIO = {("opus", 48000): Codec.OPUS, ("red", 48000): Codec.RED}
_VIDEO = {
    ("vp8", 90000): Codec.VP8,
    ("vp9", 90000): Codec.VP9,
    ("h264", 90000): Codec.H264,
    ("av1", 90000): Codec.AV1,
}
_SENDING = ("transport-cc", "ccm fir", "nack", "nack pli")
"""Feedback that the server gives on what the peer sends."""
_RECEIVING = ("ccm fir", "nack", "nack pli")
"""Feedback that the server takes on what it sends. No transport-cc: there is no estimator on this side yet."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Codecs taken, the payload types of the answer's m-line, and its attribute lines."""

    parameters: tuple[CodecParameters, ...]
    formats: tuple[str, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Mapped:
    """One payload type of the offer."""

    name: str
    clock_rate: int
    channels: str
    fmtp: str
    feedback: tuple[str, ...]


def choose_codecs(offered: Formats, allowed: frozenset[Codec], *, receiving: bool) -> Choice:
    """Chooses for one section; `receiving` says that the peer receives here, so the server sends.

    Raises:
        Refusal: no codec is left, or a codec line cannot be read.
    """
    mapped = _mapped(offered)
    taken: dict[int, Codec] = {}
    payload_types = [int(text) for text in offered.payload_types]
    # Redundancy is looked at last: who prefers it names it before the codec that it repeats.
    for payload_type in sorted(payload_types, key=lambda one: _is_redundancy(mapped.get(one))):
        codec = _codec(offered.media, mapped.get(payload_type), payload_type, taken)
        if codec is not None and codec in allowed and codec not in taken.values():
            taken[payload_type] = codec
    taken = {payload_type: taken[payload_type] for payload_type in payload_types if payload_type in taken}
    if not set(taken.values()) - {Codec.RED}:
        raise not_supported()
    return _choice(offered, taken, mapped, _RECEIVING if receiving else _SENDING)


def _choice(
    offered: Formats, taken: dict[int, Codec], mapped: dict[int, _Mapped], feedback: tuple[str, ...]
) -> Choice:
    rtx = _retransmissions(offered, taken, mapped)
    parameters: list[CodecParameters] = []
    formats: list[str] = []
    lines: list[str] = []
    for payload_type, codec in taken.items():
        parameters.append(
            CodecParameters(payload_type, codec, mapped[payload_type].clock_rate, rtx.get(payload_type))
        )
        for number in (payload_type, rtx.get(payload_type)):
            if number is not None:
                formats.append(str(number))
                lines += _describe(number, mapped[number], feedback)
    return Choice(tuple(parameters), tuple(formats), tuple(lines))


def _describe(payload_type: int, codec: _Mapped, feedback: tuple[str, ...]) -> list[str]:
    channels = f"/{codec.channels}" if codec.channels else ""
    lines = [f"a=rtpmap:{payload_type} {codec.name}/{codec.clock_rate}{channels}"]
    lines += [f"a=rtcp-fb:{payload_type} {kind}" for kind in feedback if kind in codec.feedback]
    if codec.fmtp:
        lines.append(f"a=fmtp:{payload_type} {codec.fmtp}")
    return lines


def _mapped(offered: Formats) -> dict[int, _Mapped]:
    formats = _lines(offered.fmtp, _FMTP)
    feedback = _lines(offered.feedback, _FEEDBACK)
    everywhere = feedback.get("*", [])
    found: dict[int, _Mapped] = {}
    for value in offered.rtpmap:
        match = _RTPMAP.fullmatch(value)
        if match is None or int(match.group(1)) in found:
            raise malformed()
        text, name, clock_rate, channels = match.groups()
        fmtp = formats.get(text, [])
        if len(fmtp) > 1:
            raise malformed()
        found[int(text)] = _Mapped(
            name, int(clock_rate), channels or "", "".join(fmtp), tuple(feedback.get(text, []) + everywhere)
        )
    return found


def _lines(values: tuple[str, ...], shape: re.Pattern[str]) -> dict[str, list[str]]:
    """Values of the form `<payload type> <value>`, by payload type."""
    found: dict[str, list[str]] = {}
    for value in values:
        match = shape.fullmatch(value)
        if match is None:
            raise malformed()
        found.setdefault(match.group(1), []).append(match.group(2))
    return found


def _codec(media: str, mapped: _Mapped | None, payload_type: int, taken: dict[int, Codec]) -> Codec | None:
    """What the engine calls this payload type; None for what is passed over."""
    # 64 to 95 would look like RTCP on a shared port (RFC 5761 section 4).
    if mapped is None or 64 <= payload_type <= 95:
        return None
    key = (mapped.name.lower(), mapped.clock_rate)
    if media == "audio":
        codec = _AUDIO.get(key)
        if codec is Codec.RED:
            return codec if _redundancy_of(mapped.fmtp, taken) else None
        return codec if mapped.channels == "2" else None
    codec = _VIDEO.get(key)
    return codec if codec is not None and _variant_is_served(codec, mapped.fmtp) else None


def _is_redundancy(mapped: _Mapped | None) -> bool:
    return mapped is not None and _AUDIO.get((mapped.name.lower(), mapped.clock_rate)) is Codec.RED


def _redundancy_of(fmtp: str, taken: dict[int, Codec]) -> bool:
    """RED counts only as redundancy of the Opus that was taken (RFC 2198)."""
    return all(
        text.isascii() and text.isdigit() and len(text) <= 3 and int(text) in taken
        for text in fmtp.split("/")
    )


def _variant_is_served(codec: Codec, fmtp: str) -> bool:
    """One variant of each: the one that every browser has, so that whoever sends can be shown by whoever receives."""
    parameters = _parameters(fmtp)
    match codec:
        case Codec.H264:
            return parameters.get("packetization-mode") == "1"
        case Codec.VP9:
            return parameters.get("profile-id", "0") == "0"
        case Codec.AV1:
            return parameters.get("profile", "0") == "0"
        case _:
            return True


def _parameters(fmtp: str) -> dict[str, str]:
    pairs = (part.strip().partition("=") for part in fmtp.split(";"))
    return {name.lower(): value for name, _, value in pairs}


def _retransmissions(offered: Formats, taken: dict[int, Codec], mapped: dict[int, _Mapped]) -> dict[int, int]:
    """For each payload type taken, that of its retransmissions (RFC 4588 section 8.6)."""
    found: dict[int, int] = {}
    for text in offered.payload_types:
        codec = mapped.get(int(text))
        if codec is None or codec.name.lower() != "rtx" or 64 <= int(text) <= 95:
            continue
        apt = _parameters(codec.fmtp).get("apt", "")
        if apt.isascii() and apt.isdigit() and len(apt) <= 3 and int(apt) in taken:
            found.setdefault(int(apt), int(text))
    return found

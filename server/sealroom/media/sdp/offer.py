# SPDX-License-Identifier: Apache-2.0
"""Reads an offer (RFC 8866, with the attributes of RFC 8829) into sections. Unknown attributes are passed over."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.limits import MAX_SDP_BYTES

MAX_SECTIONS = 80
"""Three sending sections, 64 slots, a data section, and a few that were stopped."""
MAX_FORMATS = 128
MAX_PAYLOAD_TYPE = 127
MAX_EXTENSIONS = 64

_LINES = re.compile(r"(?:[abceikmoprstuvz]=[\t -~\x80-\U0010ffff]{0,2046}+\n)++")
"""Lines of at most 2 kB without control characters. One pass over the text: no part of it can match in two ways."""
_MID = re.compile(r"[A-Za-z0-9_-]{1,16}")
_ICE_CHARS = re.compile(r"[A-Za-z0-9+/]+")
_FINGERPRINT = re.compile(r"(?i)sha-256 ([0-9A-F]{2}(?::[0-9A-F]{2}){31})")
_DECIMAL = re.compile(r"[0-9]{1,10}")
_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_RTP_PROTOCOL = "UDP/TLS/RTP/SAVPF"
_OF_TRANSPORT = ("ice-ufrag", "ice-pwd", "setup", "fingerprint")
_DATA_PROTOCOLS = ("UDP/DTLS/SCTP", "TCP/DTLS/SCTP")
_ITS_BROWSERS = re.compile(r"(?m)^((?:a=(?:rtpmap|fmtp|rtcp-fb|extmap)(?::[^\n]*+)?\n)++)")
"""Runs of lines that are the same in every offer of a browser's version, and most of each. Nothing of a device stands in them."""
MAX_REMEMBERED = 256
"""Lists of codecs and header extensions that are not read again, and choices among them that are not worked out again. One browser of
one version needs about six; lower costs processor time, some 50 kB each save memory."""
MOST_REMEMBERED_LINES, MOST_REMEMBERED_CHARACTERS = 300, 16_384
"""A longer list is no browser's, and is read each time: who wants to could fill the memory with it. Chromium's longest has 150 lines and 6 kB."""

Attributes = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Extension:
    """One `a=extmap` line; `direction` is empty where the line has none, `parameters` is what follows the URI."""

    id: int
    direction: str
    uri: str
    parameters: str


@dataclass(frozen=True, slots=True)
class Formats:
    """What a section says of its codecs and header extensions, line by line; browsers of one version all say the same."""

    media: str
    payload_types: tuple[str, ...]
    are_numbers: bool
    """Whether its payload types are all numbers that one can be."""
    usual: bool
    """Whether it is short enough for a browser's, so that what is made of it may be remembered."""
    rtpmap: tuple[str, ...]
    fmtp: tuple[str, ...]
    feedback: tuple[str, ...]
    extmap: tuple[str, ...]


class Section(msgspec.Struct, frozen=True):
    """One m-section. `attributes` holds the values of every attribute by name, but its mid and what is `described`; flags have the value ''.

    **Sections of one offer with the same `look` differ in their mid alone**: what is worked out for one holds for all. A browser
    offers dozens of slots and means two or three looks.
    """

    look: int
    media: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    mid: str
    direction: str
    attributes: Attributes
    described: Formats
    """Its codecs and header extensions."""

    def named(self, mid: str) -> "Section":
        """The same under another mid."""
        return msgspec.structs.replace(self, mid=mid)

    @property
    def is_data(self) -> bool:
        """A section for data channels."""
        return self.media == "application"

    @property
    def is_rejected(self) -> bool:
        """Switched off by the offerer (port 0 without `bundle-only`: RFC 8843 section 6)."""
        return self.port == 0 and "bundle-only" not in self.attributes


@dataclass(frozen=True, slots=True)
class Transport:
    """What the one transport of the bundle needs. The fingerprint is in upper case."""

    ufrag: str
    pwd: str
    fingerprint: str

    def __repr__(self) -> str:
        return "Transport(..)"


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer whose transport is one bundle with DTLS."""

    sections: tuple[Section, ...]
    looks: tuple[Section, ...]
    """The first section of each look."""
    transport: Transport
    allow_mixed_extensions: bool


def malformed() -> Refusal:
    """The text breaks a rule of SDP."""
    return Refusal(ErrorCode.SDP_MALFORMED)


def not_supported() -> Refusal:
    """The text is SDP, but asks for something that is not served."""
    return Refusal(ErrorCode.SDP_NOT_SUPPORTED)


def read_offer(text: str) -> Offer:
    """Reads an offer.

    Raises:
        Refusal: `sdp_malformed` where a rule of SDP is broken, `sdp_not_supported` for what is not served.
    """
    head, bodies = _split(text)
    session = _attributes(head)
    looks: dict[str, Section] = {}
    sections = tuple([_section(body, looks) for body in bodies])
    used = [section for section in sections if not section.is_rejected]
    mids = [section.mid for section in used]
    if len(set(mids)) != len(mids):
        raise malformed()
    _check_bundle(session, mids)
    different = tuple(looks.values())
    media = [section for section in different if not section.is_rejected and not section.is_data]
    if not media:
        raise not_supported()
    mixed = "extmap-allow-mixed"
    allow_mixed = mixed in session or all(mixed in section.attributes for section in media)
    return Offer(sections, different, _transport(session, different), allow_mixed)


def _split(text: str) -> tuple[list[str], list[str]]:
    """The session's lines, and what each section says after `m=`."""
    # Characters are counted first: the exact count costs an encoding of the whole text.
    if len(text) > MAX_SDP_BYTES or len(text.encode("utf-8", "replace")) > MAX_SDP_BYTES:
        raise malformed()
    if not text.endswith("\n"):
        raise malformed()
    head, *bodies = text[:-1].split("\nm=")
    lines = _checked(_in_lf(head))
    if lines[0] != "v=0" or len(lines) < 2 or not lines[1].startswith("o="):
        raise malformed()
    if not 1 <= len(bodies) <= MAX_SECTIONS:
        raise not_supported()
    return lines, bodies


def _in_lf(text: str) -> str:
    """Lines that end with LF or CR LF, each with LF. The last one's LF is gone already."""
    return text.replace("\r\n", "\n").removesuffix("\r") + "\n"


def _checked(text: str) -> list[str]:
    """Its lines, all of them ended by LF."""
    if not _LINES.fullmatch(text):
        raise malformed()
    return text[:-1].split("\n")


def _attributes(lines: Sequence[str]) -> Attributes:
    found: Attributes = {}
    for line in lines:
        if line[0] == "a":
            name, _, value = line[2:].partition(":")
            if name in found:
                found[name].append(value)
            else:
                found[name] = [value]
    return found


def _section(body: str, looks: dict[str, Section]) -> Section:
    """Reads a section, or finds it in `looks` but for its mid."""
    before, _, after = body.partition("\na=mid:")
    mid, newline, rest = after.partition("\n")
    look = before + newline + rest
    mid = mid.removesuffix("\r")
    known = looks.get(look)
    section = (known or _read_section(f"m={look}", len(looks))).named(mid)
    # One that is switched off needs no mid; what it has stands in the answer too.
    if (mid or not section.is_rejected) and not _MID.fullmatch(mid):
        raise malformed()
    if known is None:
        looks[look] = section
    return section


def _read_section(text: str, look: int) -> Section:
    """A section without its mid."""
    parts = _ITS_BROWSERS.split(_in_lf(text))
    lines = _checked("".join(parts[::2]))
    words = lines[0][2:].split(" ")
    if len(words) < 4 or not all(words) or len(words) > MAX_FORMATS + 3:
        raise malformed()
    media, port, protocol, *formats = words
    described = _read_formats(media, tuple(formats), "".join(parts[1::2]))
    if media not in {"audio", "video", "application"}:
        raise not_supported()
    attributes = _attributes(lines)
    if "mid" in attributes:
        raise malformed()
    direction = _direction(attributes)
    section = Section(
        look, media, _number(port, 65535), protocol, described.payload_types, "", direction, attributes, described
    )  # fmt: skip
    _check_section(section)
    return section


def _read_formats(media: str, payload_types: tuple[str, ...], text: str) -> Formats:
    usual = len(text) <= MOST_REMEMBERED_CHARACTERS and text.count("\n") <= MOST_REMEMBERED_LINES
    return (
        _remembered(media, payload_types, text)
        if usual
        else _formats(media, payload_types, text, usual=False)
    )


@lru_cache(MAX_REMEMBERED)
def _remembered(media: str, payload_types: tuple[str, ...], text: str) -> Formats:
    return _formats(media, payload_types, text, usual=True)


def _formats(media: str, payload_types: tuple[str, ...], text: str, *, usual: bool) -> Formats:
    attributes = _attributes(_checked(text)) if text else {}
    rtpmap, fmtp, feedback, extmap = (
        tuple(attributes.get(name, ())) for name in ("rtpmap", "fmtp", "rtcp-fb", "extmap")
    )
    are_numbers = all(_DECIMAL.fullmatch(one) and int(one) <= MAX_PAYLOAD_TYPE for one in payload_types)
    return Formats(media, payload_types, are_numbers, usual, rtpmap, fmtp, feedback, extmap)


def _check_section(section: Section) -> None:
    if section.is_rejected:
        return
    if section.is_data:
        if section.protocol not in _DATA_PROTOCOLS:
            raise not_supported()
        return
    if section.protocol != _RTP_PROTOCOL or "rtcp-mux" not in section.attributes:
        raise not_supported()
    if not section.described.are_numbers:
        raise malformed()
    if len(section.described.extmap) > MAX_EXTENSIONS:
        raise not_supported()


def _direction(attributes: Attributes) -> str:
    found = [name for name in _DIRECTIONS if name in attributes]
    if len(found) > 1:
        raise malformed()
    return found[0] if found else "sendrecv"


def _single(attributes: Attributes, name: str) -> str:
    """The value of an attribute that may occur once; '' where it does not occur."""
    values = attributes.get(name, [])
    if len(values) > 1:
        raise malformed()
    return values[0] if values else ""


def _number(text: str, most: int) -> int:
    if not _DECIMAL.fullmatch(text) or int(text) > most:
        raise malformed()
    return int(text)


def _check_bundle(session: Attributes, mids: list[str]) -> None:
    """Every section must lie in one bundle: there is one transport per peer."""
    groups = [value.split(" ") for value in session.get("group", []) if value.split(" ")[0] == "BUNDLE"]
    if len(groups) != 1 or not set(mids) <= set(groups[0][1:]):
        raise not_supported()


def _transport(session: Attributes, sections: tuple[Section, ...]) -> Transport:
    if "ice-lite" in session:
        raise not_supported()
    used = [section.attributes for section in sections if not section.is_rejected and not _inherits(section)]
    # Browsers repeat it in each section: what says the same is read once.
    said = {tuple([tuple(own.get(name, ())) for name in _OF_TRANSPORT]): own for own in used}
    found = {_transport_of(session, own) for own in said.values()}
    if len(found) != 1:
        raise malformed()
    return found.pop()


def _inherits(section: Section) -> bool:
    """A bundled section may leave its transport to another one of the bundle (RFC 8843 section 7.1.3)."""
    return "bundle-only" in section.attributes and "ice-ufrag" not in section.attributes


def _transport_of(session: Attributes, own: Attributes) -> Transport:
    ufrag = _single(own, "ice-ufrag") or _single(session, "ice-ufrag")
    pwd = _single(own, "ice-pwd") or _single(session, "ice-pwd")
    if not _ICE_CHARS.fullmatch(ufrag) or not _ICE_CHARS.fullmatch(pwd):
        raise malformed()
    if not 4 <= len(ufrag) <= 256 or not 22 <= len(pwd) <= 256:
        raise malformed()
    # The server is the passive side of DTLS: an offerer that wants to be passive too gets nowhere (RFC 5763 section 5).
    if (_single(own, "setup") or _single(session, "setup")) not in {"actpass", "active"}:
        raise not_supported()
    return Transport(ufrag, pwd, _fingerprint(own.get("fingerprint") or session.get("fingerprint", [])))


def _fingerprint(values: list[str]) -> str:
    """The SHA-256 fingerprint among those given (RFC 8122 section 5)."""
    found = [match.group(1).upper() for value in values if (match := _FINGERPRINT.fullmatch(value))]
    if not found:
        raise not_supported()
    if len(found) > 1:
        raise malformed()
    return found[0]

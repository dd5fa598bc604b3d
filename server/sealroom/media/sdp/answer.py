# SPDX-License-Identifier: Apache-2.0
"""Answers an offer: one section for one, in the offer's order, never more than was offered (RFC 8829 section 5.3).

The server is ICE-lite and the passive side of DTLS. Sections that carry a track of the peer are received, the others are
the peer's receive slots, numbered in the offer's order; a data section is refused with port 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from sealroom.core.ids import Ids
from sealroom.media.sdp.codecs import choose_codecs
from sealroom.media.sdp.extensions import choose_extensions
from sealroom.media.sdp.offer import (
    MAX_REMEMBERED,
    Formats,
    Offer,
    Section,
    malformed,
    not_supported,
    read_offer,
)
from sealroom.media.sdp.streams import media_ssrcs, simulcast_ids
from sealroom.media.session import (
    Codec,
    CodecParameters,
    Credentials,
    DtlsVersion,
    ExtensionId,
    ReceiveSlot,
    SendTrack,
    Session,
)
from sealroom_wire.limits import MAX_SLOTS
from sealroom_wire.signalling import SlotKind, Track

_UFRAG_CHARACTERS = 12
_PWD_CHARACTERS = 24
"""144 bits; RFC 8445 section 5.3 asks for 128."""
_CNAME = "sealroom"
_HOST_PREFERENCE = 126 << 24
"""Type preference of host candidates (RFC 8445 section 5.1.2.2)."""


@dataclass(frozen=True, slots=True)
class Server:
    """What the answer says of the server: its certificate, and where media is taken, most preferred first."""

    fingerprint: str
    addresses: tuple[tuple[str, int], ...]
    dtls: DtlsVersion


class _Agreed(NamedTuple):
    """What a section is for, for as long as the session lasts."""

    media: str
    mid: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """An offer and its answer: the session for the engine, the text for the peer."""

    session: Session
    sdp: str
    sections: tuple[_Agreed, ...]
    origin: int
    version: int


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Codecs and header extensions of one section, and what the answer says of them, lines joined."""

    parameters: tuple[CodecParameters, ...]
    extensions: tuple[ExtensionId, ...]
    repaired: bool
    """Whether lost packets are sent again, in a stream of their own."""
    formats: str
    codec_lines: str
    extension_lines: tuple[str, ...]


class _Slots(NamedTuple):
    """What all slots of one look have in common, around what each has of its own: its mid, its number, its SSRCs."""

    chosen: _Chosen
    opening: str
    before_mid: str
    before_number: str
    before_ssrcs: str


@dataclass(slots=True)
class _Draft:
    """The answer as it grows, section by section."""

    offer: Offer
    server: Server
    ids: Ids
    codecs: frozenset[Codec]
    tracks: Mapping[str, Track]
    local_ice: Credentials
    transport_lines: str
    known_slots: tuple[ReceiveSlot, ...]
    ssrcs: dict[int, tuple[int, ...]]
    """What the offer names, by look."""
    taken_ssrcs: set[int]
    sends: list[SendTrack] = field(default_factory=list)
    slots: list[ReceiveSlot] = field(default_factory=list)
    agreed: list[_Agreed] = field(default_factory=list)
    bundle: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    kinds: dict[int, _Slots] = field(default_factory=dict)
    """What slots have in common, by look."""


def answer_first(
    text: str, tracks: Mapping[str, Track], *, rights: int, codecs: frozenset[Codec], server: Server, ids: Ids
) -> Agreement:
    """Answers the first offer of a peer. `tracks` says which mid carries which of the peer's tracks.

    Raises:
        Refusal: `sdp_malformed` or `sdp_not_supported`.
    """
    offer = read_offer(text)
    draft = _draft(offer, tracks, codecs, server, ids, _fresh_credentials(ids), ())
    return _finish(draft, rights, origin=ids.number(62), version=1)


def answer_again(
    text: str, before: Agreement, *, codecs: frozenset[Codec], server: Server, ids: Ids
) -> Agreement:
    """Answers a later offer: sections already there keep their place, mid and meaning; new ones are receive slots.

    A new ICE user name fragment restarts ICE, with new credentials on this side too (RFC 8445 section 2.4).

    Raises:
        Refusal: `sdp_malformed`, or `sdp_not_supported` also where something changed that must stay.
    """
    offer = read_offer(text)
    old = before.session
    transport = offer.transport
    same_ice = (transport.ufrag, transport.pwd) == (old.remote_ice.ufrag, old.remote_ice.pwd)
    half_changed = transport.ufrag == old.remote_ice.ufrag or transport.pwd == old.remote_ice.pwd
    if transport.fingerprint != old.remote_fingerprint or (half_changed and not same_ice):
        raise not_supported()
    tracks = {send.mid: send.track for send in old.sends}
    local_ice = old.local_ice if same_ice else _fresh_credentials(ids)
    draft = _draft(offer, tracks, codecs, server, ids, local_ice, old.slots)
    agreement = _finish(draft, old.rights, origin=before.origin, version=before.version + 1)
    _check_continues(before, agreement)
    return agreement


def _fresh_credentials(ids: Ids) -> Credentials:
    return Credentials(ids.ice_text(_UFRAG_CHARACTERS), ids.ice_text(_PWD_CHARACTERS))


def _draft(
    offer: Offer,
    tracks: Mapping[str, Track],
    codecs: frozenset[Codec],
    server: Server,
    ids: Ids,
    local_ice: Credentials,
    known_slots: tuple[ReceiveSlot, ...],
) -> _Draft:
    ssrcs = {section.look: media_ssrcs(section) for section in offer.looks}
    taken = {ssrc for named in ssrcs.values() for ssrc in named}
    for slot in known_slots:
        taken |= {slot.ssrc} | ({slot.rtx_ssrc} if slot.rtx_ssrc else set())
    transport = "\r\n".join(
        [
            f"a=ice-ufrag:{local_ice.ufrag}",
            f"a=ice-pwd:{local_ice.pwd}",
            f"a=fingerprint:sha-256 {server.fingerprint}",
            "a=setup:passive",
        ]
    )
    return _Draft(offer, server, ids, codecs, tracks, local_ice, transport, known_slots, ssrcs, taken)


def _finish(draft: _Draft, rights: int, *, origin: int, version: int) -> Agreement:
    for section in draft.offer.sections:
        _answer_section(draft, section)
    if {send.mid for send in draft.sends} != set(draft.tracks) or len(draft.slots) > MAX_SLOTS:
        raise not_supported()
    _check_sends(draft.sends)
    head = [
        "v=0",
        f"o=- {origin} {version} IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        f"a=group:BUNDLE {' '.join(draft.bundle)}",
    ]
    if draft.offer.allow_mixed_extensions:
        head.append("a=extmap-allow-mixed")
    transport = draft.offer.transport
    session = Session(
        local_ice=draft.local_ice,
        remote_ice=Credentials(transport.ufrag, transport.pwd),
        remote_fingerprint=transport.fingerprint,
        dtls=draft.server.dtls,
        rights=rights,
        sends=tuple(draft.sends),
        slots=tuple(draft.slots),
    )
    text = "\r\n".join([*head, *draft.lines, ""])
    return Agreement(session, text, tuple(draft.agreed), origin, version)


def _answer_section(draft: _Draft, section: Section) -> None:
    if section.is_data or section.is_rejected:
        _reject(draft, section)
    elif section.mid in draft.tracks:
        _receive(draft, section, draft.tracks[section.mid])
    else:
        _send(draft, section)


def _reject(draft: _Draft, section: Section) -> None:
    draft.agreed.append(_Agreed(section.media, section.mid, "rejected"))
    draft.lines.append(f"m={section.media} 0 {section.protocol} {' '.join(section.formats)}")
    draft.lines.append("c=IN IP4 0.0.0.0")
    if section.mid:
        draft.lines.append(f"a=mid:{section.mid}")
    if not section.is_data:
        draft.lines.append("a=inactive")


def _receive(draft: _Draft, section: Section, track: Track) -> None:
    """A section in which the peer sends one of its tracks."""
    if section.media != ("audio" if track is Track.AUDIO else "video"):
        raise not_supported()
    if section.direction not in {"sendonly", "sendrecv"}:
        raise not_supported()
    chosen = _choose(draft, section, receiving=False)
    rids = simulcast_ids(section)
    draft.sends.append(
        SendTrack(section.mid, track, chosen.parameters, rids, chosen.extensions, draft.ssrcs[section.look])
    )
    _begin(draft, section, chosen, track.value)
    draft.lines += [*chosen.extension_lines, "a=recvonly", chosen.codec_lines]
    draft.lines += [f"a=rid:{rid} recv" for rid in rids]
    if rids:
        draft.lines.append(f"a=simulcast:recv {';'.join(rids)}")


def _send(draft: _Draft, section: Section) -> None:
    """A section in which the peer is ready to receive: a slot."""
    if section.direction != "recvonly":
        raise not_supported()
    kind = draft.kinds.get(section.look)
    if kind is None:
        kind = draft.kinds[section.look] = _slots_like(draft, section)
    slot = _slot(draft, section, kind.chosen)
    ssrcs = f"a=ssrc:{slot.ssrc} cname:{_CNAME}"
    if slot.rtx_ssrc is not None:
        ssrcs = f"a=ssrc-group:FID {slot.ssrc} {slot.rtx_ssrc}\r\n{ssrcs}\r\na=ssrc:{slot.rtx_ssrc} cname:{_CNAME}"
    draft.agreed.append(_Agreed(section.media, section.mid, "slot"))
    draft.lines += [
        *_first(draft, section, kind.opening),
        f"{kind.before_mid}{section.mid}{kind.before_number}{len(draft.slots)}{kind.before_ssrcs}{ssrcs}",
    ]
    draft.slots.append(slot)


def _slots_like(draft: _Draft, section: Section) -> _Slots:
    chosen = _choose(draft, section, receiving=True)
    after_mid = [*_after_mid(section), *chosen.extension_lines, "a=sendonly", "a=msid:- slot-"]
    return _Slots(
        chosen,
        _opening(section, chosen),
        f"{draft.transport_lines}\r\na=mid:",
        "\r\n" + "\r\n".join(after_mid),
        f"\r\n{chosen.codec_lines}\r\n",
    )


def _choose(draft: _Draft, section: Section, *, receiving: bool) -> _Chosen:
    choose = _remembered if section.described.usual else _chosen
    mixed = draft.offer.allow_mixed_extensions
    return choose(section.described, draft.codecs, receiving=receiving, mixed=mixed)


def _chosen(offered: Formats, codecs: frozenset[Codec], *, receiving: bool, mixed: bool) -> _Chosen:
    choice = choose_codecs(offered, codecs, receiving=receiving)
    extensions, lines = choose_extensions(offered, receiving=receiving, allow_mixed=mixed)
    joined = ("\r\n".join(lines),) if lines else ()
    repaired = any(codec.rtx_payload_type is not None for codec in choice.parameters)
    return _Chosen(
        choice.parameters, extensions, repaired, " ".join(choice.formats), "\r\n".join(choice.lines), joined
    )


_remembered = lru_cache(MAX_REMEMBERED)(_chosen)


def _slot(draft: _Draft, section: Section, chosen: _Chosen) -> ReceiveSlot:
    known = draft.known_slots[len(draft.slots)] if len(draft.slots) < len(draft.known_slots) else None
    if known is not None:
        ssrc, rtx_ssrc = known.ssrc, known.rtx_ssrc
    else:
        ssrc = draft.ids.ssrc(draft.taken_ssrcs)
        rtx_ssrc = draft.ids.ssrc(draft.taken_ssrcs) if chosen.repaired else None
    return ReceiveSlot(
        section.mid, SlotKind(section.media), ssrc, rtx_ssrc, chosen.parameters, chosen.extensions
    )


def _begin(draft: _Draft, section: Section, chosen: _Chosen, purpose: str) -> None:
    """The lines that every section of the bundle has."""
    draft.agreed.append(_Agreed(section.media, section.mid, purpose))
    draft.lines += [
        *_first(draft, section, _opening(section, chosen)),
        draft.transport_lines, f"a=mid:{section.mid}", *_after_mid(section),
    ]  # fmt: skip


def _opening(section: Section, chosen: _Chosen) -> str:
    return f"m={section.media} 9 {section.protocol} {chosen.formats}\r\nc=IN IP4 0.0.0.0"


def _first(draft: _Draft, section: Section, opening: str) -> list[str]:
    """The lines that a section begins with. Candidates stand in the bundle's first one only (RFC 8843 section 9)."""
    lines = [opening] if draft.bundle else [opening, *_candidates(draft.server)]
    draft.bundle.append(section.mid)
    return lines


def _after_mid(section: Section) -> list[str]:
    return ["a=rtcp-mux", "a=rtcp-rsize"] if "rtcp-rsize" in section.attributes else ["a=rtcp-mux"]


def _candidates(server: Server) -> list[str]:
    lines: list[str] = []
    for place, (address, port) in enumerate(server.addresses):
        priority = _HOST_PREFERENCE | (65535 - place) << 8 | 255
        lines.append(f"a=candidate:{place + 1} 1 udp {priority} {address} {port} typ host")
    return [*lines, "a=end-of-candidates"]


def _check_sends(sends: list[SendTrack]) -> None:
    """What shares one transport must not contradict itself: ids and SSRCs mean one thing in all that the peer sends."""
    uris: dict[int, str] = {}
    for send in sends:
        for extension in send.extensions:
            if uris.setdefault(extension.id, extension.uri) != extension.uri:
                raise malformed()
    ssrcs = [ssrc for send in sends for ssrc in send.ssrcs]
    if len(set(ssrcs)) != len(ssrcs):
        raise malformed()


def _check_continues(before: Agreement, after: Agreement) -> None:
    for old, new in zip(before.sections, after.sections, strict=False):
        # A data section that was refused may come back under another mid (RFC 8829 section 5.2.2).
        same = old.media == new.media == "application" or old == new
        if not same:
            raise not_supported()
    if len(after.sections) < len(before.sections):
        raise not_supported()
    slots_kept = all(
        (old.mid, old.kind, old.codecs, old.extensions) == (new.mid, new.kind, new.codecs, new.extensions)
        for old, new in zip(before.session.slots, after.session.slots, strict=False)
    )
    sends_kept = all(
        (old.mid, old.track, old.rids, old.codecs) == (new.mid, new.track, new.rids, new.codecs)
        for old, new in zip(before.session.sends, after.session.sends, strict=True)
    )
    if not slots_kept or not sends_kept:
        raise not_supported()

# SPDX-License-Identifier: Apache-2.0
"""What an offer says of the streams within one section: simulcast ids and SSRCs."""

import re

from sealroom.media.sdp.offer import Section, malformed, not_supported

MAX_LAYERS = 3
MAX_SSRCS = 16

_RID = re.compile(r"([A-Za-z0-9_-]{1,16}) (send|recv)(?: (.*))?")
_SSRC = re.compile(r"([0-9]{1,10}) .*")
_FID = re.compile(r"FID ([0-9]{1,10}) ([0-9]{1,10})")


def simulcast_ids(section: Section) -> tuple[str, ...]:
    """The ids of a simulcast in the offer's order, which is lowest layer first; empty without simulcast (RFC 8853)."""
    values = section.attributes.get("simulcast", [])
    if not values:
        return ()
    if len(values) > 1 or section.media != "video":
        raise malformed()
    words = values[0].split(" ")
    if len(words) != 2 or words[0] != "send":
        raise not_supported()
    # A leading `~` says "paused at first" (RFC 8853 section 5.1); alternatives in one place (`,`) are not served.
    rids = tuple(part.removeprefix("~") for part in words[1].split(";"))
    if not 1 <= len(rids) <= MAX_LAYERS:
        raise not_supported()
    if len(set(rids)) != len(rids) or not set(rids) <= _sent_rids(section):
        raise malformed()
    return rids


def _sent_rids(section: Section) -> set[str]:
    """Ids declared by `a=rid:<id> send`; ones with restrictions are not served (RFC 8851)."""
    found: set[str] = set()
    for value in section.attributes.get("rid", []):
        match = _RID.fullmatch(value)
        if match is None or match.group(1) in found:
            raise malformed()
        if match.group(2) != "send" or match.group(3):
            raise not_supported()
        found.add(match.group(1))
    return found


def media_ssrcs(section: Section) -> tuple[int, ...]:
    """SSRCs that the offer names, without those of retransmissions (RFC 5576)."""
    repairs = {
        _ssrc(match.group(2))
        for value in section.attributes.get("ssrc-group", [])
        if (match := _FID.fullmatch(value))
    }
    found: dict[int, None] = {}
    for value in section.attributes.get("ssrc", []):
        match = _SSRC.fullmatch(value)
        if match is None:
            raise malformed()
        found[_ssrc(match.group(1))] = None
    if len(found) > MAX_SSRCS:
        raise not_supported()
    return tuple(ssrc for ssrc in found if ssrc not in repairs)


def _ssrc(text: str) -> int:
    if not 1 <= int(text) <= 0xFFFF_FFFF:
        raise malformed()
    return int(text)

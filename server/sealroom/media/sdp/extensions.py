# SPDX-License-Identifier: Apache-2.0
"""Chooses header extensions: those the engine reads or writes, under the offer's ids, directions turned round."""

import re

from sealroom.media.sdp.offer import Extension, Formats, malformed
from sealroom.media.session import ExtensionId

_EXTMAP = re.compile(r"([0-9]{1,5})(?:/(sendrecv|sendonly|recvonly|inactive))? (\S{1,256})(?: (.*))?")

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
_CAPTURE_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
_AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
_ORIENTATION = "urn:3gpp:video-orientation"
_PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"

READ = frozenset(
    {
        MID,
        _CAPTURE_TIME,
        _AUDIO_LEVEL,
        _ORIENTATION,
        _PLAYOUT_DELAY,
        "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
        "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
        "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
        "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00",
    }
)
"""On what the peer sends."""
WRITTEN = frozenset({MID, _CAPTURE_TIME, _AUDIO_LEVEL, _ORIENTATION, _PLAYOUT_DELAY})
"""On what the server sends: what it can carry over from the publisher."""

_TURNED = {"sendonly": "recvonly", "recvonly": "sendonly"}


def choose_extensions(
    offered: Formats, *, receiving: bool, allow_mixed: bool
) -> tuple[tuple[ExtensionId, ...], tuple[str, ...]]:
    """Extensions taken, and the answer's lines; `receiving` says that the peer receives in this section.

    Extensions with parameters (`encrypt` is one) are left out: an echo that is not complete makes browsers throw.
    """
    known, useless = (WRITTEN, "sendonly") if receiving else (READ, "recvonly")
    taken: list[ExtensionId] = []
    lines: list[str] = []
    for extension in _extensions(offered):
        # Ids above 14 need two-byte headers (RFC 8285 section 4.3), which only a peer that mixes both forms takes.
        fits = 1 <= extension.id <= (255 if allow_mixed else 14) and extension.id != 15
        wanted = extension.uri in known and extension.direction not in {useless, "inactive"}
        if fits and wanted and not extension.parameters:
            taken.append(ExtensionId(extension.id, extension.uri))
            turned = _TURNED.get(extension.direction, extension.direction)
            lines.append(f"a=extmap:{extension.id}{'/' if turned else ''}{turned} {extension.uri}")
    return tuple(taken), tuple(lines)


def _extensions(offered: Formats) -> list[Extension]:
    found: list[Extension] = []
    for value in offered.extmap:
        match = _EXTMAP.fullmatch(value)
        if match is None:
            raise malformed()
        number, direction, uri, parameters = match.groups()
        found.append(Extension(int(number), direction or "", uri, parameters or ""))
    if len({extension.id for extension in found}) != len(found):
        raise malformed()
    if len({(extension.uri, extension.parameters) for extension in found}) != len(found):
        raise malformed()
    return found

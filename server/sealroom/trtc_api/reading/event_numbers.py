# SPDX-License-Identifier: Apache-2.0
"""Events of calls under the numbers of TRTC's table (trtc.io 37906), those of its web clients where it has both.

What its table has no number for is not told by this API: another number would say something else.
"""

from collections.abc import Mapping

from sealroom.quality.models import CallEvent, EventKind
from sealroom.rooms.events import EnterReason, ExitReason
from sealroom.trtc_api.history import Event
from sealroom_wire.signalling import Track

NETWORK, VISIBILITY, PERMISSION, CAMERA_FAILED, FIRST_PICTURE = 1003, 2001, 2002, 4002, 5007
ENTERED, LEFT = 7000, 7001
SIGNALLING_AGAIN, MEDIA_CONNECTED = 32791, 32793

_AUDIO: Mapping[EventKind, int] = {
    EventKind.PUBLISH: 32769, EventKind.UNPUBLISH: 32771, EventKind.MUTE: 32772, EventKind.UNMUTE: 32774,
}  # fmt: skip
_VIDEO: Mapping[EventKind, int] = {
    EventKind.PUBLISH: 32768, EventKind.UNPUBLISH: 32770, EventKind.MUTE: 32773, EventKind.UNMUTE: 32775,
}  # fmt: skip
_NETWORKS = {"none": 0, "wifi": 1, "cellular": 2, "wired": 5}
"""TRTC tells 2G to 4G apart, browsers do not: `cellular` is its 4G."""
_SWITCHED = {"camera": 32780, "microphone": 32781}
_NOT_PERMITTED = {"microphone": 4, "camera": 5}
_LEFT = {ExitReason.TIMEOUT: 1, ExitReason.KILLED: 1, ExitReason.REMOVED: 2}
_NO_VIDEO, _LARGE, _RELAYED = 0, 2, 7


def told(event: CallEvent) -> Event | None:
    """The event as TRTC numbers it, or None."""
    found = _number(event)
    if found is None:
        return None
    number, first = found
    return Event(event.peer_id, _kind(event.track), event.time, number, first)


def _kind(track: str | None) -> int:
    """Type of an EventMessage. Screens are the stream beside the large and the small one."""
    if track == Track.MAIN.value:
        return _LARGE
    return _RELAYED if track == Track.SCREEN.value else _NO_VIDEO


def _number(event: CallEvent) -> tuple[int, int] | None:
    of_track = (_AUDIO if event.track == Track.AUDIO.value else _VIDEO).get(event.kind)
    if of_track is not None:
        return of_track, -1
    match event.kind:
        case EventKind.ENTER:
            return ENTERED, int(event.number in (EnterReason.NETWORK_CHANGED, EnterReason.RETRIED))
        case EventKind.LEAVE:
            return LEFT, _LEFT.get(ExitReason(event.number or ExitReason.VOLUNTARY), 0)
        case EventKind.CONNECTED:
            return MEDIA_CONNECTED, -1
        case EventKind.RECONNECT:
            return (MEDIA_CONNECTED if event.detail == "media_restarted" else SIGNALLING_AGAIN), -1
        case EventKind.FOREGROUND:
            return VISIBILITY, 0
        case EventKind.BACKGROUND:
            return VISIBILITY, 1
        case EventKind.NETWORK if event.detail in _NETWORKS:
            return NETWORK, _NETWORKS[event.detail]
        case EventKind.FIRST_FRAME if event.track not in (None, Track.AUDIO.value):
            return FIRST_PICTURE, -1
        case EventKind.DEVICE:
            return _device(event.detail or "")
        case _:
            return None


def _device(detail: str) -> tuple[int, int] | None:
    """Of `camera_denied_failed`, `microphone_active` and the like (`quality.reports`)."""
    device, _, what = detail.partition("_")
    if what == "denied_failed" and device in _NOT_PERMITTED:
        return PERMISSION, _NOT_PERMITTED[device]
    if device == "camera" and what.endswith("failed"):
        return CAMERA_FAILED, 0
    if what == "active" and device in _SWITCHED:
        return _SWITCHED[device], -1
    return None

# SPDX-License-Identifier: Apache-2.0
"""What the server says on its own."""

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from sealroom_wire.participant import Track
from sealroom_wire.signalling.answers import (
    Answered,
    Done,
    Entered,
    Kept,
    Participant,
    Pong,
    Record,
    Refused,
    Said,
)
from sealroom_wire.signalling.words import CustomFrame, KickReason, LeaveReason, Takes


class AudioSlot(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Whose audio the server put into an audio slot (None: nobody's). A hint; in a sealed call the key id tells."""

    slot: int
    user_id: str | None


class ParticipantEntered(Said, tag="participant-entered", frozen=True):
    """Somebody entered (in `live`: an anchor)."""

    participant: Participant


class ParticipantLeft(Said, tag="participant-left", frozen=True):
    """Somebody left."""

    user_id: str
    reason: LeaveReason


class TrackPublished(Said, tag="track-published", frozen=True):
    """A participant's track flows from now on."""

    user_id: str
    track: Track
    muted: bool


class TrackUnpublished(Said, tag="track-unpublished", frozen=True):
    """A participant's track ended."""

    user_id: str
    track: Track


class TrackMuted(Said, tag="track-muted", frozen=True):
    """A participant muted or unmuted a track."""

    user_id: str
    track: Track
    muted: bool


class CustomMessage(Said, tag="custom-message", frozen=True):
    """A custom message of somebody. In a sealed call the key id tells whose it is; a difference to `user_id` is refused."""

    user_id: str
    data: CustomFrame


class AudioSlots(Said, tag="audio-slots", frozen=True):
    """The server changed who is in which audio slot."""

    slots: tuple[AudioSlot, ...]


class Blocked(Said, tag="blocked", frozen=True):
    """A moderator took from you what you may send, or gave it back: `video` means camera and screen. It holds for this call, also
    for what you publish later; the others are shown your tracks as muted."""

    audio: bool
    video: bool


TAKEN_BY: Mapping[type[Said], Takes] = {Blocked: Takes.BLOCKED}
"""What the server says on its own, and only to those who take it: others would close the line on it."""


class KickedOut(Said, tag="kicked-out", frozen=True):
    """You were put out; the line is closed after it."""

    reason: KickReason


ServerMessage: TypeAlias = (
    Entered
    | Answered
    | Done
    | Refused
    | Record
    | Kept
    | Pong
    | ParticipantEntered
    | ParticipantLeft
    | TrackPublished
    | TrackUnpublished
    | TrackMuted
    | CustomMessage
    | AudioSlots
    | Blocked
    | KickedOut
)

# SPDX-License-Identifier: Apache-2.0
"""Who publishes what, as the operator says. Nothing but a reason to watch: names of frames come from the roster."""

from collections.abc import Callable, Iterable

from sealroom_customer.client.events import TrackAppeared, TrackGone, TrackName
from sealroom_wire import signalling
from sealroom_wire.limits import MAX_PUBLISHERS

_TRACKS: dict[signalling.Track, TrackName] = {
    signalling.Track.AUDIO: "audio",
    signalling.Track.MAIN: "main",
    signalling.Track.SCREEN: "screen",
}


class Participants:
    """The others' tracks. Tells of each once when it comes and once when it goes, also over several entries of ours.

    **An operator may tell of whom he likes, and not of more than may publish**: of others nothing is kept or told.
    """

    def __init__(self, tell: Callable[[TrackAppeared | TrackGone], None]) -> None:
        self._tell = tell
        self._published: dict[str, set[TrackName]] = {}

    def begin(self, participants: Iterable[signalling.Participant]) -> None:
        """We entered, or entered again: what is there now."""
        there = {one.user_id: {_TRACKS[track.track] for track in one.tracks} for one in participants}
        for user, tracks in tuple(self._published.items()):
            for track in tracks - there.get(user, set()):
                self._gone(user, track)
        for user, tracks in there.items():
            for track in sorted(tracks):
                self._shown(user, track)

    def said(self, message: signalling.ServerMessage) -> None:
        """The operator said something on its own."""
        if isinstance(message, signalling.ParticipantEntered):
            for published in message.participant.tracks:
                self._shown(message.participant.user_id, _TRACKS[published.track])
        elif isinstance(message, signalling.TrackPublished):
            self._shown(message.user_id, _TRACKS[message.track])
        elif isinstance(message, signalling.TrackUnpublished):
            self._gone(message.user_id, _TRACKS[message.track])
        elif isinstance(message, signalling.ParticipantLeft):
            for track in tuple(self._published.get(message.user_id, ())):
                self._gone(message.user_id, track)

    def _shown(self, user: str, track: TrackName) -> None:
        if user not in self._published and len(self._published) >= MAX_PUBLISHERS:
            return
        known = self._published.setdefault(user, set())
        if track not in known:
            known.add(track)
            self._tell(TrackAppeared(user, track))

    def _gone(self, user: str, track: TrackName) -> None:
        known = self._published.get(user, set())
        if track not in known:
            return
        known.discard(track)
        if not known:
            del self._published[user]
        self._tell(TrackGone(user, track))

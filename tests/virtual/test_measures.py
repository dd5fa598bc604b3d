# SPDX-License-Identifier: Apache-2.0
"""What the engine measures of a sealed call of `str0m` clients: real reports, retransmissions and sealed pictures."""

from sealroom.media import control
from sealroom.media.measures import PeerMeasures, ResolutionClass
from sealroom_wire.signalling import SlotKind, Track
from tests.virtual.room import ROOM, VirtualRoom


def call(**network: int) -> VirtualRoom:
    """Two members who see and hear each other for 5 s."""
    room = VirtualRoom(3, **network)
    room.join()
    room.join()
    room.run(2_000)
    room.bind(0, 1)
    room.bind(1, 0)
    room.talk(250)
    room.run(1_500)
    return room


def measures(room: VirtualRoom) -> tuple[PeerMeasures, ...]:
    room.order(control.GetMeasures(99, ROOM))
    room.run(0)
    (taken,) = (event for event in room.said if isinstance(event, control.MeasuresTaken))
    assert taken.token == 99
    return taken.rooms[0].peers


def test_a_sealed_call_on_a_good_network_is_measured_as_it_was() -> None:
    for peer in measures(call()):
        assert peer.round_trip is not None
        assert (peer.round_trip.source, 3_000 < peer.round_trip.us < 7_000) == ("rtcp", True), "2 ms each way"
        tracks = {track.track: track.layers[0] for track in peer.up}
        assert set(tracks) == {Track.AUDIO, Track.MAIN}
        assert (tracks[Track.MAIN].frames, tracks[Track.MAIN].packets, tracks[Track.MAIN].lost) == (
            250,
            750,
            0,
        )
        assert (tracks[Track.AUDIO].frames, tracks[Track.AUDIO].packets, tracks[Track.AUDIO].lost) == (
            0,
            250,
            0,
        )
        down = {slot.kind: slot for slot in peer.down}
        for slot in down.values():
            assert slot.reported is not None
            assert (slot.reported.lost, slot.resent, slot.nacked) == (0, 0, 0)
        assert down[SlotKind.AUDIO].packets == 250
        assert set(peer.usage.video_ms) == {ResolutionClass.UNKNOWN}, "these pictures name no size"
        assert 6_500 < peer.usage.audio_ms < 8_600
        assert 5_000 < peer.usage.video_ms[ResolutionClass.UNKNOWN] < 7_000


def test_what_a_bad_network_took_is_measured_in_both_directions() -> None:
    for peer in measures(call(loss=60)):
        camera = next(track.layers[0] for track in peer.up if track.track is Track.MAIN)
        missing = camera.lost + camera.repaired
        assert 0.03 < missing / camera.expected < 0.10, "6 % on the way up"
        assert camera.lost < missing / 5, "the rest came again"
        seen = next(slot for slot in peer.down if slot.kind is SlotKind.VIDEO)
        assert seen.nacked / seen.packets > 0.02
        assert 0 < seen.resent <= seen.nacked

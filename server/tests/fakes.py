# SPDX-License-Identifier: Apache-2.0
"""What the tests put in place of time, the engine and a line. Each keeps the rules of the real one."""

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import msgspec.structs as structs
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealroom.accounts.service import AccountSpec
from sealroom.apps.models import Application, ApplicationSpec
from sealroom.audit.events import Actor
from sealroom.audit.service import AuditLog
from sealroom.core.db import Database
from sealroom.core.keys import NoteKey, NoteSigner
from sealroom.media import control
from sealroom.media.measures import (
    DownSlot,
    PeerMeasures,
    Reported,
    ResolutionClass,
    RoomMeasures,
    RoundTrip,
    Shown,
    UpLayer,
    UpTrack,
    Usage,
)
from sealroom.media.port import EngineFailure
from sealroom.media.session import Session
from sealroom.rooms.events import RoomEvent
from sealroom.rooms.state import Origin, Participant
from sealroom_wire import signalling
from sealroom_wire.errors import ErrorCode
from sealroom_wire.ids import RoomId
from sealroom_wire.reports import LogEntry, ReportedEvent, Reports, Sample
from sealroom_wire.signalling import KickReason, ServerMessage, SlotKind, Track
from sealroom_wire.usersig import Privilege, sign_private_map_key, sign_user_sig

NOW = 1_800_000_000
APP = 1_400_000_001
UIN = 100_000_000_001
SITE = "sg"
KEY = "k" * 32
ACTOR = Actor("cli", "tester")
ACCOUNT = AccountSpec("Test")
OTHER_KEY = "o" * 32
_AREAS = (
    (ResolutionClass.SD, 640 * 480),
    (ResolutionClass.HD, 1280 * 720),
    (ResolutionClass.FHD, 1920 * 1080),
    (ResolutionClass.QHD, 2560 * 1440),
)


@dataclass
class _Timer:
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class VirtualClock:
    """Time that passes only when a test says so."""

    def __init__(self) -> None:
        self._now = 0.0
        self._order = itertools.count()
        self._timers: list[tuple[float, int, _Timer, Callable[[], None]]] = []

    def unix(self) -> float:
        return NOW + self._now

    def monotonic(self) -> float:
        return self._now

    def call_later(self, seconds: float, call: Callable[[], None]) -> _Timer:
        timer = _Timer()
        heapq.heappush(self._timers, (self._now + seconds, next(self._order), timer, call))
        return timer

    def advance(self, seconds: float) -> None:
        """Lets time pass, and what was due in it happen."""
        end = self._now + seconds
        while self._timers and self._timers[0][0] <= end:
            self._now, _, timer, call = heapq.heappop(self._timers)
            if not timer.cancelled:
                call()
        self._now = end

    @property
    def pending(self) -> int:
        """Timers that are still to come."""
        return sum(not timer.cancelled for _, _, timer, _ in self._timers)


class Listening:
    """Keeps the events of rooms."""

    def __init__(self) -> None:
        self.events: list[RoomEvent] = []

    def on_room_event(self, event: RoomEvent) -> None:
        self.events.append(event)

    def take(self) -> list[RoomEvent]:
        """What happened since the last time."""
        events, self.events = self.events, []
        return events


@dataclass
class FakeFlow:
    """What comes of one layer of a peer, steadily; `lost` packets of `packets` that it sent."""

    picture: tuple[int, int] | None = None
    packets_per_second: int = 100
    payload: int = 1_000
    frames_per_second: int = 25
    lost_per_mille: int = 0
    milliseconds: int = 0

    def count(self, per_second: int) -> int:
        return per_second * self.milliseconds // 1_000

    @property
    def lost(self) -> int:
        return self.count(self.packets_per_second) * self.lost_per_mille // 1_000


@dataclass
class FakePeer:
    """A peer as the engine sees it. `sends`, `hears` (slot to peer), `lost_per_mille` and `round_trip` are the test's to set."""

    room: int
    session: Session
    muted: dict[Track, bool]
    bound: dict[int, control.SlotBinding] = field(default_factory=dict)
    key_frames: list[int] = field(default_factory=list)
    sends: dict[tuple[Track, int], FakeFlow] = field(default_factory=dict)
    hears: dict[int, int] = field(default_factory=dict)
    lost_per_mille: int = 0
    round_trip: RoundTrip | None = None
    got: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Packets and payload bytes by slot."""
    audio_ms: int = 0
    video_ms: Counter[ResolutionClass] = field(default_factory=Counter)

    def up(self) -> tuple[UpTrack, ...]:
        return tuple(
            UpTrack(track, 30 if track is Track.AUDIO else None, tuple(self._layers(track)))
            for track in sorted({track for track, _ in self.sends}, key=list(Track).index)
        )

    def _layers(self, sent: Track) -> Iterator[UpLayer]:
        codec = "opus" if sent is Track.AUDIO else "vp8"
        for (track, layer), flow in sorted(self.sends.items()):
            if track is sent and flow.milliseconds:
                expected = flow.count(flow.packets_per_second)
                came, frames = expected - flow.lost, flow.count(flow.frames_per_second)
                yield UpLayer(
                    layer, codec, came, came * flow.payload, 0 if track is Track.AUDIO else frames, flow.picture, expected, flow.lost, 0, 2_000
                )  # fmt: skip


class FakeEngine:
    """Rooms and peers by the engine's rules: unknown ones are refused, sessions are checked, generations rise.

    Media flows when the test says so: `flow` lets a layer come, `pass_time` counts what came of it and who received it.
    """

    def __init__(self) -> None:
        self.listener: Callable[[control.Event], None] = lambda _event: None
        self.rooms: dict[int, bool] = {}
        self.peers: dict[int, FakePeer] = {}
        self.fail_next: str | None = None
        self.before_answer: Callable[[], None] | None = None
        self.record_of_room = control.RoomRecord(0, 0, 0, 0, 0, ())
        self.records_taken = 0

    async def add_room(self, room: int, *, sealing_required: bool) -> None:
        self._maybe_fail()
        assert room not in self.rooms
        self.rooms[room] = sealing_required

    async def close_room(self, room: int) -> None:
        self._room(room)
        del self.rooms[room]
        for number in [number for number, peer in self.peers.items() if peer.room == room]:
            self._leave(number)

    async def add_peer(self, room: int, peer: int, session: Session, *, muted: Iterable[Track] = ()) -> None:
        self._maybe_fail()
        self._room(room)
        assert peer not in self.peers
        _check(session)
        self.peers[peer] = FakePeer(
            room, session, {send.track: send.track in muted for send in session.sends}
        )
        if self.before_answer is not None:
            self.before_answer()

    async def update_peer(self, peer: int, session: Session) -> None:
        self._maybe_fail()
        old = self._peer(peer)
        _check(session)
        assert session.slots[: len(old.session.slots)] == old.session.slots
        assert session.remote_fingerprint == old.session.remote_fingerprint
        restarted = session.remote_ice != old.session.remote_ice
        assert restarted == (session.local_ice != old.session.local_ice)
        old.session = session

    async def remove_peer(self, peer: int) -> None:
        self._peer(peer)
        self._leave(peer)

    async def bind(self, peer: int, bindings: tuple[control.SlotBinding, ...]) -> None:
        self._maybe_fail()
        bound = self._peer(peer).bound
        for binding in bindings:
            assert binding.slot not in bound or binding.generation > bound[binding.slot].generation
            bound[binding.slot] = binding

    async def set_rights(self, peer: int, rights: int) -> None:
        self._maybe_fail()
        there = self._peer(peer)
        there.session = structs.replace(there.session, rights=rights)

    async def set_muted(self, peer: int, track: Track, *, muted: bool) -> None:
        self._maybe_fail()
        self._peer(peer).muted[track] = muted

    async def request_key_frame(self, peer: int, slot: int) -> None:
        self._peer(peer).key_frames.append(slot)

    async def record(self, room: int) -> control.RoomRecord:
        self._maybe_fail()
        self._room(room)
        self.records_taken += 1
        if self.before_answer is not None:
            self.before_answer()
        return self.record_of_room

    async def measures(self, room: int) -> RoomMeasures:
        self._maybe_fail()
        self._room(room)
        return self._measures(room)

    async def all_measures(self) -> tuple[RoomMeasures, ...]:
        self._maybe_fail()
        return tuple(self._measures(room) for room in self.rooms)

    def flow(self, peer: int, track: Track, layer: int = 0, flow: FakeFlow | None = None) -> None:
        """Lets a layer come from now on, or with None no more of it."""
        sends = self._peer(peer).sends
        if flow is None:
            sends.pop((track, layer), None)
        else:
            sends[track, layer] = flow

    def pass_time(self, seconds: float) -> None:
        """Counts what came, and what each peer received, in this time."""
        milliseconds = round(seconds * 1_000)
        for peer in self.peers.values():
            peer.audio_ms += milliseconds
            received = {slot: flow for slot, _, flow in self._received(peer)}
            for slot, flow in received.items():
                packets = flow.packets_per_second * milliseconds // 1_000
                before = peer.got.get(slot, (0, 0))
                peer.got[slot] = (before[0] + packets, before[1] + packets * flow.payload)
            pictures = [flow.picture for slot, flow in received.items() if slot not in peer.hears]
            if pictures:
                peer.video_ms[_class_of(pictures)] += milliseconds
        for peer in self.peers.values():
            for flow in peer.sends.values():
                flow.milliseconds += milliseconds

    def give_up(self, peer: int, reason: str) -> None:
        """The peer is gone by itself."""
        self._leave(peer)
        self.listener(control.Closed(peer, reason))

    async def stats(self) -> control.Stats:
        return control.Stats(len(self.peers), len(self.rooms), 0, 0, 0, 0, 0, 0, 0, 0, 0, {"clear_media": 3})

    def only(self) -> FakePeer:
        """The one peer there is."""
        (peer,) = self.peers.values()
        return peer

    def _leave(self, number: int) -> None:
        last, room = self._measures_of(number), self.peers[number].room
        del self.peers[number]
        self.listener(control.Left(room, last))

    def _measures(self, room: int) -> RoomMeasures:
        members = [number for number, peer in self.peers.items() if peer.room == room]
        return RoomMeasures(room, tuple(self._measures_of(number) for number in members))

    def _measures_of(self, number: int) -> PeerMeasures:
        peer = self.peers[number]
        shown = {slot: shown for slot, shown, _ in self._received(peer)}
        down = tuple(
            DownSlot(
                slot, SlotKind.AUDIO if slot in peer.hears else SlotKind.VIDEO, packets, payload, 0, 0, len([one for one in peer.key_frames if one == slot]),
                Reported(packets * peer.lost_per_mille // 1_000, peer.lost_per_mille * 256 // 1_000, 2_000), shown.get(slot),
            )
            for slot, (packets, payload) in sorted(peer.got.items())
        )  # fmt: skip
        usage = Usage(peer.audio_ms, dict(peer.video_ms))
        return PeerMeasures(number, peer.round_trip, peer.up(), down, usage)

    def _received(self, peer: FakePeer) -> Iterator[tuple[int, Shown, FakeFlow]]:
        """What flows into a peer's slots: the layer asked for, else the nearest below, else the nearest above."""
        for slot, source in peer.hears.items():
            flow = self._flowing(source, Track.AUDIO).get(0)
            if flow is not None:
                yield slot, Shown(source, Track.AUDIO, 0, None), flow
        for slot, binding in peer.bound.items():
            if binding.source is None:
                continue
            wanted = binding.source
            flowing = self._flowing(wanted.peer, wanted.track)
            if flowing:
                layer = max((one for one in flowing if one <= wanted.layer), default=min(flowing))
                size = _class_of([flowing[layer].picture])
                yield slot, Shown(wanted.peer, wanted.track, layer, size), flowing[layer]

    def _flowing(self, source: int, track: Track) -> dict[int, FakeFlow]:
        peer = self.peers.get(source)
        if peer is None or peer.muted.get(track, False):
            return {}
        return {layer: flow for (sent, layer), flow in peer.sends.items() if sent is track}

    def _room(self, room: int) -> None:
        if room not in self.rooms:
            raise EngineFailure("no_such_room", "There is no such room.")

    def _peer(self, peer: int) -> FakePeer:
        if peer not in self.peers:
            raise EngineFailure("no_such_peer", "There is no such peer.")
        return self.peers[peer]

    def _maybe_fail(self) -> None:
        if self.fail_next is not None:
            code, self.fail_next = self.fail_next, None
            raise EngineFailure(code, "As the test wants it.")


def _class_of(pictures: list[tuple[int, int] | None]) -> ResolutionClass:
    area = 0
    for picture in pictures:
        if picture is None:
            return ResolutionClass.UNKNOWN
        area += picture[0] * picture[1]
    return next((one for one, most in _AREAS if area <= most), ResolutionClass.UHD)


def _check(session: Session) -> None:
    """The bounds of `transport::Session::validate`, as far as the answerer could break them."""
    assert 4 <= len(session.local_ice.ufrag) <= 256
    assert 22 <= len(session.local_ice.pwd) <= 256
    assert len(session.sends) <= 8
    assert len(session.slots) <= 64
    mids = [send.mid for send in session.sends] + [slot.mid for slot in session.slots]
    assert len(set(mids)) == len(mids)
    ssrcs = [ssrc for slot in session.slots for ssrc in (slot.ssrc, slot.rtx_ssrc) if ssrc is not None]
    ssrcs += [ssrc for send in session.sends for ssrc in send.ssrcs]
    assert len(set(ssrcs)) == len(ssrcs)
    assert all(1 <= ssrc < 2**32 for ssrc in ssrcs)
    for codecs in [send.codecs for send in session.sends] + [slot.codecs for slot in session.slots]:
        assert 1 <= len(codecs) <= 16
        types = [one.payload_type for one in codecs]
        types += [one.rtx_payload_type for one in codecs if one.rtx_payload_type is not None]
        assert len(set(types)) == len(types)
        assert all(0 <= number < 64 or 96 <= number < 128 for number in types)
    for send in session.sends:
        assert len(send.rids) <= 3
        assert len(send.ssrcs) <= 16
        assert len(send.extensions) <= 32
        assert all(1 <= one.id <= 255 and one.id != 15 and len(one.uri) <= 256 for one in send.extensions)


class FakeLine:
    """Keeps what a participant was told, and how the line ended."""

    def __init__(self) -> None:
        self.told: list[ServerMessage] = []
        self.ended: ErrorCode | None = None

    def tell(self, message: ServerMessage) -> None:
        if self.ended is None:
            self.told.append(message)

    def pass_on(self, message: ServerMessage) -> None:
        self.tell(message)

    def kick(self, reason: KickReason, code: ErrorCode) -> None:
        self.tell(signalling.KickedOut(reason))
        self.ended = code

    def fail(self, code: ErrorCode) -> None:
        self.ended = code

    def take(self) -> list[ServerMessage]:
        """What was told since the last time."""
        told, self.told = self.told, []
        return told


def application(
    *,
    sdk_app_id: int = APP,
    secret_keys: tuple[str, ...] = (KEY,),
    uin: int = UIN,
    active: bool = True,
    **spec: Any,
) -> Application:
    """An application with one key, for pages of call.example. The newest key stands first."""
    given = {"name": "Test", "origins": ("https://call.example",), **spec}
    return Application(sdk_app_id, uin, msgspec.convert(given, ApplicationSpec), secret_keys, active, SITE)


def origin(user: str) -> Origin:
    """An address of its own for each user."""
    return Origin(f"192.0.2.{len(user)}", signalling.ClientInfo("test-sdk", "1.2.3", f"os of {user}"))


def user_sig(user: str, *, key: str = KEY, issued_at: int = NOW, expire: int = 600, app: int = APP) -> str:
    """A UserSig of the test's application."""
    return sign_user_sig(secret_key=key, sdk_app_id=app, user_id=user, issued_at=issued_at, expire=expire)


def map_key(user: str, room: RoomId, rights: Privilege, *, key: str = KEY, issued_at: int = NOW) -> str:
    """A PrivateMapKey of the test's application."""
    return sign_private_map_key(
        secret_key=key, sdk_app_id=APP, user_id=user, room=room, privileges=rights, issued_at=issued_at, expire=300
    )  # fmt: skip


class MemoryKeys:
    """The port `keys` without files."""

    def __init__(self) -> None:
        self._keys: list[NoteSigner] = []

    def signer(self, purpose: str) -> NoteSigner:
        return self._keys[-1] if self._keys else self.rotate(purpose)

    def verifiers(self, purpose: str) -> tuple[NoteKey, ...]:
        self.signer(purpose)
        return tuple(key.verifier for key in reversed(self._keys))

    def rotate(self, purpose: str) -> NoteSigner:
        self._keys.append(NoteSigner(f"tests/{purpose}", Ed25519PrivateKey.generate()))
        return self._keys[-1]


def audit(database: Database) -> AuditLog:
    """A log that signs with a key of its own."""
    return AuditLog(database, MemoryKeys(), VirtualClock())


@dataclass
class HeardReports:
    """Keeps what devices tell, as `signalling.reports.DeviceReports`. While `broken`, it fails as a program does."""

    wanted: Reports = field(default_factory=lambda: Reports(sample_every=2000, log=True))
    heard: list[tuple[str, object]] = field(default_factory=list)
    broken: bool = False

    def on_sample(self, participant: Participant, sample: Sample) -> None:
        self._keep(participant, sample)

    def on_events(self, participant: Participant, events: tuple[ReportedEvent, ...]) -> None:
        for event in events:
            self._keep(participant, event)

    def on_log(self, participant: Participant, entries: tuple[LogEntry, ...]) -> None:
        for entry in entries:
            self._keep(participant, entry)

    def _keep(self, participant: Participant, what: object) -> None:
        if self.broken:
            raise RuntimeError("the disk is full of secrets")
        self.heard.append((participant.user_id, what))

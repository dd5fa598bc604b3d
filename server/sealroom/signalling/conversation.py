# SPDX-License-Identifier: Apache-2.0
"""What is said on one line, from the first message to the last.

Before and after `enter` are two types: `Anonymous` can only enter, `Present` has everything that needs to be in a room.
**A line has the time of `enter_timeout` to enter; a line that fell silent counts as broken.**
"""

import time
from dataclasses import dataclass
from typing import Protocol

from msgspec import UNSET, UnsetType

from sealroom.apps.models import Identity
from sealroom.apps.service import ApplicationService
from sealroom.core.clock import Clock, Timer
from sealroom.core.config.schema import SignallingSettings
from sealroom.core.errands import place_of
from sealroom.core.logging import get_logger
from sealroom.core.metrics import Metrics
from sealroom.core.traces import OFF, Span, SpanName, Traces
from sealroom.regions.directory import Directory, Place
from sealroom.rooms.service import Request, RoomService
from sealroom.rooms.state import Origin, Participant
from sealroom.signalling import limits
from sealroom.signalling.closing import ENDS_A_CALL, CloseCode
from sealroom.signalling.line import Line
from sealroom.signalling.messages import Unreadable, check_caller, read
from sealroom.signalling.refusals import RefusalListener, Refusals
from sealroom.signalling.reports import DeviceReports, Reporting
from sealroom_wire import PROTOCOL_VERSION, signalling
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId, room_number, room_string
from sealroom_wire.signalling import ClientMessage, Takes, Track

_log = get_logger()


class EntryListener(Protocol):
    """Is told what came of entries."""

    def on_entry(self, identity: Identity, room: RoomId, code: ErrorCode | None, seconds: float) -> None:
        """Somebody asked to enter and was let in (`code` None) or not, after so long. Must not wait or raise."""


class Keeping(Protocol):
    """Knows what the operator keeps of a call."""

    async def of(self, participant: Participant, request: int) -> signalling.Kept:
        """What is kept of the participant's call and of himself. Raises `Refusal`."""


@dataclass(frozen=True, slots=True)
class Services:
    """What a conversation works with."""

    apps: ApplicationService
    rooms: RoomService
    clock: Clock
    metrics: Metrics
    settings: SignallingSettings
    reports: DeviceReports | None = None
    """Who listens to what devices tell; None: they are asked for nothing."""
    kept: Keeping | None = None
    """Who knows what is kept of a call; None: nobody is told."""
    entries: EntryListener | None = None
    """Who is told of every attempt to enter by somebody whose UserSig was verified."""
    refusals: RefusalListener | None = None
    """Who is told of what is refused to participants."""
    traces: Traces = OFF
    directory: Directory | None = None
    """Who knows where applications are that are not this site's."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, as far as the connection tells. `origin` is None for what is not a web page."""

    address: str
    origin: str | None
    takes: frozenset[str] = frozenset()
    """What was added to the protocol and the client knows (`Takes`), with whatever else it names."""


class Elsewhere(Refusal):
    """The application is another site's. Who does not know of sites is told that it is unknown, as before there were any."""

    def __init__(self, place: Place, *, understood: bool) -> None:
        super().__init__(
            ErrorCode.APPLICATION_AT_ANOTHER_SITE if understood else ErrorCode.APPLICATION_UNKNOWN
        )
        self.endpoint: str | UnsetType = place.signalling if understood else UNSET


class Anonymous:
    """Somebody who has not shown who he is."""

    def __init__(self, services: Services, line: Line, peer: Peer) -> None:
        self._services = services
        self._line = line
        self._peer = peer

    async def enter(self, message: signalling.Enter) -> "Present":
        """Verifies, enters and answers. Raises `Refusal` with the first reason found."""
        with self._services.traces.span(SpanName.ENTER) as span:
            span.set("scene", message.scene.value)
            try:
                present = await self._entered(message, span)
            except Refusal as refusal:
                span.set("code", refusal.code.value)
                raise
            span.set("code", "ok")
            return present

    async def _entered(self, message: signalling.Enter, span: Span) -> "Present":
        begin = time.perf_counter()
        services = self._services
        try:
            with services.traces.span(SpanName.IDENTIFY):
                identity = await services.apps.identify(
                    message.sdk_app_id, message.user_id, message.user_sig, origin=self._peer.origin
                )
        except Refusal as refusal:
            await self._send_elsewhere(refusal, message.sdk_app_id)
            raise
        span.set("application", identity.application.sdk_app_id)
        room = _room_of(message)
        try:
            present = await self._enter(message, identity, room)
        except Refusal as refusal:
            self._tell(identity, room, refusal.code, begin)
            raise
        services.metrics.enter_seconds.observe(time.perf_counter() - begin)
        self._tell(identity, room, None, begin)
        return present

    async def _send_elsewhere(self, refusal: Refusal, sdk_app_id: int) -> None:
        """Raises `Elsewhere` where the application is known to be another site's. Nothing of the request is kept here."""
        directory = self._services.directory
        if refusal.code is ErrorCode.APPLICATION_UNKNOWN and directory is not None:
            place = await directory.of_application(sdk_app_id)
            if place is not None:
                raise Elsewhere(place, understood=Takes.SITES in self._peer.takes) from refusal

    def _tell(self, identity: Identity, room: RoomId, code: ErrorCode | None, begin: float) -> None:
        if self._services.entries is not None:
            self._services.entries.on_entry(identity, room, code, time.perf_counter() - begin)

    async def _enter(self, message: signalling.Enter, identity: Identity, room: RoomId) -> "Present":
        services = self._services
        with services.traces.span(SpanName.ADMIT):
            admission = services.apps.admit(identity, room, message.private_map_key)
        request = Request(
            admission,
            room,
            message.scene,
            message.role,
            message.sdp,
            _tracks_of(message.sends),
            Origin(self._peer.address, message.client),
        )
        with services.traces.span(SpanName.JOIN):
            participant, others = await services.rooms.enter(request, self._line)
        listener = services.reports if Takes.REPORTS in self._peer.takes else None
        reporting = Reporting(participant, listener, services.clock)
        self._line.tell(
            signalling.Entered(
                id=message.id,
                version=PROTOCOL_VERSION,
                sdp=participant.agreement.sdp,
                slots=participant.slots(),
                participants=others,
                sealing=participant.room.sealing,
                server_time=int(services.clock.unix() * 1000),
                reports=reporting.wanted,
                kept=services.kept is not None and Takes.KEPT in self._peer.takes,
            )
        )
        services.rooms.welcome(participant)
        return Present(services, self._line, participant, reporting)


class Present:
    """Somebody in a room."""

    def __init__(
        self, services: Services, line: Line, participant: Participant, reporting: Reporting
    ) -> None:
        self._rooms = services.rooms
        self._kept = services.kept
        self._line = line
        self._reporting = reporting
        self._offers = limits.Bucket(limits.OFFERS_PER_SECOND, limits.OFFER_BURST, services.clock)
        self._custom = limits.CustomAllowance(services.clock)
        self._records = limits.Bucket(
            limits.RECORDS_PER_SECOND,
            limits.RECORD_BURST,
            services.clock,
            refusal=ErrorCode.TOO_MANY_RECORDS,
        )
        self._kepts = limits.Bucket(
            limits.KEPTS_PER_SECOND, limits.KEPT_BURST, services.clock, refusal=ErrorCode.TOO_MANY_RECORDS
        )
        self.participant = participant
        self.refusals = Refusals(participant, services.refusals, services.clock)

    async def take(self, message: ClientMessage) -> None:
        """Carries a request out and answers it. Raises `Refusal`."""
        rooms, participant = self._rooms, self.participant
        match message:
            case signalling.Enter():
                raise Refusal(ErrorCode.ALREADY_ENTERED)
            case signalling.Offer(sdp=sdp):
                self._offers.take()
                agreement = await rooms.offer(participant, sdp)
                self._line.tell(signalling.Answered(message.id, agreement.sdp, participant.slots()))
                return
            case signalling.Publish(track=track, muted=muted):
                await rooms.publish(participant, track, muted=muted)
            case signalling.Unpublish(track=track):
                await rooms.unpublish(participant, track)
            case signalling.Mute(track=track, muted=muted):
                await rooms.mute(participant, track, muted=muted)
            case signalling.Bind(bindings=bindings):
                await rooms.bind(participant, bindings)
            case signalling.KeyFrame(slot=slot):
                await rooms.key_frame(participant, slot)
            case signalling.SendCustom(data=data):
                size = rooms.check_custom(participant, data)
                self._custom.take(size)
                rooms.send_custom(participant, data, size)
            case signalling.AskRecord():
                self._records.take()
                self._line.tell(await rooms.record(participant, message.id))
                return
            case signalling.AskKept():
                self._kepts.take()
                self._line.tell(await self._what_is_kept(message.id))
                return
            case signalling.ReportQuality() | signalling.ReportEvents() | signalling.ReportLog():
                self._reporting.take(message)
            case signalling.Leave():
                rooms.leave(participant)
        self._line.tell(signalling.Done(message.id))
        if isinstance(message, signalling.Leave):
            self._line.end(CloseCode.DONE)

    async def _what_is_kept(self, request: int) -> signalling.Kept:
        if self._kept is None:
            raise Refusal(ErrorCode.MALFORMED_MESSAGE)
        return await self._kept.of(self.participant, request)


class Conversation:
    """One line. Takes messages one after the other; what goes wrong is answered, never raised."""

    def __init__(self, services: Services, line: Line, peer: Peer) -> None:
        self._services = services
        self._line = line
        self._address = peer.address
        self._who: Anonymous | Present = Anonymous(services, line, peer)
        clock = services.clock
        self._messages = limits.Bucket(limits.MESSAGES_PER_SECOND, limits.MESSAGE_BURST, clock)
        self._heard_at = clock.monotonic()
        self._timer: Timer = clock.call_later(services.settings.enter_timeout, self._enter_timed_out)

    @property
    def has_entered(self) -> bool:
        """Whether there is a participant."""
        return isinstance(self._who, Present)

    async def take(self, text: str | bytes | None) -> None:
        """Takes one message as it came."""
        if self._line.close_code is not None:
            return
        self._heard_at = self._services.clock.monotonic()
        request = 0
        try:
            self._messages.take()
            message = read(text)
            request = message.id
            await self._answer(message)
        except Unreadable as unreadable:
            self._refuse(unreadable.request, unreadable.code)
        except Elsewhere as elsewhere:
            # Not a word of it in the log: who asks for another site's application is that site's affair.
            self._services.metrics.refusals.labels(elsewhere.code.value).inc()
            self._line.fail(elsewhere.code, request, elsewhere.endpoint)
        except Refusal as refusal:
            self._refuse(request, refusal.code)
        except Exception as error:
            _log.error("request_failed", error=type(error).__name__, place=place_of(error))
            self._refuse(request, ErrorCode.INTERNAL_ERROR)

    async def _answer(self, message: ClientMessage) -> None:
        check_caller(message, entered=self.has_entered)
        self._services.metrics.messages.labels(message.__struct_config__.tag).inc()
        if isinstance(message, signalling.Ping):
            self._line.tell(signalling.Pong(message.id))
        elif isinstance(self._who, Present):
            await self._who.take(message)
        elif isinstance(message, signalling.Enter):
            self._who = await self._who.enter(message)
            self._timer.cancel()
            self._watch(self._services.settings.silence_timeout)

    def _refuse(self, request: int, code: ErrorCode) -> None:
        self._services.metrics.refusals.labels(code.value).inc()
        _log.info("refused", code=code.value, address=self._address, authenticated=self.has_entered)
        if not isinstance(self._who, Present):
            self._line.fail(code, request)
            return
        self._who.refusals.note(code)
        if code in ENDS_A_CALL:
            self._line.fail(code, request)
            self._services.rooms.leave(self._who.participant)
        else:
            self._line.refuse(request, code)

    def _enter_timed_out(self) -> None:
        if not self.has_entered:
            self._refuse(0, ErrorCode.ENTER_TIMEOUT)

    def _watch(self, seconds: float) -> None:
        self._timer = self._services.clock.call_later(seconds, self._check_silence)

    def _check_silence(self) -> None:
        silent = self._services.clock.monotonic() - self._heard_at
        left = self._services.settings.silence_timeout - silent
        if left <= 0:
            self._line.end(CloseCode.TIMEOUT, "silent")
        else:
            self._watch(left)

    def closed(self, *, by_the_device: bool) -> None:
        """The connection is gone. `by_the_device`: it closed in order, as a page does that is left."""
        self._timer.cancel()
        if not isinstance(self._who, Present):
            return
        self._who.refusals.settle()
        if self._who.participant.gone:
            return
        if by_the_device:
            self._services.rooms.leave(self._who.participant)
        else:
            self._services.rooms.line_lost(self._who.participant, self._line)


def _room_of(message: signalling.Enter) -> RoomId:
    if (message.room_id is None) == (message.str_room_id is None):
        raise Refusal(ErrorCode.ROOM_ID_INVALID)
    if message.room_id is not None:
        return room_number(message.room_id)
    return room_string(message.str_room_id or "")


def _tracks_of(sends: tuple[signalling.SendSection, ...]) -> dict[str, Track]:
    tracks = {send.mid: send.track for send in sends}
    if len(tracks) != len(sends) or len(set(tracks.values())) != len(sends):
        raise Refusal(ErrorCode.SDP_NOT_SUPPORTED)
    return tracks

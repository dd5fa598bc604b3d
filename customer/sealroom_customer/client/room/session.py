# SPDX-License-Identifier: Apache-2.0
"""One entry into the operator's room: its line, and the media connection that was agreed on over it."""

import asyncio
import platform
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from sealroom_customer.client import _native
from sealroom_customer.client.entry import Entry, Sealing
from sealroom_customer.client.events import ClientFault
from sealroom_customer.client.room.signalling_line import SignallingLine, line_lost
from sealroom_wire import PROTOCOL_VERSION, signalling
from sealroom_wire.errors import ErrorCode
from sealroom_wire.ids import RoomKind
from sealroom_wire.limits import MAX_SIGNALLING_MESSAGE_BYTES
from sealroom_wire.signalling import Answered, Done, Entered, Kept, Record

_DISTRIBUTION = "sealroom-customer"
_LEAVE_SECONDS = 1.0
_REASON_SECONDS = 1.0
"""How long the line may still say why media has ended. Longer comes back later where media alone has failed."""
PASSING = frozenset(
    {
        "line_lost",
        "engine_closed",
        ErrorCode.ENGINE_FAILED.value,
        ErrorCode.SERVER_BUSY.value,
        ErrorCode.ENTER_TIMEOUT.value,
        ErrorCode.TOO_MANY_MESSAGES.value,
        ErrorCode.INTERNAL_ERROR.value,
    }
)
"""Faults after which one may enter again. All others say no, and would say it again."""
A = TypeVar("A", Entered, Answered, Record, Kept, Done)


class Session:
    """A room that was entered."""

    def __init__(self, line: SignallingLine, core: _native.Client) -> None:
        self._line = line
        self._core = core
        self._media_lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(line.run())
        self._beside: list[asyncio.Task[None]] = []
        self._tells_kept = False

    @classmethod
    @asynccontextmanager
    async def open(
        cls, entry: Entry, core: _native.Client, said: Callable[[signalling.ServerMessage], None]
    ) -> AsyncIterator[tuple["Session", Entered]]:
        """Connects and enters with the offer of `core`, which is given the answer.

        Raises:
            ClientFault: the operator is not reached, or did not let us in.
        """
        try:
            async with connect(
                _with_takes(entry.operator),
                max_size=MAX_SIGNALLING_MESSAGE_BYTES,
                ping_interval=None,
                close_timeout=1,
                compression=None,
                proxy=None,
            ) as socket:
                session = cls(SignallingLine(socket, said), core)
                try:
                    yield session, await session._enter(entry)
                finally:
                    await session._finish()
        except (OSError, TimeoutError, WebSocketException):
            raise line_lost() from None

    async def ask(self, request: Callable[[int], signalling.ClientMessage], expected: type[A]) -> A:
        """Asks the operator; `request` makes the message of an id. Raises ClientFault as `SignallingLine.ask`."""
        return await self._line.ask(request(self._line.next_id()), expected)

    def listen(self) -> None:
        """Tells what the operator says from the answer to `enter` on; see `SignallingLine.listen`."""
        self._line.listen()

    async def over(self) -> None:
        """Waits until the session is over, which raises why (ClientFault)."""
        await asyncio.wait([self._reading, self._media_lost], return_when=asyncio.FIRST_COMPLETED)
        # When the operator ends both, the line says why: whoever was put out must not come back.
        await asyncio.wait([self._reading], timeout=_REASON_SECONDS)
        if not self._reading.done():
            self._media_lost.result()
        await self._reading

    def run_beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs something that ends with the session, and without which it goes on."""
        self._beside.append(asyncio.create_task(work))

    def lose_media(self, reason: str) -> None:
        """The media connection has ended."""
        if not self._media_lost.done():
            self._media_lost.set_exception(
                ClientFault("engine_closed", f"The media connection ended: {reason}.")
            )

    async def add_slots(self, count: int) -> tuple[signalling.ReceiveSlot, ...]:
        """Offers again with more video slots; returns all there are then. Raises ClientFault."""
        self._core.add_slots(count)
        answered = await self.ask(lambda number: signalling.Offer(number, self._core.offer()), Answered)
        self._core.accept(answered.sdp)
        return answered.slots

    async def kept(self) -> Kept | None:
        """What the operator keeps of this call; None where he does not tell. Raises ClientFault."""
        return await self.ask(signalling.AskKept, Kept) if self._tells_kept else None

    async def leave(self) -> None:
        """Says goodbye, and waits a moment until the operator knows."""
        with suppress(ClientFault, TimeoutError):
            async with asyncio.timeout(_LEAVE_SECONDS):
                await self.ask(signalling.Leave, Done)

    async def _enter(self, entry: Entry) -> Entered:
        entered = await self.ask(lambda number: _introduction(number, entry, self._core), Entered)
        if entered.version != PROTOCOL_VERSION:
            raise ClientFault(
                "version_not_supported", "The operator speaks another version.", "Update this side."
            )
        if entry.sealing is Sealing.OFF and entered.sealing is signalling.Sealing.REQUIRED:
            raise ClientFault(
                "sealing_required", "This application takes sealed media only.", "Enter with sealing."
            )
        try:
            self._core.accept(entered.sdp)
        except _native.ClientError as error:
            raise ClientFault(
                "protocol_violated", f"The operator's answer cannot be used: {error}.", "Update this side."
            ) from None
        self._tells_kept = entered.kept
        return entered

    async def _finish(self) -> None:
        all_of_it = (self._reading, self._media_lost, *self._beside)
        for one in all_of_it:
            one.cancel()
        await asyncio.gather(*all_of_it, return_exceptions=True)


def _with_takes(address: str) -> str:
    """Says in the address what this client knows beyond the protocol's version (`sealroom_wire.signalling`)."""
    parts = urlsplit(address)
    query = "&".join(filter(None, (parts.query, *(f"takes={one.value}" for one in signalling.Takes))))
    return urlunsplit(parts._replace(query=query))


def _introduction(number: int, entry: Entry, core: _native.Client) -> signalling.Enter:
    room_number = int(entry.room.id) if entry.room.kind is RoomKind.NUMBER else None
    return signalling.Enter(
        id=number,
        version=PROTOCOL_VERSION,
        sdk_app_id=entry.sdk_app_id,
        user_id=entry.user_id,
        user_sig=entry.user_sig,
        sdp=core.offer(),
        sends=tuple(signalling.SendSection(mid, signalling.Track(track)) for mid, track in core.sends()),
        room_id=room_number,
        str_room_id=entry.room.id if room_number is None else None,
        private_map_key=entry.private_map_key,
        scene=entry.scene,
        role=entry.role,
        client=_told_of_us(),
    )


def _told_of_us() -> signalling.ClientInfo:
    """What the operator's back-end log has of this program."""
    try:
        installed = version(_DISTRIBUTION)
    except PackageNotFoundError:
        installed = "0"
    return signalling.ClientInfo(sdk=_DISTRIBUTION, version=installed[:32], os=platform.system()[:64])

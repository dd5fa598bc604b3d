# SPDX-License-Identifier: Apache-2.0
"""`sealroom` as it must not be: into a slot that a subscriber bound to one publisher it forwards another one's picture."""

import msgspec

from sealroom.cli import main
from sealroom.media import control
from sealroom.media.engine import MediaEngine
from sealroom.media.session import Session

real_add, real_bind = MediaEngine.add_peer, MediaEngine.bind
peers: list[int] = []


async def add_peer(self: MediaEngine, room: int, peer: int, session: Session) -> None:
    """Notes who is there."""
    await real_add(self, room, peer, session)
    peers.append(peer)


async def bind(self: MediaEngine, peer: int, bindings: tuple[control.SlotBinding, ...]) -> None:
    """Binds each slot to somebody else than was asked for, where there is anybody else."""
    await real_bind(
        self, peer, tuple(msgspec.structs.replace(one, source=_other(peer, one.source)) for one in bindings)
    )


def _other(subscriber: int, source: control.SlotSource | None) -> control.SlotSource | None:
    others = [peer for peer in peers if source is not None and peer not in (subscriber, source.peer)]
    return msgspec.structs.replace(source, peer=others[0]) if source is not None and others else source


MediaEngine.add_peer = add_peer  # type: ignore[method-assign]
MediaEngine.bind = bind  # type: ignore[method-assign]
main()

# SPDX-License-Identifier: Apache-2.0
"""`sealroom` as it must not be: to whoever enters it names somebody whom nobody let in, and keeps a member from him."""

from sealroom.cli import main
from sealroom.rooms.service import Request, RoomService
from sealroom.rooms.state import Line, Participant
from sealroom_wire import signalling
from sealroom_wire.signalling import PublishedTrack, Role, Track

INVENTED = signalling.Participant("mallory", Role.ANCHOR, (PublishedTrack(Track.MAIN, muted=False),))
KEPT_BACK = "ghost"
"""What the user id of the member begins with that is kept back."""

real_enter = RoomService.enter


async def enter(
    self: RoomService, request: Request, line: Line
) -> tuple[Participant, tuple[signalling.Participant, ...]]:
    """Lets somebody in and lies about who is there."""
    participant, others = await real_enter(self, request, line)
    named = (one for one in others if not one.user_id.startswith(KEPT_BACK))
    return participant, (*named, INVENTED)


RoomService.enter = enter  # type: ignore[method-assign]

if __name__ == "__main__":
    main()

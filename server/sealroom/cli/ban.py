# SPDX-License-Identifier: Apache-2.0
"""`sealroom ban`: keep users out of rooms. A running server sees a change within two seconds, and puts out who is in."""

from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from sealroom.cli.flags import AsJson, ConfigFile, StateFolder
from sealroom.cli.kept import with_kept
from sealroom.cli.show import lines, moment
from sealroom.core.errors import ConfigurationError, StartError

if TYPE_CHECKING:
    from sealroom.kept import Kept
    from sealroom.rooms.bans import Ban
    from sealroom_wire.ids import RoomId

app = App(name="ban", help="Keep users out of rooms, with every token that was issued before.")

RoomNumber = Annotated[int | None, Parameter(help="A room that is a number.")]
RoomString = Annotated[str | None, Parameter(help="A room that is a string; without either, every room.")]


def _room(number: int | None, string: str | None) -> "RoomId | None":
    from sealroom_wire.errors import Refusal
    from sealroom_wire.ids import room_number, room_string

    if number is not None and string is not None:
        raise ConfigurationError("room_twice", "A room is a number or a string.", "Name one of them.")
    try:
        return (
            room_number(number) if number is not None else room_string(string) if string is not None else None
        )
    except Refusal as refusal:
        raise ConfigurationError(refusal.code.value, refusal.text.sentence, refusal.text.action) from None


@app.command(name="add")
def add(
    sdk_app_id: int,
    user: str,
    *,
    room_number: RoomNumber = None,
    room_string: RoomString = None,
    before: Annotated[
        int | None, Parameter(help="Unix seconds: tokens issued before; without it, all there are.")
    ] = None,
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """Refuse a user's tokens that were issued before a moment, and put him out."""
    from sealroom.audit.events import system_user
    from sealroom_wire.errors import Refusal

    room = _room(room_number, room_string)

    async def work(kept: "Kept") -> "Ban":
        return await kept.bans.add(sdk_app_id, user, room, actor=system_user(), issued_before=before)

    try:
        ban = with_kept(config, state, work)
    except Refusal as refusal:
        raise ConfigurationError(refusal.code.value, refusal.text.sentence, refusal.text.action) from None
    where = "every room" if room is None else room.id
    print(
        f"{user} is kept out of {where} of {sdk_app_id} with tokens issued before {moment(ban.issued_before)}."
    )


@app.command(name="lift")
def lift(
    sdk_app_id: int,
    user: str,
    *,
    room_number: RoomNumber = None,
    room_string: RoomString = None,
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """Take a ban back."""
    from sealroom.audit.events import system_user

    room = _room(room_number, room_string)

    async def work(kept: "Kept") -> bool:
        return await kept.bans.lift(sdk_app_id, user, room, actor=system_user())

    if not with_kept(config, state, work):
        raise StartError("no_such_ban", "There is no such ban.", "See `sealroom ban list`.")
    print("Taken back.")


@app.command(name="list")
def list_bans(
    sdk_app_id: int | None = None,
    *,
    json: AsJson = False,
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """Print every ban: application, user, room, tokens issued before."""

    async def work(kept: "Kept") -> "list[Ban]":
        return await kept.bans.all(sdk_app_id)

    found = with_kept(config, state, work)
    lines(
        found,
        json,
        lambda ban: (
            ban.sdk_app_id,
            ban.user_id,
            "(every room)" if ban.room is None else ban.room,
            moment(ban.issued_before),
        ),
    )

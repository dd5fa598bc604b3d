# SPDX-License-Identifier: Apache-2.0
"""`sealroom revoke`: refuse UserSigs that were issued before a moment."""

import time
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from sealroom.cli.flags import ConfigFile, StateFolder
from sealroom.cli.kept import with_kept
from sealroom.core.errors import StartError

if TYPE_CHECKING:
    from sealroom.kept import Kept

app = App(name="revoke", help="Refuse UserSigs that were issued before a moment.")


@app.command(name="add")
def revoke_add(
    sdk_app_id: int,
    *,
    user: Annotated[
        str | None, Parameter(help="One user; without it, every user of the application.")
    ] = None,
    before: Annotated[int | None, Parameter(help="Unix seconds; without it, now.")] = None,
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """Refuse UserSigs of an application issued before a moment. Calls in progress go on."""
    moment = int(time.time()) if before is None else before

    from sealroom.audit.events import system_user

    async def add(kept: "Kept") -> None:
        await kept.apps.revoke(sdk_app_id, user, moment, system_user())

    with_kept(config, state, add)
    print(f"UserSigs of {user or 'every user'} in {sdk_app_id} issued before {moment} are refused.")


@app.command(name="remove")
def revoke_remove(
    sdk_app_id: int, *, user: str | None = None, state: StateFolder = None, config: ConfigFile = None
) -> None:
    """Take a revocation back."""
    from sealroom.audit.events import system_user

    async def remove(kept: "Kept") -> bool:
        return await kept.apps.unrevoke(sdk_app_id, user, system_user())

    if not with_kept(config, state, remove):
        raise StartError("no_such_revocation", "There is no such revocation.", "See `sealroom revoke list`.")
    print("Taken back.")


@app.command(name="list")
def revoke_list(*, state: StateFolder = None, config: ConfigFile = None) -> None:
    """Print every revocation: application, user, issued before."""

    async def everything(kept: "Kept") -> list[tuple[int, str, int]]:
        return await kept.apps.revoked()

    for sdk_app_id, user, before in with_kept(config, state, everything):
        print(f"{sdk_app_id}\t{user or '(every user)'}\t{before}")

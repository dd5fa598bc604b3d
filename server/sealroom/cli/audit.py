# SPDX-License-Identifier: Apache-2.0
"""`sealroom audit`: the log of what was changed."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from sealroom.cli.flags import AsJson, ConfigFile, StateFolder
from sealroom.cli.kept import with_copies, with_kept
from sealroom.core.errors import StartError

if TYPE_CHECKING:
    from sealroom.audit.copies import Copies
    from sealroom.kept import Kept

app = App(name="audit", help="The log of what was changed: show it, and show that nobody tampered with it.")


@app.command(name="show")
def audit_show(
    *,
    event: Annotated[str | None, Parameter(help="Only such events, `user_sigs_revoked` for example.")] = None,
    json: AsJson = False,
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """Print the audit log: who changed what, and when."""
    from sealroom.audit import report

    wanted = report.event_named(event)

    async def show(kept: "Kept") -> None:
        async for entry in kept.audit.entries(event=wanted):
            print(report.as_json(entry) if json else report.as_line(entry))

    with_kept(config, state, show)


@app.command(name="verify")
def audit_verify(
    *,
    against: Annotated[
        tuple[Path, ...],
        Parameter(
            help="Checkpoint that was kept elsewhere; shows that the log's end was not cut off.", negative=""
        ),
    ] = (),
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """Read the whole audit log again, and compare it with the copies of its checkpoints in the store of objects ([objects]).

    Exits with 1 where anything is not as it was written, or was rolled back.
    """
    from sealroom.audit import report

    notes = [report.read_checkpoint(path) for path in against]

    async def verify(kept: "Kept", copies: "Copies") -> bool:
        return await report.verify(kept.database, kept.keys, notes, print, copies)

    if not with_copies(config, state, verify):
        sys.exit(1)


@app.command(name="checkpoint")
def audit_checkpoint(*, state: StateFolder = None, config: ConfigFile = None) -> None:
    """Print the newest signed checkpoint. Keep it elsewhere: `verify --against` takes it."""

    async def newest(kept: "Kept") -> str | None:
        return await kept.audit.checkpoint()

    note = with_kept(config, state, newest)
    if note is None:
        raise StartError("audit_empty", "Nothing was ever recorded.", "Try again after the first change.")
    print(note, end="")


@app.command(name="erase-name")
def audit_erase_name(
    name: Annotated[str, Parameter(help="As `sealroom audit show` prints it: `cli:alice`.")],
    *,
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """Erase the name of one of the operator's staff from all entries. Their role and all proofs stay; nothing brings the name back."""
    from sealroom.audit.events import system_user
    from sealroom.audit.report import staff_named

    who = staff_named(name)

    async def erase(kept: "Kept") -> tuple[int, int]:
        return await kept.audit.erase_name(who, system_user()), await kept.audit.named_for_ever(who)

    erased, left = with_kept(config, state, erase)
    print(f"{name} erased from {erased} entries")
    if left:
        print(
            f"note: {left} entries of the first form have the name in their leaf; every proof rests on it.", file=sys.stderr
        )  # fmt: skip


@app.command(name="rotate-key")
def audit_rotate_key(*, state: StateFolder = None, config: ConfigFile = None) -> None:
    """Sign checkpoints with a new key from now on, and print its public half."""
    from sealroom.audit.events import system_user
    from sealroom.audit.service import PURPOSE

    async def rotate(kept: "Kept", copies: "Copies") -> str:
        # The last checkpoint of the old key, and the first of the new one.
        await _copy(copies)
        await kept.audit.rotate_key(system_user())
        await _copy(copies)
        return str(kept.keys.signer(PURPOSE).verifier)

    print(with_copies(config, state, rotate))


async def _copy(copies: "Copies") -> None:
    """A key that may be known to others is replaced at once, whether or not the store of objects answers."""
    from sealroom.core.objects import ObjectsError

    try:
        await copies.take()
    except ObjectsError as error:
        print(
            f"note: the checkpoint was not copied ({error.code}); a running server does it within the hour.", file=sys.stderr
        )  # fmt: skip

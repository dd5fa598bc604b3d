# SPDX-License-Identifier: Apache-2.0
"""`sealroom keys`: the master key that the secrets in the database are encrypted under, and the keys that verify."""

from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from sealroom.cli.flags import ConfigFile, StateFolder
from sealroom.cli.kept import with_kept

if TYPE_CHECKING:
    from sealroom.kept import Kept

app = App(
    name="keys",
    help="The master key that the secrets in the database are encrypted under, and the keys that verify.",
)


@app.command(name="show")
def show(*, state: StateFolder = None, config: ConfigFile = None) -> None:
    """Print which master keys are in use: id and version, number of values under it. Nothing of the keys themselves."""

    async def work(kept: "Kept") -> list[str]:
        newest = await kept.envelope.masters.newest()
        counted = await kept.rotation.values()
        return [
            f"{name}\t{counted[name]}\t{'newest' if name == newest else ''}".rstrip()
            for name in sorted({newest, *counted})
        ]

    for line in with_kept(config, state, work):
        print(line)


@app.command(name="published")
def published(*, state: StateFolder = None, config: ConfigFile = None) -> None:
    """Print the keys that verify what this installation signs: purpose, key (C2SP signed-note), whether it still signs."""
    from sealroom.audit.service import PURPOSE as AUDIT
    from sealroom.regions.receipt import PURPOSE as RECEIPTS

    async def work(kept: "Kept") -> list[str]:
        return [
            f"{purpose}\t{key}\t{'signs' if number == 0 else 'replaced'}"
            for purpose in (AUDIT, RECEIPTS)
            for number, key in enumerate(kept.keys.verifiers(purpose))
        ]

    for line in with_kept(config, state, work):
        print(line)


@app.command(name="rotate")
def rotate(
    *,
    again_only: Annotated[
        bool,
        Parameter(
            help="No new key: only go on encrypting again, after a rotation that was cut off.", negative=""
        ),
    ] = False,
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """Make a new master key, and encrypt again under it what is under older ones. Running servers go on."""
    from sealroom.audit.events import system_user

    async def work(kept: "Kept") -> tuple[str, int]:
        if not again_only:
            await kept.rotation.rotate(system_user())
        return str(await kept.envelope.masters.newest()), await kept.rotation.encrypt_again()

    name, count = with_kept(config, state, work)
    print(f"{name} is the master key; {count} values were encrypted again.")

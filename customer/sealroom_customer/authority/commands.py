# SPDX-License-Identifier: Apache-2.0
"""`sealroom-customer authority ...`."""

import asyncio
import http.client
import json
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from sealroom_customer.authority.identity import (
    authority_keys,
    backend_credential,
    private_folder,
    public_text,
    retire_authority_key,
    rotate_authority_key,
)
from sealroom_customer.clock import loop_factory
from sealroom_customer.errors import StartError
from sealroom_customer.logging import configure

authority = App(name="authority", help="The key authority: decides who has a room's keys. Runs on your side.")
keys = App(name="keys", help="The authority's signing key, which grants name and members trust.")
authority.command(keys)

ConfigFile = Annotated[
    Path, Parameter(name=("--config", "-c"), help="TOML file; `authority sample` prints one.")
]


@authority.default
def serve(*, config: ConfigFile) -> None:
    """Run the authority until SIGINT or SIGTERM."""
    from sealroom_customer.authority.run import run
    from sealroom_customer.authority.settings import load

    configuration = load(config)
    configure()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(run(configuration, lambda line: print(line, flush=True)))


@authority.command
def sample() -> None:
    """Print a configuration with every key and what it does."""
    from sealroom_customer.authority.settings import SAMPLE

    print(SAMPLE, end="")


@authority.command
def rooms(
    *,
    config: ConfigFile,
    as_json: Annotated[bool, Parameter(name="--json", help="Everything, for programs.")] = False,
) -> None:
    """List the open rooms of the running authority, with their members."""
    from sealroom_customer.authority.settings import load

    found = _ask(load(config))
    if as_json:
        print(json.dumps(found, indent=2))
        return
    print(f"{'APP':>10}  {'KIND':6}  {'EPOCH.STEP':>10}  {'ABSENT':>6}  ROOM: MEMBERS")
    for room in found:
        version = f"{room['epoch']}.{room['step']}"
        names = ", ".join(
            member["user"] + ("" if member["role"] == "publish" else f" ({member['role']})")
            for member in room["members"]
        )
        print(
            f"{room['app']:>10}  {room['kind']:6}  {version:>10}  {room['absent']:>6}  {room['room']}: {names}"
        )


@keys.command
def show(*, config: ConfigFile) -> None:
    """Print the public key that grants have to name (`auk`), and the one before while a rotation is under way."""
    key, before = authority_keys(_state(config))
    print(public_text(key))
    if before is not None:
        print(f"before: {public_text(before)}")


@keys.command
def rotate(*, config: ConfigFile) -> None:
    """Make a new signing key. The one before stays accepted until `keys retire`.

    Then restart the authority, and let the backend name the new key in its grants. A room moves to the new key when the first grant
    that names it is shown there: its members come again, which takes a moment.
    """
    print(public_text(rotate_authority_key(_state(config))))


@keys.command
def retire(*, config: ConfigFile) -> None:
    """End a rotation: delete the key before. Takes effect at the authority's next start."""
    if not retire_authority_key(_state(config)):
        raise StartError(
            "no_rotation", "No rotation is under way.", "Run `authority keys rotate` to begin one."
        )


def _state(config: Path) -> Path:
    from sealroom_customer.authority.settings import load

    return private_folder(load(config).state_folder)


def _ask(configuration: Any) -> list[dict[str, Any]]:
    from sealroom_customer.authority.admin import ROOMS_PATH

    listening = configuration.admin_listening()
    credential = backend_credential(configuration.state_folder)
    connection = http.client.HTTPConnection(listening.host, listening.port, timeout=10)
    try:
        connection.request("GET", ROOMS_PATH, headers={"Authorization": f"Bearer {credential}"})
        answer = connection.getresponse()
        found: list[dict[str, Any]] | None = json.load(answer) if answer.status == 200 else None
    except (OSError, ValueError, http.client.HTTPException):
        found = None
    finally:
        connection.close()
    if found is None:
        raise StartError(
            "authority_not_running",
            f"No authority of ours answers at {listening.host}:{listening.port}.",
            "Start it, and give its own configuration file here.",
        )
    return found

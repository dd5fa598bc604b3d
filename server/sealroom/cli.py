# SPDX-License-Identifier: Apache-2.0
"""The command `sealroom`. Thin: reads flags, calls, prints. What a command needs is imported by it: `--help` is quick.

Exit codes: 0 done, 1 it could not be done (a port is taken, a check failed), 2 a flag or a setting is wrong.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec
from cyclopts import App, Parameter

from sealroom.catalogue.export import Format
from sealroom.core.config import Loaded, load
from sealroom.core.config.describe import effective, sample
from sealroom.core.config.load import Value
from sealroom.core.errors import ConfigurationError, OperatorError, StartError

if TYPE_CHECKING:
    from sealroom.app import Kept, Running

T = TypeVar("T")


def _version() -> str:
    try:
        return installed_version("sealroom")
    except PackageNotFoundError:
        return "0"


ConfigFile = Annotated[
    Path | None, Parameter(name="--config", help="TOML file; `sealroom config sample` writes one.")
]
StateFolder = Annotated[Path | None, Parameter(name="--state", help="Folder of the database and keys.")]

app = App(
    name="sealroom",
    help="Sealroom, the operator's side: carries calls that it cannot read.",
    version=_version,
    version_flags=["--version"],
)
config_app = App(name="config", help="Show what is configured, or a documented sample.")
revoke_app = App(name="revoke", help="Refuse UserSigs that were issued before a moment.")
audit_app = App(
    name="audit", help="The log of what was changed: show it, and show that nobody tampered with it."
)
catalogue_app = App(name="catalogue", help="What is kept of whom, why, for how long, and where.")
for group in (config_app, revoke_app, audit_app, catalogue_app):
    app.command(group)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command, by default the one this process was started with; exits where it fails."""
    try:
        app(sys.argv[1:] if arguments is None else arguments)
    except OperatorError as error:
        print(f"sealroom: {error.sentence}\n  {error.action}", file=sys.stderr)
        sys.exit(2 if isinstance(error, ConfigurationError) else 1)


@app.command
def dev(
    *,
    port: Annotated[
        int | None, Parameter(help="Port of the signalling on 127.0.0.1; 0 takes any free one.")
    ] = None,
    admin_port: Annotated[
        int | None, Parameter(help="Port of health and metrics; 0 takes any free one.")
    ] = None,
    state: StateFolder = None,
    config: ConfigFile = None,
    demo_out: Annotated[
        Path | None, Parameter(help="Once ready, write the demo application's endpoint and key there (0600).")
    ] = None,
    demo_origin: Annotated[
        tuple[str, ...],
        Parameter(
            help="Origin of a page that may use the demo application, beside this machine's.", negative=""
        ),
    ] = (),
    sink_dump: Annotated[
        Path | None,
        Parameter(
            help="Development aid: append every forwarded packet, as it is forwarded (ciphertext), to this file."
        ),
    ] = None,
) -> None:
    """Run everything of the operator's side in one process. Not for production."""
    flags: dict[tuple[str, str], Value] = {}
    if port is not None:
        flags["signalling", "listen"] = f"127.0.0.1:{port}"
    if admin_port is not None:
        flags["admin", "listen"] = f"127.0.0.1:{admin_port}"
    if state is not None:
        flags["state", "directory"] = str(state)
    if sink_dump is not None:
        flags["media", "sink_dump"] = str(sink_dump)
    _run(_load(config, flags), demo_out, demo_origin)


@config_app.command(name="show")
def config_show(*, config: ConfigFile = None) -> None:
    """Print every setting as it stands, and where it came from. Secrets are masked."""
    print(effective(_load(config, {})), end="")


@config_app.command(name="sample")
def config_sample() -> None:
    """Print a TOML file with every key, its default, and what it does."""
    print(sample(), end="")


@catalogue_app.command(name="export")
def catalogue_export(
    *, format: Annotated[Format, Parameter(help="For a browser, for machines, for a document.")] = "md"
) -> None:
    """Print the record of processing activities (GDPR article 30), made from the program's own declarations."""
    from sealroom.app import catalogue
    from sealroom.catalogue.export import export

    print(export(catalogue(), format), end="")


@app.command
def doctor(*, state: StateFolder = None, config: ConfigFile = None) -> None:
    """Check this machine and the configuration; says what to do about each fault."""
    from sealroom.doctor import examine

    findings = examine(_load(config, _state_flag(state)).configuration)
    for finding in findings:
        print(f"{'ok   ' if finding.good else 'FAULT'} {finding.name:12} {finding.sentence}")
        if not finding.good:
            print(f"{'':18} {finding.action}")
    if not all(finding.good for finding in findings):
        sys.exit(1)


@revoke_app.command(name="add")
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

    _with_kept(config, state, add)
    print(f"UserSigs of {user or 'every user'} in {sdk_app_id} issued before {moment} are refused.")


@revoke_app.command(name="remove")
def revoke_remove(
    sdk_app_id: int, *, user: str | None = None, state: StateFolder = None, config: ConfigFile = None
) -> None:
    """Take a revocation back."""
    from sealroom.audit.events import system_user

    async def remove(kept: "Kept") -> bool:
        return await kept.apps.unrevoke(sdk_app_id, user, system_user())

    if not _with_kept(config, state, remove):
        raise StartError("no_such_revocation", "There is no such revocation.", "See `sealroom revoke list`.")
    print("Taken back.")


@revoke_app.command(name="list")
def revoke_list(*, state: StateFolder = None, config: ConfigFile = None) -> None:
    """Print every revocation: application, user, issued before."""

    async def everything(kept: "Kept") -> list[tuple[int, str, int]]:
        return await kept.apps.revoked()

    for sdk_app_id, user, before in _with_kept(config, state, everything):
        print(f"{sdk_app_id}\t{user or '(every user)'}\t{before}")


@audit_app.command(name="show")
def audit_show(
    *,
    event: Annotated[str | None, Parameter(help="Only such events, `user_sigs_revoked` for example.")] = None,
    json: Annotated[bool, Parameter(help="One JSON object a line.", negative="")] = False,
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """Print the audit log: who changed what, and when."""
    from sealroom.audit import report

    wanted = report.event_named(event)

    async def show(kept: "Kept") -> None:
        async for entry in kept.audit.entries(event=wanted):
            print(report.as_json(entry) if json else report.as_line(entry))

    _with_kept(config, state, show)


@audit_app.command(name="verify")
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
    """Read the whole audit log again; exits with 1 where anything in it is not as it was written."""
    from sealroom.audit import report

    notes = [report.read_checkpoint(path) for path in against]

    async def verify(kept: "Kept") -> bool:
        return await report.verify(kept.database, kept.keys, notes, print)

    if not _with_kept(config, state, verify):
        sys.exit(1)


@audit_app.command(name="checkpoint")
def audit_checkpoint(*, state: StateFolder = None, config: ConfigFile = None) -> None:
    """Print the newest signed checkpoint. Keep it elsewhere: `verify --against` takes it."""

    async def newest(kept: "Kept") -> str | None:
        return await kept.audit.checkpoint()

    note = _with_kept(config, state, newest)
    if note is None:
        raise StartError("audit_empty", "Nothing was ever recorded.", "Try again after the first change.")
    print(note, end="")


@audit_app.command(name="rotate-key")
def audit_rotate_key(*, state: StateFolder = None, config: ConfigFile = None) -> None:
    """Sign checkpoints with a new key from now on, and print its public half."""
    from sealroom.audit.events import system_user
    from sealroom.audit.service import PURPOSE

    async def rotate(kept: "Kept") -> str:
        await kept.audit.rotate_key(system_user())
        return str(kept.keys.signer(PURPOSE).verifier)

    print(_with_kept(config, state, rotate))


def _with_kept(config: Path | None, state: Path | None, work: "Callable[[Kept], Awaitable[T]]") -> T:
    from sealroom.app import kept

    async def run() -> T:
        async with kept(_load(config, _state_flag(state)).configuration) as everything:
            return await work(everything)

    return asyncio.run(run())


def _state_flag(state: Path | None) -> dict[tuple[str, str], Value]:
    return {} if state is None else {("state", "directory"): str(state)}


def _load(config: Path | None, flags: dict[tuple[str, str], Value]) -> Loaded:
    return load(config, os.environ, flags)


def _run(loaded: Loaded, demo_out: Path | None, demo_origins: tuple[str, ...]) -> None:
    import uvloop

    from sealroom.app import run_dev
    from sealroom.core.state import write_private

    def ready(running: "Running") -> None:
        if demo_out is not None:
            write_private(demo_out, msgspec.json.encode(running.hand_over()))
        print(_banner(running), flush=True)

    async def until_told() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await run_dev(loaded.configuration, ready=ready, stop=stop, demo_origins=demo_origins)

    uvloop.run(until_told())


def _banner(running: "Running") -> str:
    clear = running.endpoint.startswith("ws://")
    media = ", ".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in running.media)
    lines = [
        "Sealroom, operator's side",
        f"  signalling   {running.endpoint}{'   plain ws, on loopback only, which browsers treat as secure' if clear else ''}",
        f"  metrics      {running.admin}/metrics",
        f"  media        UDP {media}",
        f"  application  {running.demo.sdk_app_id}, sealing {running.demo.sealing}",
        f"  state        {running.state}",
    ]
    if all(host == "127.0.0.1" for host, _ in running.media):
        lines.append("  note         no network interface but loopback: Firefox will not connect")
    return "\n".join([*lines, "development mode: not for production"])

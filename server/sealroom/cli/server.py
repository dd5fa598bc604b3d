# SPDX-License-Identifier: Apache-2.0
"""`sealroom serve`, `sealroom dev` and `sealroom doctor`."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter

from sealroom.cli.flags import AsJson, ConfigFile, StateFolder, loaded, state_flag
from sealroom.core.config import Loaded
from sealroom.core.config.load import Value

if TYPE_CHECKING:
    from sealroom.app import Running


def dev(
    *,
    port: Annotated[
        int | None, Parameter(help="Port of the signalling on 127.0.0.1; 0 takes any free one.")
    ] = None,
    admin_port: Annotated[
        int | None, Parameter(help="Port of health and metrics; 0 takes any free one.")
    ] = None,
    api_port: Annotated[
        int | None, Parameter(help="Port of TRTC's REST API on 127.0.0.1; 0 takes any free one.")
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
    if api_port is not None:
        flags["api", "listen"] = f"127.0.0.1:{api_port}"
    if state is not None:
        flags["state", "directory"] = str(state)
    if sink_dump is not None:
        flags["media", "sink_dump"] = str(sink_dump)
    _run(loaded(config, flags), demo_out, demo_origin)


def serve(
    *,
    config: Annotated[
        Path, Parameter(name="--config", help="TOML file; `sealroom config sample` writes one.")
    ],
) -> None:
    """Run the operator's side for production.

    SIGTERM drains: /readyz says 503, no new rooms are taken, open calls may go on for [server] drain_seconds; a second one ends at once.
    Certificates are read again by themselves when their files change, so SIGHUP does nothing.
    """
    import uvloop

    from sealroom.app import run_serve
    from sealroom.core.supervisor import Supervisor

    found = loaded(config, {})

    async def until_told() -> None:
        stop, hurry = asyncio.Event(), asyncio.Event()

        def told() -> None:
            (hurry if stop.is_set() else stop).set()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told)
        loop.add_signal_handler(signal.SIGHUP, lambda: None)
        supervisor = Supervisor(os.environ, os.getpid())
        await run_serve(found.configuration, stop=stop, hurry=hurry, supervisor=supervisor)

    uvloop.run(until_told())


def doctor(*, json: AsJson = False, state: StateFolder = None, config: ConfigFile = None) -> None:
    """Check this machine and the configuration; says what to do about each fault. Exit code 1 where there is one."""
    from sealroom.doctor import Weight, examine

    findings = examine(loaded(config, state_flag(state)).configuration)
    for finding in findings:
        if json:
            print(msgspec.json.encode(finding).decode())
            continue
        weight = "FAULT" if finding.weight is Weight.FAULT else finding.weight.value
        print(f"{weight:5} {finding.name:12} {finding.sentence}")
        if finding.action:
            print(f"{'':18} {finding.action}")
    if any(finding.weight is Weight.FAULT for finding in findings):
        sys.exit(1)


def _run(found: Loaded, demo_out: Path | None, demo_origins: tuple[str, ...]) -> None:
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
        await run_dev(found.configuration, ready=ready, stop=stop, demo_origins=demo_origins)

    uvloop.run(until_told())


def _banner(running: "Running") -> str:
    at = running.at
    clear = at.endpoint.startswith("ws://")
    media = ", ".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in at.media)
    lines = [
        "Sealroom, operator's side",
        f"  signalling   {at.endpoint}{'   plain ws, on loopback only, which browsers treat as secure' if clear else ''}",
        f"  REST API     {at.api}   TRTC's v3; `sealroom account key create` makes a key",
        f"  metrics      {at.admin}/metrics",
        f"  media        UDP {media}",
        f"  application  {running.demo.sdk_app_id}, sealing {running.demo.sealing.value}",
        f"  state        {at.state}",
    ]
    if all(host == "127.0.0.1" for host, _ in at.media):
        lines.append("  note         no network interface but loopback: Firefox will not connect")
    return "\n".join([*lines, "development mode: not for production"])

# SPDX-License-Identifier: Apache-2.0
"""`sealroom-customer`: parses, calls, prints."""

import asyncio
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from sealroom_customer import __version__
from sealroom_customer.authority.commands import authority
from sealroom_customer.authority.identity import default_state, private_folder
from sealroom_customer.bots import MOST_BOTS
from sealroom_customer.bots.commands import bot
from sealroom_customer.clock import loop_factory
from sealroom_customer.errors import ConfigurationError, CustomerError
from sealroom_customer.http.listen import DEFAULT_HOST, Listening
from sealroom_customer.http.proxies import networks
from sealroom_customer.loadtest.commands import loadtest
from sealroom_customer.logging import configure
from sealroom_customer.page.commands import sign_page, verify_page
from sealroom_customer.signing.commands import sign
from sealroom_wire.errors import Refusal

app = App(
    name="sealroom-customer",
    version=__version__,
    help="The customer's side of Sealroom: signs, lets members have keys, serves the call page.",
)
for command in (sign, authority, bot, loadtest, verify_page, sign_page):
    app.command(command)


@app.command
def demo(
    *,
    operator: Annotated[
        Path | None,
        Parameter(help="File the operator's side hands over; waited for. Default: operator.json in --state."),
    ] = None,
    port: Annotated[
        int | None,
        Parameter(help="Port of the call page; 0 takes any free one. Default: 8080, with --lan 8443."),
    ] = None,
    state: Annotated[
        Path | None, Parameter(help="Folder for keys, 0700. Default: the user's state folder.")
    ] = None,
    check: Annotated[
        int | None, Parameter(help="Enter two headless members for so many seconds, report, and end.")
    ] = None,
    bots: Annotated[
        int, Parameter(help="Members that are no people, in the room `demo`; none with --check.")
    ] = 2,
    host: Annotated[
        str, Parameter(help="Address to listen on. Plain http is spoken on loopback only.")
    ] = DEFAULT_HOST,
    certificate: Annotated[
        Path | None, Parameter(help="PEM certificate chain; read again when it changes.")
    ] = None,
    key: Annotated[Path | None, Parameter(help="PEM private key of the certificate.")] = None,
    behind_proxy: Annotated[
        tuple[str, ...], Parameter(help="Networks of your TLS proxy; nobody else is let in.", negative="")
    ] = (),
    public_url: Annotated[str | None, Parameter(help="The https origin that people open.")] = None,
    lan: Annotated[
        bool,
        Parameter(
            help="Let devices of this network in, by a certificate of this machine's own.", negative=""
        ),
    ] = False,
    lan_address: Annotated[
        tuple[str, ...],
        Parameter(help="Address in the network, with --lan. Default: those found.", negative=""),
    ] = (),
) -> int:
    """Run a demo customer: backend, key authority and call page. Prints one address to open."""
    from sealroom_customer.demo.run import run
    from sealroom_customer.lan.place import PORT as LAN_PORT
    from sealroom_customer.lan.place import Place

    if check is not None and check < 1:
        raise ConfigurationError("check_too_short", "A check takes at least a second.", "Give --check 10.")
    if not 0 <= bots <= MOST_BOTS:
        raise ConfigurationError("bots_invalid", f"There are 0 to {MOST_BOTS} bots.", "Give --bots 2.")
    folder = state or default_state()
    listening = Listening(
        host, 8080 if port is None else port, certificate, key, networks(behind_proxy), public_url
    )
    place = None
    if lan:
        if check is not None or replace(listening, port=0) != Listening():
            raise ConfigurationError(
                "lan_goes_alone",
                "--lan brings its own addresses and certificate, and people to check with.",
                "Leave out --check, --host, --certificate, --key, --behind-proxy and --public-url.",
            )
        place = Place.prepare(private_folder(folder) / "lan", lan_address, time.time())
        listening = place.listening(LAN_PORT if port is None else port)
    configure()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(run(operator or folder / "operator.json", folder, listening, check, bots, place))


def main() -> None:
    """Entry point; errors are one line with what to do next."""
    try:
        sys.exit(app())
    except CustomerError as error:
        sys.exit(f"error: {error.sentence} {error.action} [{error.code}]")
    except Refusal as refusal:
        sys.exit(f"error: {refusal.text.sentence} {refusal.text.action} [{refusal.code.value}]")

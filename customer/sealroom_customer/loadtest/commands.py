# SPDX-License-Identifier: Apache-2.0
"""`sealroom-customer loadtest`."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cyclopts import Group, Parameter

from sealroom_customer.bots.tokens import TokenSource
from sealroom_customer.client import Sealing
from sealroom_customer.clock import loop_factory
from sealroom_customer.errors import ConfigurationError
from sealroom_customer.http.addresses import over_tls_or_on_loopback
from sealroom_customer.loadtest.admission import Admission, SignedHere
from sealroom_customer.loadtest.plan import Plan
from sealroom_customer.logging import configure
from sealroom_customer.signing import GrantSigner, TicketSigner
from sealroom_customer.signing.key_files import private_signing_key, secret_key_text

_LOAD = Group("Load")
_DEPLOYMENT = Group("A deployment without a call page")


def loadtest(
    *,
    page: Annotated[
        str | None, Parameter(help="Address of a call page, whose backend lets the members in.")
    ] = None,
    rooms: Annotated[int, Parameter(group=_LOAD, help="Rooms beside each other.")] = 1,
    publishers: Annotated[int, Parameter(group=_LOAD, help="In each room; they only send.")] = 2,
    subscribers: Annotated[
        int, Parameter(group=_LOAD, help="In each room; they receive everything of everybody.")
    ] = 10,
    sealing: Annotated[
        Literal["required", "off"],
        Parameter(group=_LOAD, help="`off` needs an application whose sealing is optional."),
    ] = "required",
    seconds: Annotated[float, Parameter(group=_LOAD, help="To measure, once all have come.")] = 30.0,
    video_rate: Annotated[int, Parameter(group=_LOAD, help="Pictures a second; 0 for none.")] = 15,
    video_bitrate: Annotated[int, Parameter(group=_LOAD, help="Bit a second of each publisher.")] = 400_000,
    audio: Annotated[bool, Parameter(group=_LOAD, help="50 frames a second of each publisher.")] = True,
    ramp: Annotated[float, Parameter(group=_LOAD, help="Members that enter in a second.")] = 10.0,
    dtls: Annotated[
        Literal["1.2", "1.3"], Parameter(group=_LOAD, help="The operator has to take it.")
    ] = "1.2",
    max_loss: Annotated[
        float,
        Parameter(
            help="Share of frames that may be lost before the exit code is 1; 0.001 is one in a thousand."
        ),
    ] = 0.0,
    json: Annotated[bool, Parameter(help="The result as JSON, on one line.", negative="")] = False,
    operator: Annotated[str | None, Parameter(group=_DEPLOYMENT, help="The operator's wss address.")] = None,
    sdk_app_id: Annotated[int | None, Parameter(group=_DEPLOYMENT, help="The application.")] = None,
    secret_key: Annotated[
        Path | None, Parameter(group=_DEPLOYMENT, help="0600 file with the application's SecretKey.")
    ] = None,
    authority: Annotated[
        str | None, Parameter(group=_DEPLOYMENT, help="The authority's wss address.")
    ] = None,
    grant_key: Annotated[
        Path | None, Parameter(group=_DEPLOYMENT, help="0600 PEM file that grants are signed with.")
    ] = None,
    issuer: Annotated[str, Parameter(group=_DEPLOYMENT, help="Who signs the grants.")] = "",
    audience: Annotated[str, Parameter(group=_DEPLOYMENT, help="The authority's name.")] = "",
    authority_key: Annotated[
        str, Parameter(group=_DEPLOYMENT, help="The authority's public signing key, base64url.")
    ] = "",
) -> int:
    """Load a deployment with members whose frames are verified one by one, and report what came of them.

    The exit code is 1 when frames were lost beyond --max-loss, refused without reason, or not what was sent.
    """
    from sealroom_customer.loadtest.report import table
    from sealroom_customer.loadtest.run import LoadTest

    plan = Plan(
        rooms,
        publishers,
        subscribers,
        seconds,
        video_rate,
        video_bitrate,
        audio,
        ramp,
        Sealing(sealing),
        dtls,
    )
    if not 0 <= max_loss <= 1:
        raise ConfigurationError("max_loss_invalid", "A share is 0 to 1.", "Give --max-loss 0.001.")
    admission: Admission
    if page is not None:
        admission = TokenSource(page)
    else:
        tickets = _tickets(sdk_app_id, secret_key)
        grants = None
        if plan.sealing is Sealing.REQUIRED:
            grants = _grants(grant_key, issuer, audience, authority_key)
            _check_address("authority", authority)
        admission = SignedHere(
            _check_address("operator", operator), tickets.sdk_app_id, tickets, authority or "", grants
        )
    configure()

    async def work() -> int:
        result = await LoadTest(plan, admission, lambda line: print(line, file=sys.stderr, flush=True)).run()
        problems = list(result.problems(max_loss))
        if json:
            print(msgspec.json.encode(result).decode(), flush=True)
        else:
            print("\n".join(table(result)), flush=True)
        for problem in problems:
            print(f"failed     {problem}", file=sys.stderr, flush=True)
        return 1 if problems else 0

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(work())


def _tickets(sdk_app_id: int | None, secret_key: Path | None) -> TicketSigner:
    if sdk_app_id is None or secret_key is None:
        raise ConfigurationError(
            "deployment_missing",
            "There is no deployment to load.",
            "Give --page, or --operator, --sdk-app-id and --secret-key.",
        )
    return TicketSigner(sdk_app_id, secret_key_text(secret_key))


def _grants(key: Path | None, issuer: str, audience: str, authority_key: str) -> GrantSigner:
    if key is None or not (issuer and audience and authority_key):
        raise ConfigurationError(
            "grants_missing",
            "Sealed members need grants.",
            "Give --authority, --grant-key, --issuer, --audience and --authority-key, or --sealing off.",
        )
    return GrantSigner(issuer, audience, authority_key, private_signing_key(key))


def _check_address(name: str, address: str | None) -> str:
    if address is None or over_tls_or_on_loopback(address, "wss") is None:
        raise ConfigurationError(
            f"{name}_invalid",
            f"`{address}` is neither wss nor ws on loopback." if address else f"--{name} is missing.",
            f"Give the {name}'s wss address.",
        )
    return address

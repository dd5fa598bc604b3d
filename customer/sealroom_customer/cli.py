# SPDX-License-Identifier: Apache-2.0
"""`sealroom-customer`: parses, calls, prints."""

import asyncio
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cyclopts import App, Parameter

from sealroom_customer import __version__
from sealroom_customer.authority.commands import authority
from sealroom_customer.authority.identity import default_state, private_folder, read_private
from sealroom_customer.bots import MOST_BOTS, available
from sealroom_customer.clock import loop_factory
from sealroom_customer.errors import ConfigurationError, CustomerError, StartError
from sealroom_customer.http.listen import DEFAULT_HOST, Listening
from sealroom_customer.http.proxies import networks
from sealroom_customer.logging import configure
from sealroom_customer.page.commands import sign_page, verify_page
from sealroom_customer.signing import GrantSigner, TicketSigner
from sealroom_wire.authority import MemberRole
from sealroom_wire.errors import Refusal
from sealroom_wire.ids import RoomId, room_number, room_string
from sealroom_wire.usersig import Privilege

app = App(
    name="sealroom-customer",
    version=__version__,
    help="The customer's side of Sealroom: signs, lets members have keys, serves the call page.",
)
sign = App(name="sign", help="Sign a ticket or a grant and print it.")
app.command(sign)
app.command(authority)
app.command(verify_page)
app.command(sign_page)

PrivilegeName = Literal[
    "create-room", "enter", "send-audio", "receive-audio", "send-video", "receive-video", "send-screen", "receive-screen"
]  # fmt: skip
_ALL: tuple[PrivilegeName, ...] = (
    "create-room", "enter", "send-audio", "receive-audio", "send-video", "receive-video", "send-screen", "receive-screen",
)  # fmt: skip
SecretFile = Annotated[Path, Parameter(help="0600 file with the application's SecretKey.")]
Life = Annotated[int, Parameter(help="Seconds until it expires.")]


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


@app.command
def bot(
    *,
    page: Annotated[str, Parameter(help="Address of the call page, whose backend lets the bots in.")],
    room: Annotated[str, Parameter(help="Room to enter.")] = "demo",
    name: Annotated[str, Parameter(help="They are called NAME-1, NAME-2 and so on.")] = "bot",
    count: Annotated[int, Parameter(help=f"How many, 1 to {MOST_BOTS}.")] = 1,
    video: Annotated[
        Literal["pattern", "none"], Parameter(help="A moving pattern with a barcode, or nothing.")
    ] = "pattern",
    audio: Annotated[Literal["tone", "none"], Parameter(help="A soft beep, or nothing.")] = "tone",
    size: Annotated[str, Parameter(help="Width x height of the picture.")] = "640x360",
    rate: Annotated[int, Parameter(help="Pictures a second, 1 to 60.")] = 15,
    seconds: Annotated[float | None, Parameter(help="Leave after so long. Default: when told to.")] = None,
    json: Annotated[bool, Parameter(help="Report as JSON, a line a second.", negative="")] = False,
) -> None:
    """Enter members that are no people, in a sealed room: pictures and sound by real encoders, a report every second."""
    if not available():
        raise StartError(
            "bots_not_installed", "Bots need PyAV and numpy.", "Install `sealroom-customer[bots]`."
        )
    from sealroom_customer.bots import run as bots
    from sealroom_customer.bots.bot import Show
    from sealroom_customer.bots.tokens import TokenSource

    width, height = _size(size)
    if not 1 <= count <= MOST_BOTS or not 1 <= rate <= 60:
        raise ConfigurationError(
            "bots_invalid", f"1 to {MOST_BOTS} bots, 1 to 60 pictures a second.", "Give less."
        )
    show = Show(video == "pattern", audio == "tone", width, height, rate)
    configure()

    def tell(report: bots.Report) -> None:
        print(msgspec.json.encode(report).decode() if json else bots.line(report), flush=True)

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(bots.run(TokenSource(page), room, name, count, show, seconds, tell))


@sign.command
def user_sig(*, sdk_app_id: int, user: str, secret_key: SecretFile, life: Life = 86400) -> None:
    """Print a UserSig."""
    print(TicketSigner(sdk_app_id, _secret(secret_key)).user_sig(user, now=int(time.time()), life=life))


@sign.command
def private_map_key(
    *,
    sdk_app_id: int,
    user: str,
    secret_key: SecretFile,
    room: Annotated[str | None, Parameter(help="A string room. Either this or --room-number.")] = None,
    room_number: Annotated[
        int | None, Parameter(help='A number room. `123` and `"123"` are two rooms.')
    ] = None,
    right: Annotated[
        tuple[PrivilegeName, ...], Parameter(help="May be given more than once.", negative="")
    ] = _ALL,
    life: Life = 86400,
) -> None:
    """Print a PrivateMapKey for one room and some of the eight rights."""
    rights = Privilege(0)
    for name in right:
        rights |= Privilege[name.replace("-", "_").upper()]
    signer = TicketSigner(sdk_app_id, _secret(secret_key))
    where = _room(room, room_number)
    print(signer.private_map_key(user, where, rights, now=int(time.time()), life=life))


@sign.command
def grant(
    *,
    sdk_app_id: int,
    user: str,
    key: Annotated[Path, Parameter(help="0600 PEM file with an Ed25519 or P-256 private key.")],
    issuer: str,
    audience: Annotated[str, Parameter(help="The authority's name.")],
    authority_key: Annotated[str, Parameter(help="The authority's public signing key, base64url.")],
    room: Annotated[str | None, Parameter(help="A string room. Either this or --room-number.")] = None,
    room_number: Annotated[int | None, Parameter(help="A number room.")] = None,
    role: MemberRole = MemberRole.PUBLISH,
    life: Life = 900,
) -> None:
    """Print a grant that admits a user to a room's keys."""
    signer = GrantSigner(issuer, audience, authority_key, _signing_key(key))
    try:
        token = signer.sign(
            sdk_app_id=sdk_app_id,
            room=_room(room, room_number),
            user_id=user,
            role=role,
            now=int(time.time()),
            life=life,
        )
    except ValueError as error:
        raise ConfigurationError(
            "life_invalid", f"It cannot be signed: {error}.", "Give another --life."
        ) from error
    print(token)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if width.isdigit() and height.isdigit():
        numbers = int(width), int(height)
        if all(64 <= one <= 4096 and one % 2 == 0 for one in numbers):
            return numbers
    raise ConfigurationError(
        "size_invalid", f"`{text}` is no size.", "Give width x height, even, 64 to 4096: 640x360."
    )


def _room(text: str | None, number: int | None) -> RoomId:
    if text is not None and number is None:
        return room_string(text)
    if number is not None and text is None:
        return room_number(number)
    raise ConfigurationError("room_missing", "One room is needed.", "Give either --room or --room-number.")


def _secret(path: Path) -> str:
    return _private(path).decode("utf-8", "replace").strip()


def _signing_key(path: Path) -> Ed25519PrivateKey | ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(_private(path), None)
    except (ValueError, TypeError):
        key = None
    if isinstance(key, Ed25519PrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise StartError(
        "key_unreadable", f"{path} holds no Ed25519 or P-256 private key.", "Give a PEM file of one."
    )


def _private(path: Path) -> bytes:
    octets = read_private(path)
    if octets is None:
        raise StartError("file_missing", f"{path} is not there.", "Check the name.")
    return octets


def main() -> None:
    """Entry point; errors are one line with what to do next."""
    try:
        sys.exit(app())
    except CustomerError as error:
        sys.exit(f"error: {error.sentence} {error.action} [{error.code}]")
    except Refusal as refusal:
        sys.exit(f"error: {refusal.text.sentence} {refusal.text.action} [{refusal.code.value}]")

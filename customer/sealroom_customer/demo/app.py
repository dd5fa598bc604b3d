# SPDX-License-Identifier: Apache-2.0
"""The composition root of the demo: the only file that knows every part."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sealroom_customer.authority import Authority
from sealroom_customer.authority import api as authority_api
from sealroom_customer.authority.admission import Admission, Issuer
from sealroom_customer.authority.identity import (
    authority_keys,
    backend_credential,
    private_folder,
    public_text,
    signing_key,
)
from sealroom_customer.authority.line import Door
from sealroom_customer.clock import Clock
from sealroom_customer.demo import api as demo_api
from sealroom_customer.demo.backend import Backend, Lines
from sealroom_customer.demo.operator import Operator
from sealroom_customer.http.api import api
from sealroom_customer.http.asgi import App, Problem, Receive, Scope, Send, turn_away
from sealroom_customer.http.callers import BackendCredential, OwnPage
from sealroom_customer.http.pace import Pace
from sealroom_customer.lan import PassThrough, Place
from sealroom_customer.lan.place import CERTIFICATE_PATH
from sealroom_customer.page import STATIC, Page
from sealroom_customer.signing import GrantSigner

_AUDIENCE = "demo-authority"
_ISSUER = "demo-backend"
_SIGNATURES_PER_SECOND, _BURST = 50.0, 200.0
_NOT_HERE = Problem("not_found", "There is nothing here.", "Check the address.")


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo customer, ready to be served at `origins`."""

    app: App
    backend: Backend
    authority: Authority
    origins: tuple[str, ...]
    lines: Callable[[str], Lines]
    """Where the lines of a page of an origin go."""


def make(
    operator: Operator,
    state: Path,
    origins: tuple[str, ...],
    clock: Clock,
    static: Path = STATIC,
    place: Place | None = None,
) -> Demo:
    """Puts a demo customer together; keys are made in `state` at first start. At a `place` in a network the operator's line
    too is reached at the page's origin.

    Raises:
        StartError: the state folder or a key in it cannot be used.
    """
    folder = private_folder(state)
    authority_key, key_before = authority_keys(folder)
    grant_key = signing_key(folder / "grant-signing-key.pem")
    authority_text = public_text(authority_key)
    issuer = Issuer(_ISSUER, (grant_key.public_key(),), frozenset({operator.sdk_app_id}))
    accepted = [public_text(key) for key in (authority_key, key_before) if key is not None]
    admission = Admission.of(_AUDIENCE, [issuer], *accepted, began=int(clock.unix()))
    authority = Authority(admission, authority_key, clock, key_before=key_before)
    backend = Backend(operator, GrantSigner(_ISSUER, _AUDIENCE, authority_text, grant_key), clock.unix)
    own_page = OwnPage(origins)
    lines = _lines(operator, place)
    pace = Pace(_SIGNATURES_PER_SECOND, _BURST, clock.monotonic)
    http = api(
        [
            *demo_api.routes(backend, own_page, pace, lines),
            *authority_api.routes(authority, BackendCredential(backend_credential(folder))),
        ]
    )
    doors: dict[str, App] = {authority_api.LINE_PATH: Door(authority, clock)}
    connect = [demo_api.line_url(origin, "") for origin in origins]
    if place is None:
        front = _Front(doors, http, Page([*connect, operator.origin], static), {})
    else:
        doors[_path(operator)] = PassThrough(operator.endpoint, own_page)
        page = Page(connect, static, strict_transport=None)
        front = _Front(doors, http, page, {CERTIFICATE_PATH: place.certificate})
    return Demo(front, backend, authority, origins, lines)


def _lines(operator: Operator, place: Place | None) -> Callable[[str], Lines]:
    def lines(origin: str) -> Lines:
        through = operator.endpoint if place is None else demo_api.line_url(origin, _path(operator))
        return Lines(through, demo_api.line_url(origin))

    return lines


def _path(operator: Operator) -> str:
    return urlsplit(operator.endpoint).path


class _Front:
    """WebSockets to the door of their path, `/api`, `/authority` and `/livez` to the routes, `others` where they say, everything
    else to the page."""

    def __init__(self, doors: Mapping[str, App], http: App, page: App, others: Mapping[str, App]) -> None:
        self._doors = doors
        self._http = http
        self._page = page
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", ""))
        if scope["type"] == "websocket":
            door = self._doors.get(path)
            if door is None:
                await turn_away(scope, send, 404, _NOT_HERE)
            else:
                await door(scope, receive, send)
        elif path == "/livez" or path.startswith(("/api/", "/authority/")):
            await self._http(scope, receive, send)
        else:
            await self._others.get(path, self._page)(scope, receive, send)

# SPDX-License-Identifier: Apache-2.0
"""What stands behind the API in its tests: keys, applications, rooms, history and meters that keep the rules of their ports."""

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sealroom.accounts.signing import Signed
from sealroom.audit.events import Actor
from sealroom.core.clock import Clock
from sealroom.core.metrics import Metrics
from sealroom.trtc_api import dashboard, history, usage
from sealroom.trtc_api.endpoint import TrtcApi, application
from sealroom.trtc_api.parameters import Page, Window
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId, room_number, room_string

UIN, OTHER_UIN = 100000000001, 100000000002
SECRET_ID, SECRET_KEY = "AKIDtestAccountOne0001", "test-secret-key-of-account-one"
OTHER_ID, OTHER_KEY = "AKIDtestAccountTwo0002", "test-secret-key-of-account-two"
DISABLED_ID = "AKIDtestDisabled00003"
APP, SECOND_APP, OTHERS_APP = 1_400_000_001, 1_400_000_002, 1_400_000_099
HOST = "api.sealroom.example"


@dataclass(frozen=True)
class Key:
    uin: int
    secret_key: str
    disabled: bool = False


class Keys:
    """Keys of two accounts."""

    def __init__(self) -> None:
        self.asked = 0
        self.fails: Exception | None = None
        self.noted: list[str] = []
        self._keys = {
            SECRET_ID: Key(UIN, SECRET_KEY),
            OTHER_ID: Key(OTHER_UIN, OTHER_KEY),
            DISABLED_ID: Key(UIN, SECRET_KEY, disabled=True),
        }

    async def secret_of(self, secret_id: str) -> Key | None:
        self.asked += 1
        if self.fails:
            raise self.fails
        return self._keys.get(secret_id)

    async def used(self, secret_id: str) -> None:
        self.noted.append(secret_id)


class Owned:
    """Two applications of the first account, one of the second."""

    def __init__(self) -> None:
        self.owners = {APP: UIN, SECOND_APP: UIN, OTHERS_APP: OTHER_UIN}

    async def owner_of(self, sdk_app_id: int) -> int | None:
        return self.owners.get(sdk_app_id)

    async def owned_by(self, uin: int) -> Sequence[int]:
        return [number for number, owner in self.owners.items() if owner == uin]


class Rooms:
    """Rooms with users who can be put out and blocked."""

    def __init__(self) -> None:
        self.inside: dict[tuple[int, RoomId], set[str]] = {
            (APP, room_number(1234)): {"alice", "bob", "carol"},
            (APP, room_string("1234")): {"dave", "erin"},
        }
        self.blocked: dict[tuple[RoomId, str], tuple[bool, bool]] = {}
        self.actors: list[Actor] = []

    async def dismiss(self, sdk_app_id: int, room: RoomId, *, actor: Actor) -> None:
        self._users(sdk_app_id, room, actor)
        del self.inside[sdk_app_id, room]

    async def remove(
        self, sdk_app_id: int, room: RoomId, user_ids: Sequence[str], *, actor: Actor
    ) -> tuple[str, ...]:
        users = self._users(sdk_app_id, room, actor)
        there = tuple(user for user in user_ids if user in users)
        users.difference_update(there)
        return there

    async def block(
        self, sdk_app_id: int, room: RoomId, user_id: str, *, audio: bool | None, video: bool | None, actor: Actor
    ) -> None:  # fmt: skip
        if user_id not in self._users(sdk_app_id, room, actor):
            raise Refusal(ErrorCode.USER_NOT_IN_ROOM)
        before = self.blocked.get((room, user_id), (False, False))
        self.blocked[room, user_id] = (
            before[0] if audio is None else audio,
            before[1] if video is None else video,
        )

    def _users(self, sdk_app_id: int, room: RoomId, actor: Actor) -> set[str]:
        if (sdk_app_id, room) not in self.inside:
            raise Refusal(ErrorCode.ROOM_UNKNOWN)
        self.actors.append(actor)
        return self.inside[sdk_app_id, room]


class Used:
    """Signatures of changes, as the database of all processes keeps them."""

    def __init__(self) -> None:
        self.kept: set[tuple[str, bytes]] = set()
        self.fails: Exception | None = None

    async def keep(self, secret_id: str, signed: Signed) -> bool:
        if self.fails:
            raise self.fails
        is_new = (secret_id, signed.mark) not in self.kept
        self.kept.add((secret_id, signed.mark))
        return is_new


@dataclass
class Past:
    """A history that can be searched."""

    kept: list[history.Call] = field(default_factory=list)
    kept_stays: dict[history.CallId, list[history.Stay]] = field(default_factory=dict)
    kept_events: dict[tuple[history.CallId, str], list[history.Event]] = field(default_factory=dict)
    kept_curves: dict[history.CallId, list[history.Curve]] = field(default_factory=dict)
    kept_unusual: list[tuple[int, history.Unusual]] = field(default_factory=list)
    kept_days: list[tuple[int, history.Day]] = field(default_factory=list)

    async def calls(
        self, sdk_app_id: int, span: Window, *, room: str | None, wanted: Page
    ) -> Sequence[history.Call]:
        found = [
            call
            for call in sorted(self.kept, key=lambda one: -one.id.created)
            if call.id.sdk_app_id == sdk_app_id
            and call.id.created <= span.end
            and (call.ended is None or call.ended >= span.start)
            and room in (None, call.id.room)
        ]
        return found[wanted.offset : wanted.offset + wanted.limit]

    async def call(self, call: history.CallId) -> history.Call | None:
        return next((one for one in self.kept if one.id == call), None)

    async def stays(
        self, call: history.CallId, span: Window, *, users: Sequence[str], wanted: Page
    ) -> Sequence[history.Stay]:
        found = [
            stay
            for stay in self.kept_stays.get(call, [])
            if stay.joined <= span.end
            and (stay.left is None or stay.left >= span.start)
            and (not users or stay.user in users)
        ]
        return found[wanted.offset : wanted.offset + wanted.limit]

    async def events(self, call: history.CallId, span: Window, user: str) -> Sequence[history.Event]:
        found = self.kept_events.get((call, user), [])
        return [one for one in found if span.start * 1000 <= one.at < (span.end + 1) * 1000]

    async def curves(
        self, call: history.CallId, span: Window, *, users: Sequence[str], metrics: Sequence[history.Metric]
    ) -> Sequence[history.Curve]:
        return [one for one in self.kept_curves.get(call, []) if one.user in users and one.metric in metrics]

    async def unusual(
        self, sdk_app_id: int, span: Window, *, room: str | None, most: int
    ) -> Sequence[history.Unusual]:
        found = [
            one
            for app, one in self.kept_unusual
            if app == sdk_app_id and span.start <= one.at <= span.end and room in (None, one.room)
        ]
        return found[:most]

    async def days(self, sdk_app_id: int, first: dt.date, last: dt.date) -> Sequence[history.Day]:
        found = [one for app, one in self.kept_days if app == sdk_app_id and first <= one.day <= last]
        return sorted(found, key=lambda one: one.day, reverse=True)


@dataclass
class Numbers:
    """A dashboard's numbers."""

    moments: list[dashboard.Online] = field(default_factory=list)
    stutters: list[dashboard.Stutter] = field(default_factory=list)
    scales: list[dashboard.Scale] = field(default_factory=list)
    shares: list[dashboard.Rates] = field(default_factory=list)
    asked: list[object] = field(default_factory=list)

    async def online(self, sdk_app_id: int, span: Window, *, room: str | None) -> Sequence[dashboard.Online]:
        self.asked.append((sdk_app_id, room))
        return [one for one in self.moments if span.start <= one.at <= span.end]

    async def stutter(
        self, sdk_app_id: int, span: Window, *, room: str | None
    ) -> Sequence[dashboard.Stutter]:
        self.asked.append((sdk_app_id, room))
        return [one for one in self.stutters if span.start <= one.at <= span.end]

    async def scale(
        self, sdk_app_id: int, first: dt.date, last: dt.date, period: dashboard.Period
    ) -> Sequence[dashboard.Scale]:
        self.asked.append((first, last, period))
        return self.scales

    async def rates(
        self, sdk_app_id: int, first: dt.date, last: dt.date, period: dashboard.Period
    ) -> Sequence[dashboard.Rates]:
        self.asked.append((first, last, period))
        return self.shares


@dataclass
class Meters:
    """Meters whose points are kept by kind and application."""

    kept: dict[tuple[usage.Kind, int], list[usage.Point]] = field(default_factory=dict)
    rooms: list[usage.RoomUsage] = field(default_factory=list)
    asked: list[tuple[object, ...]] = field(default_factory=list)

    async def points(
        self, kind: usage.Kind, sdk_app_ids: Sequence[int], start: dt.datetime, end: dt.datetime, step: dt.timedelta
    ) -> Sequence[usage.Point]:  # fmt: skip
        self.asked.append((kind, tuple(sdk_app_ids), start, end, step))
        sums: dict[dt.datetime, dict[str, float]] = {}
        for app in sdk_app_ids:
            for point in self.kept.get((kind, app), []):
                if start <= point.at < end:
                    of_step = sums.setdefault(point.at, {})
                    for key, value in point.used.items():
                        of_step[key] = of_step.get(key, 0) + value
        return [usage.Point(at, used) for at, used in sorted(sums.items())]

    async def by_room(
        self, sdk_app_id: int, start: dt.datetime, end: dt.datetime
    ) -> Sequence[usage.RoomUsage]:
        self.asked.append((sdk_app_id, start, end))
        return self.rooms


@dataclass
class World:
    """The API and everything behind it."""

    clock: Clock
    metrics: Metrics = field(default_factory=lambda: Metrics("test"))
    keys: Keys = field(default_factory=Keys)
    owned: Owned = field(default_factory=Owned)
    used: Used = field(default_factory=Used)
    rooms: Rooms = field(default_factory=Rooms)
    past: Past = field(default_factory=Past)
    numbers: Numbers = field(default_factory=Numbers)
    meters: Meters = field(default_factory=Meters)
    pair: tuple[str, str] = (SECRET_ID, SECRET_KEY)

    def __post_init__(self) -> None:
        self.api: TrtcApi = application(
            keys=self.keys, applications=self.owned, signatures=self.used, rooms=self.rooms, past=self.past, numbers=self.numbers, meters=self.meters,
            clock=self.clock, metrics=self.metrics,
        )  # fmt: skip

    async def call(self, action: str, parameters: object = None, **changes: Any) -> dict[str, Any]:
        """Calls an action as a well-behaved client; what is in `Response`."""
        body = json.dumps(parameters or {}).encode()
        now = int(self.clock.unix())
        signing = {"secret_id": self.pair[0], "secret_key": self.pair[1], **changes}
        request = Request(headers=signed_headers(action, body=body, timestamp=now, **signing), body=body)
        return (await exchange(self.api, request))["Response"]  # type: ignore[no-any-return]

    async def code(self, action: str, parameters: object = None, **changes: Any) -> str:
        """The code of the error that a call gets; '' for none."""
        answer = await self.call(action, parameters, **changes)
        return str(answer.get("Error", {}).get("Code", ""))


def signed_headers(
    action: str,
    *,
    body: bytes = b"",
    method: str = "POST",
    query: str = "",
    timestamp: int,
    secret_id: str = SECRET_ID,
    secret_key: str = SECRET_KEY,
    content_type: str = "application/json",
    more: Mapping[str, str] | None = None,
    signed: str = "content-type;host",
    lower: bool = False,
    unsigned: bool = False,
    service: str = "trtc",
    date: str | None = None,
) -> dict[str, str]:
    """Headers signed by an own reading of the documentation, apart from the code under test."""
    headers = {
        "host": HOST, "content-type": content_type, "x-tc-action": action, "x-tc-version": "2019-07-22",
        "x-tc-timestamp": str(timestamp),
    } | dict(more or {})  # fmt: skip
    if unsigned:
        headers["x-tc-content-sha256"] = "UNSIGNED-PAYLOAD"
    values = {name: headers[name].lower() if lower else headers[name] for name in signed.split(";")}
    lines = "".join(f"{name}:{value}\n" for name, value in values.items())
    payload = hashlib.sha256(b"UNSIGNED-PAYLOAD" if unsigned else body).hexdigest()
    canonical = "\n".join((method, "/", query, lines, signed, payload))
    day = date or dt.datetime.fromtimestamp(timestamp, dt.UTC).date().isoformat()
    scope = f"{day}/{service}/tc3_request"
    text = "\n".join(
        ("TC3-HMAC-SHA256", str(timestamp), scope, hashlib.sha256(canonical.encode()).hexdigest())
    )
    key = b"TC3" + secret_key.encode()
    for part in (day, service, "tc3_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = (
        f"TC3-HMAC-SHA256 Credential={secret_id}/{scope}, SignedHeaders={signed}, Signature={signature}"
    )
    return headers


@dataclass
class Request:
    """A request as it comes over the line. `pairs` replaces `headers` where a header comes twice."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    method: str = "POST"
    query: str = ""
    address: str = "192.0.2.1"
    pairs: list[tuple[bytes, bytes]] | None = None
    chunk: int = 16384


async def exchange(api: TrtcApi, request: Request) -> dict[str, Any]:
    """One request and its answer, as ASGI; the status must be 200 and the type exactly what SDKs look for."""
    pairs = request.pairs
    if pairs is None:
        pairs = [(name.encode(), value.encode()) for name, value in request.headers.items()]
    scope = {
        "type": "http", "method": request.method, "path": "/", "query_string": request.query.encode(), "headers": pairs,
        "client": (request.address, 4711),
    }  # fmt: skip
    parts = [request.body[at : at + request.chunk] for at in range(0, len(request.body) or 1, request.chunk)]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message: Any) -> None:
        sent.append(message)

    await api(scope, receive, send)
    assert sent[0]["status"] == 200
    assert (b"content-type", b"application/json") in sent[0]["headers"]
    answer: dict[str, Any] = json.loads(sent[1]["body"])
    assert answer["Response"]["RequestId"]
    return answer

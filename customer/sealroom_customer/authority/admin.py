# SPDX-License-Identifier: Apache-2.0
"""The admin listener: probes and counters for the customer's machines, and for the backend's credential the open rooms."""

from collections.abc import Callable

import msgspec
from litestar import MediaType, Response, get
from litestar.handlers import HTTPRouteHandler

from sealroom_customer.authority.metrics import CONTENT_TYPE, Metrics
from sealroom_customer.authority.service import Authority, RoomView
from sealroom_customer.http.callers import BackendCredential, Caller
from sealroom_wire.authority import Member
from sealroom_wire.ids import RoomKind

ROOMS_PATH = "/rooms"


class OpenRoom(msgspec.Struct, frozen=True):
    """A room as it stands. `members` in the order of joining; their public keys are what the roster shows everyone in it."""

    app: int
    kind: RoomKind
    room: str
    epoch: int
    step: int
    absent: int
    members: tuple[Member, ...]

    @classmethod
    def of(cls, view: RoomView) -> "OpenRoom":
        """From what the authority knows."""
        place = view.place
        return cls(
            place.app,
            place.kind,
            place.room,
            epoch=view.epoch,
            step=view.step,
            absent=view.absent,
            members=view.members,
        )


class Readiness(msgspec.Struct, frozen=True):
    """Whether new members may be sent here, and what each part says."""

    ready: bool
    checks: dict[str, bool]


def routes(
    authority: Authority, credential: BackendCredential, metrics: Metrics, records_healthy: Callable[[], bool]
) -> list[HTTPRouteHandler]:
    """`GET /livez`, `/readyz`, `/metrics`, `/rooms`."""

    @get("/livez", opt={"caller": Caller.ADMIN_LISTENER}, media_type=MediaType.TEXT)
    async def livez() -> str:
        return "ok\n"

    @get("/readyz", opt={"caller": Caller.ADMIN_LISTENER})
    async def readyz() -> Response[Readiness]:
        checks = {"records": records_healthy()}
        ready = all(checks.values())
        return Response(Readiness(ready, checks), status_code=200 if ready else 503)

    @get("/metrics", opt={"caller": Caller.ADMIN_LISTENER})
    async def scrape() -> Response[bytes]:
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    @get(ROOMS_PATH, guards=[credential], opt={"caller": Caller.BACKEND})
    async def rooms() -> Response[list[OpenRoom]]:
        found = [OpenRoom.of(view) for view in authority.rooms()]
        return Response(found, headers={"cache-control": "no-store"})

    return [livez, readyz, scrape, rooms]

# SPDX-License-Identifier: Apache-2.0
"""The authority as a process of its own: two listeners, keys and records on disk, until SIGINT or SIGTERM."""

from collections.abc import Callable
from contextlib import AsyncExitStack

from sealroom_customer.authority import admin, api, webhooks
from sealroom_customer.authority.admission import Admission
from sealroom_customer.authority.identity import (
    authority_keys,
    backend_credential,
    private_folder,
    public_text,
)
from sealroom_customer.authority.line import Door
from sealroom_customer.authority.metrics import Metrics
from sealroom_customer.authority.records import FileRecords
from sealroom_customer.authority.service import Authority, Watcher
from sealroom_customer.authority.settings import Configuration, issuers, webhook_key
from sealroom_customer.clock import SystemClock
from sealroom_customer.http.api import api as http_api
from sealroom_customer.http.asgi import App, Problem, Receive, Scope, Send, turn_away
from sealroom_customer.http.callers import BackendCredential
from sealroom_customer.http.server import bound, serving
from sealroom_customer.stopping import told_to_stop

_NOT_HERE = Problem("not_found", "There is nothing here.", "Check the address.")


async def run(configuration: Configuration, say: Callable[[str], None]) -> None:
    """Serves until told to stop.

    Raises:
        CustomerError: it cannot start.
    """
    line, probes = configuration.line_listening(), configuration.admin_listening()
    line.check()
    backends, hook_key = issuers(configuration), webhook_key(configuration)
    clock = SystemClock()
    folder = private_folder(configuration.state_folder)
    key, before = authority_keys(folder)
    credential = BackendCredential(backend_credential(folder))
    accepted = [public_text(one) for one in (key, before) if one is not None]
    admission = Admission.of(configuration.name, backends, *accepted, began=int(clock.unix()))
    async with AsyncExitStack() as stack:
        stopped = stack.enter_context(told_to_stop())
        line_sockets, line_port = bound(line)
        for listener in line_sockets:
            stack.callback(listener.close)
        admin_sockets, admin_port = bound(probes)
        for listener in admin_sockets:
            stack.callback(listener.close)
        metrics = Metrics()
        watchers: list[Watcher] = [metrics]
        records = None
        if configuration.records.enabled:
            records = FileRecords(configuration.records_folder, configuration.records.keep_days, clock)
            stack.callback(records.close)
            watchers.append(records)
        authority = Authority(
            admission,
            key,
            clock,
            key_before=before,
            max_members=configuration.max_members,
            watchers=watchers,
        )
        door = Door(authority, clock, refused=metrics.refused)
        metrics.watch(authority, door, records)
        spoken_to = api.routes(authority, credential, records)
        if hook_key is not None:
            applications = {one for backend in backends for one in backend.applications}
            spoken_to += webhooks.routes(webhooks.Hook(authority, hook_key, applications, metrics.webhook))
        backend = http_api(spoken_to)
        probe_routes = admin.routes(
            authority, credential, metrics, lambda: records is None or records.healthy
        )
        await stack.enter_async_context(serving(_Front(door, backend), line, line_sockets))
        await stack.enter_async_context(serving(http_api(probe_routes), probes, admin_sockets))
        origin = line.origins(line_port)[0]
        say(f"authority  {origin.replace('http', 'ws', 1)}{api.LINE_PATH}")
        say(f"admin      http://127.0.0.1:{admin_port}")
        say(f"key        {accepted[0]}")
        if before is not None:
            say(f"key before {accepted[1]}")
        await stopped.wait()


class _Front:
    """WebSockets to the door, everything else to the backend's routes."""

    def __init__(self, door: App, http: App) -> None:
        self._door = door
        self._http = http

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._http(scope, receive, send)
        elif scope.get("path") == api.LINE_PATH:
            await self._door(scope, receive, send)
        else:
            await turn_away(scope, send, 404, _NOT_HERE)

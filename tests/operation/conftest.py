# SPDX-License-Identifier: Apache-2.0
"""One server for all who only look."""

from collections.abc import Iterator

import pytest

from sealroom_wire import signalling
from tests.operation.serving import Server, enter, serving


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that was used a little."""
    with serving(tmp_path_factory.mktemp("serving")) as server:
        with server.line() as line:
            assert isinstance(enter(line, "alice", "looked-at"), signalling.Entered)
            line.send('{"type":"leave","id":2}')
            line.recv(10)
        with server.line() as line:
            line.send("nonsense")
            line.recv(10)
        assert "Error" in server.call_api()
        assert server.call_own_api() == 401
        server.send_media(b"not of any protocol")
        yield server


@pytest.fixture(scope="session")
def scraped(server: Server) -> str:
    """Its metrics."""
    status, text = server.get("/metrics")
    assert status == 200
    return text

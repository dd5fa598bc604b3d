# SPDX-License-Identifier: Apache-2.0
"""OpenSearch: one node in one JVM, plain HTTP on loopback. It has no security plugin and no index state management."""

import fcntl
import json
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO

from tools.services.faults import ServiceError
from tools.services.java import java
from tools.services.packages import opensearch_jars
from tools.services.process import Process, answers, listens

_PORTS = range(9201, 9300)
"""The runner looks for no other ports, and takes the next where one is taken."""
_LOCKS = Path(tempfile.gettempdir())
_JVM = (
    "-Xms512m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Djava.locale.providers=CLDR,SPI",
    "--enable-native-access=ALL-UNNAMED",
)
"""For a quick start on a small machine; a server in earnest has none of these."""


@dataclass(frozen=True)
class Search:
    """A running server."""

    process: Process
    url: str

    def call(self, method: str, path: str, body: object = None) -> object:
        """One request with JSON in and out, for fixtures; the port's adapters bring clients of their own."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - our own loopback address
            f"{self.url}/{path}", data, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")

    def forget(self, prefix: str) -> None:
        """Removes every data stream, index and template whose name begins so."""
        everything = "expand_wildcards=all&ignore_unavailable=true"
        kinds = ("_data_stream/{}*", "{}*?" + everything, "_index_template/{}*", "_component_template/{}*")
        for kind in kinds:
            try:
                self.call("DELETE", kind.format(prefix))
            except urllib.error.HTTPError as answer:
                # Where nothing matches, some of them say so.
                if answer.code != HTTPStatus.NOT_FOUND:
                    raise

    def environment(self) -> Mapping[str, str]:
        """What a developer exports to connect."""
        return {"SEALROOM_TEST_OPENSEARCH": self.url}


@contextmanager
def opensearch(folder: Path) -> Iterator[Search]:
    """Runs a server whose indices lie below `folder`.

    Raises:
        ServiceError: it cannot be installed, or does not start.
    """
    program, jars = java(at_least=21), opensearch_jars()
    base = folder / "opensearch"
    settings = base / "node_1/config/opensearch.yml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f"transport.port: 0\npath.repo: [{json.dumps(str(folder / 'snapshots'))}]\n")
    with _free_port() as port:
        url = f"http://127.0.0.1:{port}"
        command: list[str | Path] = [
            program, *_JVM, "-cp", f"{jars}/*", "org.codelibs.opensearch.runner.OpenSearchRunner", "-basePath", base,
            "-numOfNode", "1", "-baseHttpPort", str(port - 1), "-clusterName", f"sealroom-tests-{port}",
        ]  # fmt: skip
        # The port is open while indices are still red after a restart.
        health = f"{url}/_cluster/health?wait_for_status=yellow&timeout=2s"
        with Process("opensearch", command, folder, lambda: answers(health), patience=120) as process:
            yield Search(process, url)


@contextmanager
def _free_port() -> Iterator[int]:
    """A port that is nobody else's until the end, **also while the server on it is dead**: another run would take it then, and who asks
    the one would be answered by the other.
    """
    for port in _PORTS:
        lock = _lock_of(port)
        if lock is not None:
            with lock:
                yield port
            return
    raise ServiceError("No port from 9201 to 9299 is free.", "End a server that holds one.")


def _lock_of(port: int) -> IO[str] | None:
    """The open file whose lock stands for the port; None where somebody has the one or the other."""
    try:
        lock = (_LOCKS / f"sealroom-opensearch-{port}.lock").open("w")
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    try:
        listens(port)
    except OSError:
        return lock
    lock.close()
    return None

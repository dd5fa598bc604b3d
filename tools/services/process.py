# SPDX-License-Identifier: Apache-2.0
"""One server process: started, awaited, stopped whatever happens, its output kept."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from tools.services.faults import ServiceError

LAST_WORDS = 40
"""Lines of output that an error shows."""
POLL_SECONDS = 0.02
STOP_SECONDS = 20.0
"""How long a server may take to end before it is killed. OpenSearch takes two."""


@dataclass
class Process:
    """A server. `ready` is asked until it says yes; `start` may follow `stop` or `kill`, and keeps port and data."""

    name: str
    command: Sequence[str | Path]
    folder: Path
    ready: Callable[[], bool]
    patience: float
    """Seconds from start to ready. A loaded machine takes ten times what a quiet one does."""
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    """Whom it runs as; only root can choose."""
    polite: signal.Signals = signal.SIGTERM
    _running: subprocess.Popen[bytes] | None = None
    # Linux ends a child with the thread that made it: not with one that a test lent for a moment.
    _starter: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))

    def __enter__(self) -> "Process":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._running is not None and self._running.poll() is None

    @property
    def output_file(self) -> Path:
        """Everything it printed, of all starts."""
        return self.folder / f"{self.name}.output"

    def start(self) -> None:
        """Starts it and returns when it is ready.

        Raises:
            ServiceError: it ended, or was not ready in time; says what it printed last.
        """
        if self.running:
            return
        self._running = self._starter.submit(self._launch).result()
        try:
            self._await_ready()
        except BaseException:
            self.kill()
            raise

    def _launch(self) -> subprocess.Popen[bytes]:
        with self.output_file.open("ab") as output:
            return subprocess.Popen(
                [*_as(self.user, self.polite), *map(str, self.command)],
                cwd=self.folder, env=dict(os.environ) | dict(self.environment), stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def _await_ready(self) -> None:
        end = time.monotonic() + self.patience
        while True:
            if not self.running:
                code = self._running.returncode if self._running else None
                raise self._fault(f"{self.name} ended with exit code {code} instead of starting.")
            with contextlib.suppress(OSError, urllib.error.URLError):
                if self.ready():
                    return
            if time.monotonic() > end:
                raise self._fault(f"{self.name} was not ready after {self.patience:.0f} s.")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Asks it to end, then kills it. Harmless when it does not run."""
        if self._running is None:
            return
        if self.running:
            self._running.send_signal(self.polite)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._running.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """Ends it and all it started at once, as a power cut would; what the system has in its cache stays."""
        if self._running is None:
            return
        # Those of PostgreSQL have left its group, and for a moment hold what its next start needs.
        others = descendants(self._running.pid)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._running.pid, signal.SIGKILL)
        for one in others:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        self._running.wait()
        self._running = None
        end = time.monotonic() + STOP_SECONDS
        while any(map(_is_alive, others)) and time.monotonic() < end:
            time.sleep(POLL_SECONDS)

    def _fault(self, sentence: str) -> ServiceError:
        lines = self.output_file.read_text(errors="replace").splitlines()[-LAST_WORDS:]
        return ServiceError(sentence, f"All it printed is in {self.output_file}:", "\n".join(lines))


def descendants(pid: int) -> list[int]:
    """What a process has started, and those it started. Nothing where the system has no `/proc`."""
    parents = {one: parent for one in _processes() if (parent := _status(one)[1])}
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def _processes() -> list[int]:
    proc = Path("/proc")
    return [int(one.name) for one in proc.iterdir() if one.name.isdecimal()] if proc.is_dir() else []


def _status(pid: int) -> tuple[str, int]:
    """State and parent of a process; `("", 0)` for one that is gone."""
    try:
        # Its name stands in brackets, and may hold anything.
        state, parent, *_ = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return "", 0
    return state, int(parent)


def _is_alive(pid: int) -> bool:
    return _status(pid)[0] not in ("", "Z", "X")


def _as(user: str, at_parents_end: signal.Signals) -> list[str]:
    """Runs what follows as a user, and ends it when this process is killed: nobody is left to stop it then."""
    if setpriv := shutil.which("setpriv"):
        other = [f"--reuid={user}", f"--regid={user_group(user)}", "--clear-groups"] if user else []
        return [setpriv, "--pdeathsig", at_parents_end.name, *other]
    if user:
        raise ServiceError(
            f"`setpriv` is needed to run a server as {user}.", "Install util-linux, or do not run as root."
        )
    return []


def user_group(user: str) -> str:
    """The name of a user's own group."""
    import grp
    import pwd

    return grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name


def free_port() -> int:
    """A port of loopback that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether somebody takes connections at a port of loopback."""
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


def answers(url: str) -> bool:
    """Whether a GET of a plain HTTP address is answered with 200."""
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own loopback address
        return bool(answer.status == 200)

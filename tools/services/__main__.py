# SPDX-License-Identifier: Apache-2.0
"""Real services for a developer.

`up` runs them until Ctrl-C and prints what to connect to, as lines for a shell; all they hold is gone afterwards.
`install` only fetches and compiles. `record` writes down the sums of OpenSearch's jars, after its version was changed.
"""

import argparse
import contextlib
import shlex
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tools.services import ServiceError, nats, opensearch, postgresql, s3
from tools.services.java import java
from tools.services.packages import (
    JARS,
    OPENSEARCH,
    STORE,
    copy_jars,
    nats_server,
    opensearch_jars,
    postgresql_programs,
    sums,
    versitygw,
)


class Running(Protocol):
    """What every service has when it runs."""

    def environment(self) -> Mapping[str, str]:
        """What a developer exports to connect."""


@dataclass(frozen=True)
class Service:
    """How one is had."""

    run: Callable[[Path], AbstractContextManager[Running]]
    install: Callable[[], object]


SERVICES = {
    "postgresql": Service(postgresql, postgresql_programs),
    "opensearch": Service(opensearch, lambda: (java(at_least=21), opensearch_jars())),
    "nats": Service(nats, nats_server),
    "s3": Service(s3, versitygw),
}


def up(names: Sequence[str]) -> None:
    """Runs services until somebody ends it."""
    with contextlib.ExitStack() as running:
        root = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="sealroom-services-")))
        # Others than root must get at their own folder below it.
        root.chmod(0o711)
        for name in names:
            (folder := root / name).mkdir(mode=0o711)
            server = running.enter_context(SERVICES[name].run(folder))
            for variable, value in server.environment().items():
                print(f"export {variable}={shlex.quote(value)}", flush=True)
        print(f"# {', '.join(names)} run until Ctrl-C; their data and output are in {root}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


def install(names: Sequence[str]) -> None:
    """Fetches and compiles what services need."""
    for name in names:
        SERVICES[name].install()
        print(f"{name}: installed", flush=True)


def record(_names: Sequence[str]) -> None:
    """Trusts the jars that Maven brings now. Look at the difference before it is committed."""
    JARS.write_text(sums(copy_jars(OPENSEARCH, STORE / "maven")))
    print(f"written: {JARS}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; exit code 1 when a service cannot be had."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.services", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )  # fmt: skip
    commands = {"up": up, "install": install, "record": record}
    parser.add_argument("command", choices=commands)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{', '.join(SERVICES)}; all when none is named"
    )
    chosen = parser.parse_args(arguments)
    if unknown := [name for name in chosen.names if name not in SERVICES]:
        parser.error(f"there is no service {unknown[0]}; choose from {', '.join(SERVICES)}")
    # A polite end must run the blocks that stop the servers.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        commands[chosen.command](chosen.names or list(SERVICES))
    except ServiceError as fault:
        print(fault, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

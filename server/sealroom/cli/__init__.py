# SPDX-License-Identifier: Apache-2.0
"""The command `sealroom`. Thin: reads flags, calls, prints. What a command needs is imported by it: `--help` is quick.

Exit codes: 0 done, 1 it could not be done (a port is taken, a check failed), 2 a flag or a setting is wrong.
"""

import logging
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version

from cyclopts import App

from sealroom.cli import (
    account,
    application,
    audit,
    ban,
    catalogue,
    configuration,
    keys,
    nodes,
    quality,
    receipt,
    records,
    revoke,
    server,
    site,
    usage,
    webhook,
)
from sealroom.core.errors import ConfigurationError, OperatorError

SEEN_ENOUGH = 141
"""What shells say of a program whose output was not wanted any more (128 + SIGPIPE)."""


def _version() -> str:
    try:
        return installed_version("sealroom")
    except PackageNotFoundError:
        return "0"


app = App(
    name="sealroom",
    help="Sealroom, the operator's side: carries calls that it cannot read.",
    version=_version,
    version_flags=["--version"],
)
app.command(server.serve)
app.command(server.dev)
app.command(server.doctor)
for noun in (
    configuration,
    account,
    application,
    revoke,
    ban,
    webhook,
    keys,
    audit,
    records,
    quality,
    usage,
    catalogue,
    site,
    nodes,
    receipt,
):
    app.command(noun.app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command, by default the one this process was started with; exits where it fails."""
    # What libraries complain of is no answer to a command; a server has its own way with them.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    try:
        try:
            app(sys.argv[1:] if arguments is None else arguments)
        finally:
            # Here, and not when the interpreter ends, where nobody can say anything sensible about it.
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read it has seen enough, as `head` has.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(SEEN_ENOUGH)
    except OperatorError as error:
        print(f"sealroom: {error.sentence}\n  {error.action}", file=sys.stderr)
        sys.exit(2 if isinstance(error, ConfigurationError) else 1)

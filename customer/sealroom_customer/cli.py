# SPDX-License-Identifier: Apache-2.0
"""`sealroom-customer`: parses, calls, prints."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from sealroom_customer import __version__
from sealroom_customer.authority.keys import KeyFileError
from sealroom_customer.demo import run

app = App(
    name="sealroom-customer",
    help="Sealroom, the customer's side: key authority, signing, call page.",
    version=__version__,
)


@app.command
def demo(
    *,
    operator: Annotated[Path, Parameter(help="File that `sealroom dev --demo-out` writes.")],
    state: Annotated[Path, Parameter(help="Where the demo customer keeps its keys.")] = Path(
        ".demo/customer"
    ),
    port: Annotated[int, Parameter(help="Port of the call page on localhost; 0 takes a free one.")] = 8080,
) -> None:
    """Run a demo customer: backend, key authority and call page in one process, on localhost only."""
    try:
        asyncio.run(_demo(operator, state, port))
    except (run.DemoError, KeyFileError) as error:
        print(f"sealroom-customer: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(0)


async def _demo(operator: Path, state: Path, port: int) -> None:
    hand_over = await run.operator_hand_over(operator)
    listening = run.listening_socket(port)
    port = listening.getsockname()[1]
    site, front = run.make_site(state, hand_over, port)
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run.serve(site, front, listening, ready))
        await ready.wait()
        print(
            f"Open http://localhost:{port}/?room=demo in two tabs. (http on localhost; browsers treat it as secure)",
            flush=True,
        )


def main() -> None:
    """Entry point."""
    app()

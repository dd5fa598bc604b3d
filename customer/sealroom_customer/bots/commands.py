# SPDX-License-Identifier: Apache-2.0
"""`sealroom-customer bot`."""

import asyncio
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter

from sealroom_customer.bots import MOST_BOTS, available
from sealroom_customer.clock import loop_factory
from sealroom_customer.errors import ConfigurationError, StartError
from sealroom_customer.logging import configure


def bot(
    *,
    page: Annotated[str, Parameter(help="Address of the call page, whose backend lets the bots in.")],
    room: Annotated[str, Parameter(help="Room to enter.")] = "demo",
    name: Annotated[str, Parameter(help="They are called NAME-1, NAME-2 and so on.")] = "bot",
    count: Annotated[int, Parameter(help=f"How many, 1 to {MOST_BOTS}.")] = 1,
    video: Annotated[
        Literal["pattern", "none"], Parameter(help="A moving pattern with a barcode, or nothing.")
    ] = "pattern",
    audio: Annotated[Literal["tone", "none"], Parameter(help="A soft beep, or nothing.")] = "tone",
    size: Annotated[str, Parameter(help="Width x height of the picture.")] = "640x360",
    rate: Annotated[int, Parameter(help="Pictures a second, 1 to 60.")] = 15,
    seconds: Annotated[float | None, Parameter(help="Leave after so long. Default: when told to.")] = None,
    json: Annotated[bool, Parameter(help="Report as JSON, a line a second.", negative="")] = False,
) -> None:
    """Enter members that are no people, in a sealed room: pictures and sound by real encoders, a report every second."""
    if not available():
        raise StartError(
            "bots_not_installed", "Bots need PyAV and numpy.", "Install `sealroom-customer[bots]`."
        )
    from sealroom_customer.bots import run as bots
    from sealroom_customer.bots.bot import Show
    from sealroom_customer.bots.tokens import TokenSource

    width, height = _size(size)
    if not 1 <= count <= MOST_BOTS or not 1 <= rate <= 60:
        raise ConfigurationError(
            "bots_invalid", f"1 to {MOST_BOTS} bots, 1 to 60 pictures a second.", "Give less."
        )
    show = Show(video == "pattern", audio == "tone", width, height, rate)
    configure()

    def tell(report: bots.Report) -> None:
        print(msgspec.json.encode(report).decode() if json else bots.line(report), flush=True)

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(bots.run(TokenSource(page), room, name, count, show, seconds, tell))


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if width.isdigit() and height.isdigit():
        numbers = int(width), int(height)
        if all(64 <= one <= 4096 and one % 2 == 0 for one in numbers):
            return numbers
    raise ConfigurationError(
        "size_invalid", f"`{text}` is no size.", "Give width x height, even, 64 to 4096: 640x360."
    )

# SPDX-License-Identifier: Apache-2.0
"""Runs some bots in one room and reports once a second."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from sealroom_customer.bots.bot import Bot, Show
from sealroom_customer.bots.tokens import TokenSource
from sealroom_customer.client import ClientFault, Entry
from sealroom_customer.stopping import told_to_stop

REPORT_SECONDS = 1.0


class Report(msgspec.Struct, frozen=True):
    """How the bots fare; counts are of all bots since they started."""

    seconds: float
    bots: int
    """That are in the room."""
    members: int
    """On the roster that the first of them was shown."""
    epoch: int
    step: int
    opened: int
    """Frames, audio and video."""
    refused: dict[str, int]
    packets: int
    """RTP packets that reached them."""
    forwarded: int
    """RTP packets that the operator has forwarded in the room, by its own record."""
    judged: int
    """Of the bots' still sealed pictures."""
    seen: int
    """Of those, what somebody without keys could make a picture of."""


def line(report: Report) -> str:
    """A report for people."""
    refused = sum(report.refused.values())
    return "   ".join(
        (
            f"{report.members} members",
            f"epoch {report.epoch}.{report.step}",
            f"opened {report.opened:,} frames" + (f", refused {refused:,}" if refused else ""),
            f"forwarded by the operator {report.forwarded:,} packets",
            f"seen by the operator {report.seen} of {report.judged:,} frames",
        )
    )


async def run(
    source: TokenSource,
    room: str,
    name: str,
    count: int,
    show: Show,
    seconds: float | None,
    tell: Callable[[Report], None],
) -> None:
    """Runs `count` bots until told to stop or `seconds` are over. The first judges the still sealed frames of the others.

    Raises:
        StartError: one was not let in at first.
    """
    names = [f"{name}-{number}" for number in range(1, count + 1)]
    bots = []
    for number, mine in enumerate(names, 1):
        judged = frozenset(names[1:]) if number == 1 else frozenset[str]()

        async def enter(mine: str = mine, keep: bool = bool(judged)) -> Entry:
            return await source.entry(mine, room, keep_sealed=keep)

        bots.append(Bot(number, mine, show, enter, judged))
    began = time.monotonic()

    async def report() -> None:
        forwarded = 0
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            forwarded = await _forwarded(bots, forwarded)
            tell(_report(bots, time.monotonic() - began, forwarded))

    with told_to_stop() as stopped:
        # One that was put out goes alone; one that was never let in ends them all.
        everyone = asyncio.gather(*(bot.run() for bot in bots))
        works: list[asyncio.Future[Any]] = [
            everyone,
            asyncio.ensure_future(report()),
            asyncio.ensure_future(stopped.wait()),
        ]
        try:
            await asyncio.wait(works, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if everyone.done():
                everyone.result()
        finally:
            # All at once: what is still reported while the others leave would be wrong.
            for one in works:
                one.cancel()
            for one in works:
                with suppress(asyncio.CancelledError, Exception):
                    await one


async def _forwarded(bots: list[Bot], before: int) -> int:
    """The operator's own count, asked over the line of the first bot that is in; what it was while none can ask."""
    client = next((bot.client for bot in bots if bot.client is not None), None)
    if client is not None:
        with suppress(ClientFault):
            return (await client.record()).counts.forwarded_packets
    return before


def _report(bots: list[Bot], seconds: float, forwarded: int) -> Report:
    inside = [bot.client for bot in bots if bot.client is not None]
    stats = inside[0].stats() if inside else {"members": 0, "epoch": 0, "step": 0}
    judges = [judge for bot in bots for judge in bot.judges.values()]
    refused: dict[str, int] = {}
    for bot in bots:
        for reason, many in bot.refused.items():
            refused[reason] = refused.get(reason, 0) + many
    return Report(
        seconds=round(seconds, 1),
        bots=len(inside),
        members=stats["members"],
        epoch=stats["epoch"],
        step=stats["step"],
        opened=sum(bot.opened for bot in bots),
        refused=refused,
        packets=sum(bot.packets for bot in bots),
        forwarded=forwarded,
        judged=sum(judge.frames for judge in judges),
        seen=sum(judge.seen for judge in judges),
    )

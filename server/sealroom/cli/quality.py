# SPDX-License-Identifier: Apache-2.0
"""`sealroom quality`: how calls were."""

import asyncio
import datetime as dt
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

from cyclopts import App, Parameter

from sealroom.cli.flags import ConfigFile, StateFolder, loaded, state_flag
from sealroom.core.errors import StartError

if TYPE_CHECKING:
    from sealroom.core.records import Records

T = TypeVar("T")
app = App(name="quality", help="How calls were: list them, draw one.")


@app.command(name="calls")
def quality_calls(
    *,
    most: Annotated[int, Parameter(help="So many, the newest first.")] = 20,
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """Print the calls that began last: when, which."""
    from sealroom.core.clock import SystemClock
    from sealroom.quality.reading import latest

    for call in _with_records(config, state, lambda records: latest(records, SystemClock(), most)):
        begun = dt.datetime.fromtimestamp(call.time / 1000, dt.UTC)
        print(f"{begun:%Y-%m-%d %H:%M:%S}\t{call.call_id}")


@app.command(name="show")
def quality_show(
    call: str,
    *,
    svg: Annotated[Path | None, Parameter(help="Draw it into this file instead.")] = None,
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """Draw the curves of a call, its events, and in words why it was bad. `sealroom quality calls` names calls."""
    from sealroom.core.clock import SystemClock
    from sealroom.quality.curves import as_svg, as_text
    from sealroom.quality.reading import CallUnknown, drawing_of

    try:
        drawing = _with_records(config, state, lambda records: drawing_of(records, call, SystemClock()))
    except CallUnknown as error:
        raise StartError("call_unknown", f"{error}.", "See `sealroom quality calls`.") from error
    if svg is None:
        print(as_text(drawing), end="")
    else:
        svg.write_text(as_svg(drawing), "utf-8")
        print(f"Drawn into {svg}.")


def _with_records(config: Path | None, state: Path | None, work: "Callable[[Records], Awaitable[T]]") -> T:
    """Opens the store, beside a running server or without one, asks, closes it."""
    from sealroom.app import catalogue
    from sealroom.core.clock import SystemClock
    from sealroom.core.records import RecordsUnavailable
    from sealroom.core.records.opening import store_of
    from sealroom.core.state import StateDirectory, state_directory

    settings = loaded(config, state_flag(state)).configuration

    async def run() -> T:
        folder = StateDirectory(state_directory(settings.state.directory, os.environ))
        records = store_of(settings.records, folder, catalogue(), settings.site.name, SystemClock())
        try:
            await records.prepare()
            return await work(records)
        except RecordsUnavailable as error:
            raise StartError(
                "records_unavailable", f"The store does not answer ({error.code}).", "Try again."
            ) from error
        finally:
            await records.close()

    return asyncio.run(run())

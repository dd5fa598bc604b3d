# SPDX-License-Identifier: Apache-2.0
"""`sealroom quality`: how calls were."""

import datetime as dt
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from sealroom.cli.flags import ConfigFile, StateFolder
from sealroom.cli.kept import with_records
from sealroom.core.errors import StartError

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

    for call in with_records(config, state, lambda records: latest(records, SystemClock(), most)):
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
        drawing = with_records(config, state, lambda records: drawing_of(records, call, SystemClock()))
    except CallUnknown as error:
        raise StartError("call_unknown", f"{error}.", "See `sealroom quality calls`.") from error
    if svg is None:
        print(as_text(drawing), end="")
    else:
        svg.write_text(as_svg(drawing), "utf-8")
        print(f"Drawn into {svg}.")

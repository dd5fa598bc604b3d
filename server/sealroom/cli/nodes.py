# SPDX-License-Identifier: Apache-2.0
"""`sealroom nodes`: the servers that share a database."""

from typing import TYPE_CHECKING

from cyclopts import App

from sealroom.cli.flags import AsJson, ConfigFile, StateFolder, loaded, state_flag
from sealroom.cli.kept import with_kept
from sealroom.cli.show import lines

if TYPE_CHECKING:
    from sealroom.kept import Kept
    from sealroom.nodes.service import NodeStatus

app = App(
    name="nodes",
    help="The servers that share this database: which run, where they are reached, what they carry.",
)


@app.command(name="list")
def nodes_list(*, json: AsJson = False, state: StateFolder = None, config: ConfigFile = None) -> None:
    """Print every server: name, whether it runs, version, endpoint, API, rooms, participants.

    Of a server that runs, all but its name is said on the bus: without [bus] it is not known here.
    """
    from sealroom.app import catalogue
    from sealroom.core.bus import BusError
    from sealroom.core.bus.opening import COMMAND_PATIENCE, open_bus
    from sealroom.core.clock import SystemClock
    from sealroom.core.errors import StartError
    from sealroom.nodes.service import nodes

    settings, clock = loaded(config, state_flag(state)).configuration, SystemClock()

    async def work(kept: "Kept") -> "list[NodeStatus]":
        bus = await open_bus(settings.bus, catalogue(), settings.site.name, clock, patience=COMMAND_PATIENCE)
        try:
            return await nodes(kept.database, bus, clock)
        except BusError as error:
            raise StartError(error.code, f"The bus does not answer: {error}", "Look at NATS.") from error
        finally:
            await bus.close()

    lines(
        with_kept(config, state, work),
        json,
        lambda one: (
            one.name, one.state.value, one.version or "-", one.endpoint or "-", one.api or "-",
            "-" if one.rooms is None else one.rooms, "-" if one.participants is None else one.participants,
        ),
    )  # fmt: skip

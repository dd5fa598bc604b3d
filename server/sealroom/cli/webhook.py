# SPDX-License-Identifier: Apache-2.0
"""`sealroom webhook`: where events go, what was not taken, and sending it again."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from sealroom.cli.flags import AsJson, ConfigFile, StateFolder
from sealroom.cli.kept import with_kept
from sealroom.cli.show import lines, moment
from sealroom.core.errors import ConfigurationError, StartError

if TYPE_CHECKING:
    from sealroom.kept import Kept
    from sealroom.webhooks.endpoints import Endpoint
    from sealroom.webhooks.letters import Letter
    from sealroom.webhooks.models import Group, Subscriber

app = App(name="webhook", help="Callbacks to customers: where events go, and those that were not taken.")

GroupName = Annotated[Literal["room", "media"], Parameter(help="Events of rooms, or of tracks.")]
SubscriberName = Annotated[
    Literal["backend", "authority"],
    Parameter(
        name="--subscriber", help="Who takes them: the customer's backend, or its key authority beside it."
    ),
]
KeyFile = Annotated[
    Path | None,
    Parameter(
        help="File with the key that events are signed with, 1 to 32 letters and digits; without it, they are not signed."
    ),
]


def _group(name: str) -> "Group":
    from sealroom.webhooks.models import Group

    return Group[name.upper()]


def _subscriber(name: str) -> "Subscriber":
    from sealroom.webhooks.models import Subscriber

    return Subscriber(name)


@app.command(name="set")
def set_endpoint(
    sdk_app_id: int,
    group: GroupName,
    url: Annotated[str, Parameter(help="https://host/path, on a public address or in [webhooks] allow.")],
    *,
    subscriber: SubscriberName = "backend",
    key_file: KeyFile = None,
    enabled: Annotated[bool, Parameter(help="Whether events go there.")] = True,
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """Say where a group of an application's events goes. A running server uses it from the next event on."""
    from sealroom.audit.events import system_user

    key = "" if key_file is None else _key_in(key_file)

    async def work(kept: "Kept") -> None:
        await kept.endpoints.set(
            sdk_app_id, _group(group), url, key, actor=system_user(), subscriber=_subscriber(subscriber), enabled=enabled
        )  # fmt: skip

    with_kept(config, state, work)
    signed = "signed" if key else "not signed"
    print(
        f"Events of group {group} of {sdk_app_id} go to {url}, {signed}{'' if enabled else ', but are switched off'}."
    )


def _key_in(file: Path) -> str:
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(
            "key_file_unreadable", f"{file} cannot be read.", "Name a file with the key in one line."
        ) from None


@app.command(name="remove")
def remove(
    sdk_app_id: int,
    group: GroupName,
    *,
    subscriber: SubscriberName = "backend",
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """Send no more of a group to a subscriber. What waits for it becomes a dead letter."""
    from sealroom.audit.events import system_user

    async def work(kept: "Kept") -> bool:
        return await kept.endpoints.remove(
            sdk_app_id, _group(group), actor=system_user(), subscriber=_subscriber(subscriber)
        )

    if not with_kept(config, state, work):
        raise StartError("no_such_endpoint", "There is no such endpoint.", "See `sealroom webhook list`.")
    print("Removed.")


@app.command(name="list")
def list_endpoints(
    sdk_app_id: int | None = None, *, state: StateFolder = None, config: ConfigFile = None
) -> None:
    """Print every endpoint with what waits for its application: application, group, URL, state, subscriber; then counts."""

    async def work(kept: "Kept") -> "tuple[list[Endpoint], list[tuple[int, str, int]]]":
        counts = [(one, state.value, count) for one, state, count in await kept.letters.counts()]
        return await kept.endpoints.all(sdk_app_id), counts

    found, counts = with_kept(config, state, work)
    for one in found:
        how = "signed" if one.key else "not signed"
        print(
            f"{one.sdk_app_id}\t{one.group.name.lower()}\t{one.url}\t{how}\t{'on' if one.enabled else 'off'}\t{one.subscriber}"
        )
    for application, stands, count in counts:
        if sdk_app_id in (None, application):
            print(f"{application}\t{stands}\t{count}")


@app.command(name="dead")
def dead(
    sdk_app_id: int | None = None,
    *,
    after: Annotated[int, Parameter(help="Only such with a higher number: the next page.")] = 0,
    limit: Annotated[int, Parameter(help="At most so many, up to 1000.")] = 100,
    json: AsJson = False,
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """Print events that no endpoint took within a day: number, application, group, type, time, attempts, why, what, subscriber."""
    from sealroom.webhooks.models import State

    async def work(kept: "Kept") -> "list[Letter]":
        return await kept.letters.page(State.DEAD, sdk_app_id, after=after, limit=limit)

    lines(
        with_kept(config, state, work),
        json,
        lambda one: (
            one.id, one.sdk_app_id, one.group, one.event_type, moment(one.created_at // 1000), one.attempts, one.problem, one.info,
            one.subscriber.value,
        ),
    )  # fmt: skip


@app.command(name="replay")
def replay(
    sdk_app_id: int,
    number: Annotated[int | None, Parameter(help="One event; without it, all dead ones.")] = None,
    *,
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """Send dead events again, for another day, with their own time and id."""
    from sealroom.audit.events import system_user

    async def work(kept: "Kept") -> int:
        return await kept.letters.replay(sdk_app_id, number, actor=system_user())

    count = with_kept(config, state, work)
    if count == 0:
        raise StartError("nothing_to_replay", "There is no such dead event.", "See `sealroom webhook dead`.")
    print(f"{count} events will be sent again.")


@app.command(name="test")
def try_out(
    sdk_app_id: int,
    group: GroupName,
    *,
    subscriber: SubscriberName = "backend",
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """Send the endpoint an event that did not happen, from this machine, and say what it answered."""
    from sealroom.core.clock import SystemClock
    from sealroom.core.ids import Ids
    from sealroom.webhooks.client import Client, NotTaken
    from sealroom.webhooks.letters import send_sample

    async def work(kept: "Kept") -> str:
        wanted = (_group(group), _subscriber(subscriber))
        found = [one for one in await kept.endpoints.all(sdk_app_id) if (one.group, one.subscriber) == wanted]
        if not found:
            raise StartError("no_such_endpoint", "There is no such endpoint.", "See `sealroom webhook list`.")
        client = Client(SystemClock(), kept.addresses)
        try:
            await send_sample(client, found[0], SystemClock(), Ids())
        except NotTaken as wrong:
            answered = f" (status {wrong.status})" if wrong.status else ""
            raise StartError(
                wrong.problem.value,
                f"The endpoint did not take it: {wrong.problem.value}{answered}.",
                "It has to answer 200 within 5 s, on an address that may be reached.",
            ) from None
        finally:
            client.close()
            await asyncio.sleep(0)
        return found[0].url

    print(f"{with_kept(config, state, work)} took it.")

# SPDX-License-Identifier: Apache-2.0
"""`sealroom account`: customers, and the key pairs with which their programs call the API."""

from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import App, Parameter

from sealroom.cli.flags import AsJson, ConfigFile, Revision, StateFolder
from sealroom.cli.kept import with_kept
from sealroom.cli.show import lines, moment, pairs

if TYPE_CHECKING:
    from sealroom.accounts.models import Account, ApiKeyStatus, NewApiKey
    from sealroom.kept import Kept

app = App(name="account", help="Customers, and their keys of the API.")
key_app = App(name="key", help="Key pairs that sign calls of the API.")
app.command(key_app)

Uin = Annotated[int, Parameter(help="The account's number.")]


@app.command(name="create")
def create(
    name: Annotated[str, Parameter(help="The customer.")],
    *,
    contact: Annotated[str, Parameter(help="Whom to write to.")] = "",
    json: AsJson = False,
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """Make an account, and print its number."""
    from sealroom.accounts.service import AccountSpec
    from sealroom.audit.events import system_user

    async def work(kept: "Kept") -> "Account":
        return await kept.accounts.create(AccountSpec(name, contact), system_user())

    made = with_kept(config, state, work)
    print(msgspec.json.encode(made).decode() if json else made.uin)


@app.command(name="list")
def list_(*, json: AsJson = False, state: StateFolder = None, config: ConfigFile = None) -> None:
    """Print every account: number, state, name."""

    async def work(kept: "Kept") -> "list[Account]":
        return await kept.accounts.all()

    lines(with_kept(config, state, work), json, lambda one: (one.uin, one.state, one.name))


@app.command(name="show")
def show(uin: Uin, *, json: AsJson = False, state: StateFolder = None, config: ConfigFile = None) -> None:
    """Print everything about an account."""

    async def work(kept: "Kept") -> "Account":
        return await kept.accounts.find(uin)

    pairs(with_kept(config, state, work), json)


@app.command(name="change")
def change(
    uin: Uin,
    *,
    name: str | None = None,
    contact: str | None = None,
    revision: Revision = None,
    json: AsJson = False,
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """Change what is given, and print the account."""
    from sealroom.audit.events import system_user

    given = {key: value for key, value in (("name", name), ("contact", contact)) if value is not None}

    async def work(kept: "Kept") -> "Account":
        return await kept.accounts.change(uin, given, system_user(), expected_revision=revision)

    pairs(with_kept(config, state, work), json)


@app.command(name="terminate")
def terminate(
    uin: Uin,
    *,
    revision: Revision = None,
    json: AsJson = False,
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """End the service for an account, for good: nobody enters its applications any more, its API keys open nothing."""
    from sealroom.audit.events import system_user

    async def work(kept: "Kept") -> "Account":
        return await kept.accounts.terminate(uin, system_user(), expected_revision=revision)

    pairs(with_kept(config, state, work), json)


@key_app.command(name="create")
def key_create(
    uin: Uin, *, json: AsJson = False, state: StateFolder = None, config: ConfigFile = None
) -> None:
    """Make a key pair, and print it: its secret half is shown this once."""
    from sealroom.audit.events import system_user

    async def work(kept: "Kept") -> "NewApiKey":
        return await kept.api_keys.create(uin, system_user())

    pairs(with_kept(config, state, work), json)


@key_app.command(name="list")
def key_list(uin: Uin, *, json: AsJson = False, state: StateFolder = None, config: ConfigFile = None) -> None:
    """Print the key pairs of an account: SecretId, on or off, made, last used."""

    async def work(kept: "Kept") -> "list[ApiKeyStatus]":
        await kept.accounts.find(uin)
        return await kept.api_keys.of(uin)

    lines(
        with_kept(config, state, work),
        json,
        lambda one: (
            one.secret_id, "on" if one.enabled else "off", moment(one.created_at), one.last_used_day or "never used"
        ),
    )  # fmt: skip


@key_app.command(name="disable")
def key_disable(
    secret_id: str,
    *,
    revision: Revision = None,
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """Switch a key pair off, for good. A running server knows within a second."""
    from sealroom.audit.events import system_user

    async def work(kept: "Kept") -> None:
        await kept.api_keys.disable(secret_id, system_user(), expected_revision=revision)

    with_kept(config, state, work)
    print(f"{secret_id} is off.")

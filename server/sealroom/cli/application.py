# SPDX-License-Identifier: Apache-2.0
"""`sealroom app`: applications of customers, their switches and their secret keys."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from sealroom.cli.flags import AsJson, ConfigFile, Revision, StateFolder
from sealroom.cli.kept import with_kept
from sealroom.cli.show import lines, pairs
from sealroom.core.errors import ConfigurationError

if TYPE_CHECKING:
    from sealroom.apps.models import ApplicationStatus, NewKey
    from sealroom.kept import Kept

app = App(name="app", help="Applications of customers, their switches and their secret keys.")
key_app = App(
    name="key",
    help="Secret keys that UserSigs are signed with: one, or two while one takes the place of the other.",
)
app.command(key_app)

SdkAppId = Annotated[int, Parameter(help="The application's number.")]
KeyFile = Annotated[
    Path | None,
    Parameter(help="File with a secret key that is brought along, in one line; without it, a new one."),
]
Sealing = Annotated[
    Literal["required", "optional"] | None,
    Parameter(
        help="`required`: media that is not end-to-end encrypted is refused. `optional` is the customer's documented choice."
    ),
]
AdvancedPermission = Annotated[
    bool | None,
    Parameter(help="Whether everybody must show a PrivateMapKey, whose rights then hold on the media path."),
]
Recording = Annotated[bool | None, Parameter(help="Recording to the customer's bucket.")]
Relay = Annotated[bool | None, Parameter(help="Relay to a CDN.")]
BillingMode = Annotated[
    Literal["daily_duration", "monthly_package"] | None, Parameter(help="How TRTC bills what is used.")
]
Origins = Annotated[
    tuple[str, ...] | None,
    Parameter(
        name="--origin", negative="--no-origins",
        help="Origin of web pages that may use it, as https://call.example; repeat it for more. A loopback origin may end in :*.",
    ),
]  # fmt: skip
Tags = Annotated[
    tuple[str, ...] | None,
    Parameter(
        name="--tag",
        negative="--no-tags",
        help="The customer's own word to sort by, as name=value; repeat it for more.",
    ),
]


@app.command(name="create")
def create(
    uin: Annotated[int, Parameter(help="The account that it belongs to.")],
    name: Annotated[str, Parameter(help="For people.")],
    *,
    sdk_app_id: Annotated[int | None, Parameter(help="Its number, where one is brought along.")] = None,
    key_file: KeyFile = None,
    sealing: Sealing = None,
    advanced_permission: AdvancedPermission = None,
    recording: Recording = None,
    relay: Relay = None,
    billing_mode: BillingMode = None,
    origin: Origins = None,
    tag: Tags = None,
    json: AsJson = False,
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """Make an application, and print its number and its first secret key."""
    from sealroom.apps.models import ApplicationSpec
    from sealroom.audit.events import system_user
    from sealroom.core.spec import changed

    given = _given(
        sealing=sealing, advanced_permission=advanced_permission, recording=recording, relay=relay,
        billing_mode=billing_mode, origins=origin, tags=_tags(tag),
    )  # fmt: skip
    secret = _secret(key_file)

    async def work(kept: "Kept") -> "NewKey":
        spec = changed(ApplicationSpec(name), given, "application")
        return await kept.register.create(uin, spec, system_user(), sdk_app_id=sdk_app_id, secret_key=secret)

    pairs(with_kept(config, state, work), json)


@app.command(name="list")
def list_(
    *,
    account: Annotated[int | None, Parameter(help="Only those of one account.")] = None,
    json: AsJson = False,
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """Print every application: number, account, state, sealing, name."""

    async def work(kept: "Kept") -> "list[ApplicationStatus]":
        return await kept.register.all(account)

    def columns(one: "ApplicationStatus") -> tuple[object, ...]:
        state = one.state if one.spec.enabled else f"{one.state}, off"
        return one.sdk_app_id, one.uin, state, one.spec.sealing.value, one.spec.name

    lines(with_kept(config, state, work), json, columns)


@app.command(name="show")
def show(
    sdk_app_id: SdkAppId, *, json: AsJson = False, state: StateFolder = None, config: ConfigFile = None
) -> None:
    """Print everything about an application but its secret keys."""

    async def work(kept: "Kept") -> "ApplicationStatus":
        return await kept.register.find(sdk_app_id)

    pairs(with_kept(config, state, work), json)


@app.command(name="change")
def change(
    sdk_app_id: SdkAppId,
    *,
    name: str | None = None,
    enabled: Annotated[bool | None, Parameter(help="Switched off, nobody can enter.")] = None,
    sealing: Sealing = None,
    advanced_permission: AdvancedPermission = None,
    recording: Recording = None,
    relay: Relay = None,
    billing_mode: BillingMode = None,
    origin: Origins = None,
    tag: Tags = None,
    revision: Revision = None,
    json: AsJson = False,
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """Change what is given, and print the application. Origins and tags take the place of all that were there."""
    from sealroom.audit.events import system_user

    given = _given(
        name=name, enabled=enabled, sealing=sealing, advanced_permission=advanced_permission, recording=recording,
        relay=relay, billing_mode=billing_mode, origins=origin, tags=_tags(tag),
    )  # fmt: skip

    async def work(kept: "Kept") -> "ApplicationStatus":
        return await kept.register.change(sdk_app_id, given, system_user(), expected_revision=revision)

    pairs(with_kept(config, state, work), json)


@app.command(name="terminate")
def terminate(
    sdk_app_id: SdkAppId, *, revision: Revision = None, state: StateFolder = None, config: ConfigFile = None
) -> None:
    """End an application, for good: nobody enters it any more. Calls in progress go on."""
    from sealroom.audit.events import system_user

    async def work(kept: "Kept") -> None:
        await kept.register.terminate(sdk_app_id, system_user(), expected_revision=revision)

    with_kept(config, state, work)
    print(f"{sdk_app_id} has ended.")


@key_app.command(name="add")
def key_add(
    sdk_app_id: SdkAppId,
    *,
    key_file: KeyFile = None,
    revision: Revision = None,
    json: AsJson = False,
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """Add a second secret key, and print it: it is shown this once. Both hold until one is retired."""
    from sealroom.audit.events import system_user

    secret = _secret(key_file)

    async def work(kept: "Kept") -> "NewKey":
        return await kept.register.add_key(
            sdk_app_id, system_user(), expected_revision=revision, secret_key=secret
        )

    pairs(with_kept(config, state, work), json)


@key_app.command(name="retire")
def key_retire(
    sdk_app_id: SdkAppId,
    number: Annotated[int, Parameter(help="Of the key, as `sealroom app show` prints it.")],
    *,
    revision: Revision = None,
    state: StateFolder = None,
    config: ConfigFile = None,
) -> None:
    """Take a secret key away, for good: UserSigs that it signed are refused from now on."""
    from sealroom.audit.events import system_user

    async def work(kept: "Kept") -> None:
        await kept.register.retire_key(sdk_app_id, number, system_user(), expected_revision=revision)

    with_kept(config, state, work)
    print(f"Key {number} of {sdk_app_id} is retired.")


def _given(**flags: object) -> dict[str, object]:
    return {name: value for name, value in flags.items() if value is not None}


def _tags(given: tuple[str, ...] | None) -> dict[str, str] | None:
    if given is None:
        return None
    for one in given:
        if "=" not in one:
            raise ConfigurationError("tag_invalid", f"`{one}` is no tag.", "Write --tag name=value.")
    return {name: value for name, _, value in (one.partition("=") for one in given)}


def _secret(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(
            "key_file_unreadable", f"{file} cannot be read.", "Name a file with one secret key in it."
        ) from None

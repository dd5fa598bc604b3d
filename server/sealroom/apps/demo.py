# SPDX-License-Identifier: Apache-2.0
"""The demo application: made at the first start of `sealroom dev` under an account of its own, sealed, for pages of this machine."""

import msgspec

from sealroom.accounts.service import DEMO_UIN, AccountService, AccountSpec
from sealroom.apps.models import Application, ApplicationSpec, State
from sealroom.apps.origins import LOOPBACK, check_origin
from sealroom.apps.register import ApplicationRegister
from sealroom.apps.service import ApplicationService
from sealroom.audit.events import Actor
from sealroom.core.errors import MissingError, StartError
from sealroom_wire.errors import Refusal


class HandOver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the customer's side gets of the demo application, as it would from the operator's console."""

    endpoint: str
    sdk_app_id: int
    secret_key: str


async def demo_application(
    accounts: AccountService,
    register: ApplicationRegister,
    apps: ApplicationService,
    actor: Actor,
    origins: tuple[str, ...] = (),
) -> Application:
    """The demo application of this installation, for pages of `origins` too, which are not kept.

    Raises:
        ConfigurationError: something that is no origin.
        NotAllowedError: the demo's account was ended.
        StartError: the demo's application was switched off.
    """
    for origin in origins:
        check_origin(origin)
    try:
        await accounts.find(DEMO_UIN)
    except MissingError:
        await accounts.create(AccountSpec("Demo"), actor, uin=DEMO_UIN)
    there = [one.sdk_app_id for one in await register.all(DEMO_UIN) if one.state is State.ACTIVE]
    if there:
        number = there[0]
    else:
        number = (
            await register.create(DEMO_UIN, ApplicationSpec("Demo", origins=LOOPBACK), actor)
        ).sdk_app_id
    apps.also_allow(number, origins)
    try:
        return await apps.find(number)
    except Refusal as refusal:
        raise StartError(
            "demo_application_disabled",
            f"The demo application {number} is switched off.",
            f"Switch it on: sealroom app change {number} --enabled",
        ) from refusal

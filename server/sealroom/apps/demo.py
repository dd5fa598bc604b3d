# SPDX-License-Identifier: Apache-2.0
"""The demo application: made at the first start of `sealroom dev`, sealed, for pages of this machine and of origins that are named."""

import msgspec

from sealroom.apps.origins import LOOPBACK, check_origin
from sealroom.core.config.schema import ApplicationSettings
from sealroom.core.errors import StartError
from sealroom.core.ids import Ids
from sealroom.core.state import StateDirectory

FILE = "demo-application.json"
_FIRST_ID = 1_400_000_000
"""Where TRTC's application ids lie."""


class HandOver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the customer's side gets of the demo application, as it would from the operator's console."""

    endpoint: str
    sdk_app_id: int
    secret_key: str


def demo_application(state: StateDirectory, ids: Ids, origins: tuple[str, ...] = ()) -> ApplicationSettings:
    """The demo application of this state folder, for pages of `origins` too, which are not kept.

    Raises:
        ConfigurationError: something that is no origin.
        StartError: what was kept cannot be read.
    """
    for origin in origins:
        check_origin(origin)

    def make() -> bytes:
        made = ApplicationSettings(
            sdk_app_id=_FIRST_ID + ids.number(26),
            name="Demo",
            secret_keys=(ids.secret(),),
            sealing="required",
            origins=LOOPBACK,
        )
        return msgspec.json.encode(made)

    try:
        kept = msgspec.json.decode(state.keep(FILE, make), type=ApplicationSettings)
    except msgspec.DecodeError as error:
        raise StartError(
            "demo_application_unreadable",
            f"{state.path / FILE} cannot be read.",
            "Delete it: a new demo application is made at the next start.",
        ) from error
    return msgspec.structs.replace(kept, origins=(*kept.origins, *origins))

# SPDX-License-Identifier: Apache-2.0
"""What is said of a participant in more than one message."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta


class Role(StrEnum):
    """Only matters in `live`."""

    ANCHOR = "anchor"
    AUDIENCE = "audience"


class Track(StrEnum):
    """What one participant sends. `main` is the camera."""

    AUDIO = "audio"
    MAIN = "main"
    SCREEN = "screen"


class ClientInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What the client says of itself; for the back-end log, never for decisions."""

    sdk: Annotated[str, Meta(max_length=64)] = ""
    version: Annotated[str, Meta(max_length=32)] = ""
    os: Annotated[str, Meta(max_length=64)] = ""

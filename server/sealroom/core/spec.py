# SPDX-License-Identifier: Apache-2.0
"""What the owner of something decides about it: a frozen struct whose annotations say what fits."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from sealroom.core.errors import NotAllowedError

S = TypeVar("S", bound=msgspec.Struct)


def checked(spec: S, what: str) -> S:
    """The spec, all of whose values fit. `what` it is of goes into the error. Raises NotAllowedError."""
    return changed(spec, {}, what)


def changed(spec: S, changes: Mapping[str, object], what: str) -> S:
    """The spec with some values replaced. Raises NotAllowedError for a name that it does not have, or a value that does not fit."""
    try:
        return msgspec.convert({**msgspec.to_builtins(spec), **changes}, type(spec))
    except msgspec.ValidationError as error:
        raise NotAllowedError(
            f"{what}_invalid", f"The {what} does not fit: {error}.", "Mend that value."
        ) from None

# SPDX-License-Identifier: Apache-2.0
"""Parameters that many routes take."""

from typing import Annotated, TypeAlias

from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, PathParameter

from sealroom.api.calls import Call
from sealroom.api.services import Services

Asked: TypeAlias = NamedDependency[Call]
"""The verified call."""
Behind: TypeAlias = NamedDependency[Services]
"""What is behind the routes."""
SdkAppId: TypeAlias = Annotated[
    int, PathParameter(ge=1, le=2**32 - 1, description="Of one of the account's applications.")
]
IdempotencyKey: TypeAlias = Annotated[
    str,
    HeaderParameter(name="Idempotency-Key", min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$",
        description="The same for each try of one request, and for no other within a day: a random UUID.",
    ),
]  # fmt: skip
REPLAYED = ResponseHeader(
    name="Idempotency-Replayed", description="`true` where it is the answer to an earlier try, `false` else.",
    documentation_only=True, value="false", required=True,
)  # fmt: skip


def replayed(again: bool) -> dict[str, str]:
    """The header that tells whether an answer is an old one."""
    return {"Idempotency-Replayed": "true" if again else "false"}

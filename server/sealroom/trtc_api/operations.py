# SPDX-License-Identifier: Apache-2.0
"""How an action is bound to what does it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from sealroom.trtc_api.parameters import Parameters

P = TypeVar("P", bound=Parameters)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose signature was verified. **Made by the endpoint alone.**"""

    uin: int
    secret_id: str


class Answer(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """What an action answers, under TRTC's names; `RequestId` is added by the endpoint."""


class Done(Answer, frozen=True, kw_only=True):
    """An action that tells nothing but that it is done."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One action, its parameters, and what does it."""

    action: str
    parameters: type[Parameters]
    run: Callable[[Caller, Parameters], Awaitable[Answer]]

    @classmethod
    def of(
        cls, action: str, parameters: type[P], run: Callable[[Caller, P], Awaitable[Answer]]
    ) -> "Operation":
        """Binds an action; the endpoint gives `run` what it read as `parameters`, and nothing else."""

        async def checked(caller: Caller, given: Parameters) -> Answer:
            if not isinstance(given, parameters):
                raise TypeError(f"{action} does not take {type(given).__name__}")
            return await run(caller, given)

        return cls(action, parameters, checked)

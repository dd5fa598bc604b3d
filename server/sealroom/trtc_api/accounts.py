# SPDX-License-Identifier: Apache-2.0
"""Who calls, and what is his: the ports to accounts and applications."""

from collections.abc import Sequence
from typing import Protocol


class ApiKey(Protocol):
    """One pair of SecretId and SecretKey of an account (UIN)."""

    @property
    def uin(self) -> int:
        """The account."""

    @property
    def secret_key(self) -> str:
        """What requests are signed with."""

    @property
    def disabled(self) -> bool:
        """Switched off, or of an account that has ended."""


class ApiKeys(Protocol):
    """Where API keys are kept."""

    async def secret_of(self, secret_id: str) -> ApiKey | None:
        """The key of that SecretId, or None. Asked before anything is verified: must be quick for ids that do not exist."""

    async def used(self, secret_id: str) -> None:
        """A request was verified with that key."""


class Applications(Protocol):
    """Which applications belong to whom."""

    async def owner_of(self, sdk_app_id: int) -> int | None:
        """The account (UIN) of an application, or None where there is none."""

    async def owned_by(self, uin: int) -> Sequence[int]:
        """The SdkAppIds of an account."""

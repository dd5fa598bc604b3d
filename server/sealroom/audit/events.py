# SPDX-License-Identifier: Apache-2.0
"""Everything that may stand in the log, and who did it."""

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec


class AuditEvent(StrEnum):
    """What happened. A name once used keeps its meaning for ever."""

    USER_SIGS_REVOKED = "user_sigs_revoked"
    REVOCATION_WITHDRAWN = "revocation_withdrawn"
    AUDIT_KEY_ROTATED = "audit_key_rotated"
    PAYLOADS_ERASED = "payloads_erased"
    STAFF_NAME_ERASED = "staff_name_erased"
    CONFIGURATION_CHANGED = "configuration_changed"
    MASTER_KEY_ROTATED = "master_key_rotated"
    ACCOUNT_CREATED = "account_created"
    ACCOUNT_CHANGED = "account_changed"
    ACCOUNT_TERMINATED = "account_terminated"
    API_KEY_CREATED = "api_key_created"
    API_KEY_DISABLED = "api_key_disabled"
    APPLICATION_CREATED = "application_created"
    APPLICATION_CHANGED = "application_changed"
    APPLICATION_TERMINATED = "application_terminated"
    APPLICATION_KEY_ADDED = "application_key_added"
    APPLICATION_KEY_RETIRED = "application_key_retired"
    ROOM_DISMISSED = "room_dismissed"
    USER_REMOVED = "user_removed"
    USER_BLOCKED = "user_blocked"
    USER_BANNED = "user_banned"
    BAN_LIFTED = "ban_lifted"
    WEBHOOK_CHANGED = "webhook_changed"
    WEBHOOK_REMOVED = "webhook_removed"
    WEBHOOKS_REPLAYED = "webhooks_replayed"


OPERATOR = "operator"
"""Stands for whoever of the operator's staff did it: a role, not a name."""
_CUSTOMERS = ("api_key",)
"""Kinds of actors that are the customer's own. **Whatever else there is, or will be, is not named to him.**"""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: `cli` with the name of the system's user, until staff have accounts."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    @property
    def is_staff(self) -> bool:
        """Whether it is a person of the operator's, whose name is kept apart from the leaf."""
        return self.kind not in _CUSTOMERS


def told_actor(kept: str) -> str:
    """Who did it as a customer is told, from what an entry of any form has."""
    return kept if kept.partition(":")[0] in _CUSTOMERS else OPERATOR


def system_user() -> Actor:
    """The person at the command line: whom `sudo` names, else the user of this process."""
    name = os.environ.get("SUDO_USER", "") if os.geteuid() == 0 else ""
    try:
        name = name or getpass.getuser()
    except (KeyError, OSError):
        name = f"uid {os.geteuid()}"
    return Actor("cli", name)


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that happened.

    `target` names what was changed and is kept for ever: nothing personal belongs there. `details` may be personal; they are
    erased with their `subject`, after which a commitment to them stays.
    """

    event: AuditEvent
    actor: Actor
    target: str
    details: dict[str, str | int] = field(default_factory=dict)
    subject: str | None = None
    """As `subject_of` has it; None for details that stay when an account or application is gone."""


def subject_of(target: str, details: Mapping[str, object]) -> str | None:
    """Whom an entry with this target and these details is about: `account/UIN`, `SdkAppId`, `SdkAppId/user`; None for nobody. **No leaf holds
    it, so that it can be erased**; what it must be follows from what the leaf commits to."""
    kind, _, name = target.rpartition(" ")
    match kind:
        case "account":
            return f"account/{name}"
        case "api key":
            return f"account/{details.get('uin')}"
        case "application":
            return f"{name}/{details['user']}" if "user" in details else name
        case _:
            return None


def told(values: Mapping[str, object]) -> dict[str, str | int]:
    """Details of a record from values of any kind; what is neither text nor number as JSON."""
    return {
        name: value if isinstance(value, str | int) else msgspec.json.encode(value, order="sorted").decode()
        for name, value in values.items()
    }

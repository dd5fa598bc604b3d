# SPDX-License-Identifier: Apache-2.0
"""Applications as configured, and the table of revocations."""

from dataclasses import dataclass
from dataclasses import field as part

from sqlalchemy import BigInteger, Column, String, Table

from sealroom.catalogue import DataClass, LegalBasis, Purpose, Retention, Subject, dataset, field
from sealroom.core.config.schema import ApplicationSettings
from sealroom.core.db import metadata
from sealroom_wire.signalling import Sealing
from sealroom_wire.usersig import Privilege

revocations = Table(
    "revocations",
    metadata,
    Column(
        "sdk_app_id", BigInteger, primary_key=True,
        info=field("The application.", subject=Subject.APPLICATION, data_class=DataClass.SDK_APP_ID),
    ),
    Column(
        "user_id", String(32), primary_key=True,
        info=field("Whose UserSigs; empty for everybody's.", personal=True, subject=Subject.USER),
    ),
    Column("issued_before", BigInteger, nullable=False, info=field("Unix seconds.")),
    info=dataset(
        "UserSigs that were taken back.", DataClass.KEY_INFORMATION, Purpose.SECURE, LegalBasis.CONTRACT, Retention.while_served()
    ),
)  # fmt: skip
"""UserSigs of `user_id` that were issued before this moment (Unix seconds) are refused; '' stands for every user."""

EVERY_USER = ""


@dataclass(frozen=True, slots=True)
class Application:
    """One application. The secret keys never show in a representation."""

    sdk_app_id: int
    name: str
    secret_keys: tuple[str, ...] = part(repr=False)
    sealing: Sealing
    advanced_permission: bool
    origins: tuple[str, ...]
    enabled: bool

    @classmethod
    def of(cls, settings: ApplicationSettings) -> "Application":
        """From the configuration."""
        return cls(
            settings.sdk_app_id,
            settings.name,
            settings.secret_keys,
            Sealing(settings.sealing),
            settings.advanced_permission,
            settings.origins,
            settings.enabled,
        )


@dataclass(frozen=True, slots=True)
class Identity:
    """A user whose UserSig was verified. **Made by `ApplicationService.identify` alone.**"""

    application: Application
    user_id: str
    issued_at: int = 0
    """When the UserSig was, in Unix seconds."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What an identity may do in one room."""

    identity: Identity
    rights: Privilege
    issued_at: int = 0
    """When the older of his two tokens was, in Unix seconds: what a ban looks at."""

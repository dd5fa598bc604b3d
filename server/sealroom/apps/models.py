# SPDX-License-Identifier: Apache-2.0
"""The tables of applications, of their secret keys and of revocations, and what is read from them."""

from dataclasses import dataclass
from dataclasses import field as part
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
)

from sealroom.catalogue import DataClass, LegalBasis, Purpose, Retention, Subject, dataset, field
from sealroom.core.db import metadata
from sealroom.core.keys import SealedColumn
from sealroom_wire.signalling import Sealing
from sealroom_wire.usersig import Privilege

TOPIC = "applications"
"""Under which name changes of applications are counted (`core.db.changes`)."""


class State(StrEnum):
    """Whether the service is used."""

    ACTIVE = "active"
    TERMINATED = "terminated"
    """For good. The clock of its deletion runs from `terminated_at`."""


class BillingMode(StrEnum):
    """How TRTC bills what is used."""

    DAILY_DURATION = "daily_duration"
    """By the minutes of each day."""
    MONTHLY_PACKAGE = "monthly_package"
    """A package of minutes a calendar month; what goes beyond it by the minute."""


applications = Table(
    "applications",
    metadata,
    Column(
        "sdk_app_id", BigInteger, primary_key=True, autoincrement=False,
        info=field("The number that clients name.", subject=Subject.APPLICATION, data_class=DataClass.SDK_APP_ID),
    ),
    Column(
        "uin", BigInteger, ForeignKey("accounts.uin"), nullable=False,
        info=field("Whose.", subject=Subject.ACCOUNT, data_class=DataClass.UIN),
    ),
    Column("name", String(64), nullable=False, info=field("For people.")),
    Column("enabled", Boolean, nullable=False, info=field("Switched off, nobody can enter.")),
    Column("sealing", String(16), nullable=False, info=field("Whether media must be end-to-end encrypted.")),
    Column("advanced_permission", Boolean, nullable=False, info=field("Whether everybody must show a PrivateMapKey.")),
    Column("recording", Boolean, nullable=False, info=field("Recording on.")),
    Column("relay", Boolean, nullable=False, info=field("Relay to a CDN on.")),
    Column("billing_mode", String(32), nullable=False, info=field("How use is billed.")),
    Column("tags", JSON, nullable=False, info=field("The customer's own words to sort by.")),
    Column("origins", JSON, nullable=False, info=field("Web pages that may use it.")),
    Column("site", String(32), nullable=False, info=field("Where all of its data lies.")),
    Column("state", String(16), nullable=False, info=field("active, or terminated.")),
    Column("created_at", BigInteger, nullable=False, info=field("When, Unix seconds.")),
    Column("terminated_at", BigInteger, info=field("Since when the service is over, Unix seconds.")),
    Column("keys_made", Integer, nullable=False, info=field("How many keys it ever had: the next one's number.")),
    Column("revision", Integer, nullable=False, info=field("Rises with every change.")),
    Index("ix_applications_uin", "uin"),
    info=dataset("Applications and their switches.", DataClass.CONSOLE, Purpose.PROVIDE, LegalBasis.CONTRACT, Retention.while_served()),
)  # fmt: skip

billing_modes = Table(
    "billing_modes",
    metadata,
    Column(
        "sdk_app_id", BigInteger, primary_key=True, autoincrement=False,
        info=field("The application.", subject=Subject.APPLICATION, data_class=DataClass.SDK_APP_ID),
    ),
    Column(
        "until", BigInteger, primary_key=True, autoincrement=False,
        info=field("When it got another one, Unix milliseconds.", dates=True),
    ),
    Column("mode", String(32), nullable=False, info=field("How use was billed before.")),
    info=dataset(
        "How applications were billed before.", DataClass.CONSOLE, Purpose.BILL, LegalBasis.CONTRACT,
        Retention.age(400, "as long as the days that it holds for"),
    ),
)  # fmt: skip
"""Billing modes that applications have no more. The one that they have stands with them."""

application_keys = Table(
    "application_keys",
    metadata,
    Column(
        "sdk_app_id", BigInteger, ForeignKey("applications.sdk_app_id"), primary_key=True, autoincrement=False,
        info=field("The application.", subject=Subject.APPLICATION, data_class=DataClass.SDK_APP_ID),
    ),
    Column("number", Integer, primary_key=True, autoincrement=False, info=field("Of the key; never given twice.")),
    Column("secret", LargeBinary, nullable=False, info=field("The key, encrypted under the master key.")),
    Column("created_at", BigInteger, nullable=False, info=field("When, Unix seconds.")),
    info=dataset(
        "Secret keys that UserSigs are signed with.", DataClass.KEY_INFORMATION, Purpose.SECURE, LegalBasis.CONTRACT,
        Retention.while_served(),
    ),
)  # fmt: skip

APPLICATION_SECRET = SealedColumn(application_keys, "secret", "application-key")

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

Tag = Annotated[str, Meta(min_length=1, max_length=127)]


class ApplicationSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What its owner decides about an application."""

    name: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
    enabled: bool = True
    """Switched off, nobody can enter."""
    sealing: Sealing = Sealing.REQUIRED
    """`required` refuses media that is not end-to-end encrypted. `optional` is the customer's documented choice."""
    advanced_permission: bool = False
    """Whether everybody must show a PrivateMapKey, whose rights then hold on the media path."""
    recording: bool = False
    relay: bool = False
    billing_mode: BillingMode = BillingMode.DAILY_DURATION
    tags: Annotated[dict[Tag, Annotated[str, Meta(max_length=255)]], Meta(max_length=50)] = {}
    origins: Annotated[tuple[str, ...], Meta(max_length=100)] = ()
    """Origins of web pages that may use it. A loopback origin may end in :*. Clients without an origin are not pages."""


def spec_of(row: Row[Any]) -> ApplicationSpec:
    """The spec in a row of the table."""
    return msgspec.convert(
        {name: getattr(row, name) for name in ApplicationSpec.__struct_fields__}, ApplicationSpec
    )


@dataclass(frozen=True, slots=True)
class Application:
    """One application, as whoever enters meets it. The secret keys never show in a representation."""

    sdk_app_id: int
    uin: int
    spec: ApplicationSpec
    secret_keys: tuple[str, ...] = part(repr=False)
    """The newest first."""
    active: bool
    """Neither it nor its account has ended."""
    site: str
    """Where all of its data lies."""

    @property
    def sealing(self) -> Sealing:
        """Whether media must be end-to-end encrypted."""
        return self.spec.sealing


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """A secret key as it is listed."""

    number: int
    created_at: int


@dataclass(frozen=True, slots=True)
class ApplicationStatus:
    """An application as it is shown, without its keys' secrets."""

    sdk_app_id: int
    uin: int
    spec: ApplicationSpec
    site: str
    state: State
    created_at: int
    terminated_at: int | None
    revision: int
    keys: tuple[KeyStatus, ...]


@dataclass(frozen=True, slots=True)
class NewKey:
    """A secret key in the one moment in which it is shown."""

    sdk_app_id: int
    number: int
    secret_key: str = part(repr=False)


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

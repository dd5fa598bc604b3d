# SPDX-License-Identifier: Apache-2.0
"""The tables of accounts and of their API keys, and what is read from them."""

from dataclasses import dataclass
from dataclasses import field as part
from datetime import date
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
)

from sealroom.catalogue import DataClass, LegalBasis, Purpose, Retention, Subject, dataset, field
from sealroom.core.db import metadata
from sealroom.core.keys import SealedColumn

TOPIC = "accounts"
"""Under which name the states of accounts are counted (`core.db.changes`)."""
KEYS_TOPIC = "api_keys"


class State(StrEnum):
    """Whether the service is used."""

    ACTIVE = "active"
    TERMINATED = "terminated"
    """For good. The clock of its deletion runs from `terminated_at`."""


accounts = Table(
    "accounts",
    metadata,
    Column("uin", BigInteger, primary_key=True, autoincrement=False, info=field("The account's number.", subject=Subject.ACCOUNT)),
    Column("name", String(64), nullable=False, info=field("The customer.", personal=True)),
    Column("contact", String(256), nullable=False, info=field("Whom to write to.", personal=True)),
    Column("state", String(16), nullable=False, info=field("active, or terminated.")),
    Column("created_at", BigInteger, nullable=False, info=field("When, Unix seconds.")),
    Column("terminated_at", BigInteger, info=field("Since when the service is over, Unix seconds.")),
    Column("revision", Integer, nullable=False, info=field("Rises with every change.")),
    info=dataset("Customers.", DataClass.UIN, Purpose.PROVIDE, LegalBasis.CONTRACT, Retention.while_served()),
)  # fmt: skip

api_keys = Table(
    "api_keys",
    metadata,
    Column("secret_id", String(36), primary_key=True, info=field("The public half's name.")),
    Column(
        "uin", BigInteger, ForeignKey("accounts.uin"), nullable=False,
        info=field("Whose.", subject=Subject.ACCOUNT, data_class=DataClass.UIN),
    ),
    Column("secret", LargeBinary, nullable=False, info=field("The secret half, encrypted under the master key.")),
    Column("enabled", Boolean, nullable=False, info=field("Switched off, it signs nothing.")),
    Column("created_at", BigInteger, nullable=False, info=field("When, Unix seconds.")),
    Column("disabled_at", BigInteger, info=field("Since when it is off, Unix seconds.")),
    Column("last_used_day", Date, info=field("The day (UTC) of its last call; no finer, so that it tells no habits.")),
    Column("revision", Integer, nullable=False, info=field("Rises with every change.")),
    Index("ix_api_keys_uin", "uin"),
    info=dataset(
        "Key pairs that sign calls of the API.", DataClass.KEY_INFORMATION, Purpose.SECURE, LegalBasis.CONTRACT,
        Retention.while_served(),
    ),
)  # fmt: skip

signatures = Table(
    "used_signatures",
    metadata,
    Column("name", String(64), primary_key=True, info=field("SHA-256 of SecretId and signature.")),
    Column(
        "signed_at", BigInteger, nullable=False,
        info=field("When the request says that it was signed, Unix milliseconds.", dates=True),
    ),
    Index("ix_used_signatures_signed_at", "signed_at"),
    info=dataset(
        "Signatures of changes that were asked for over the APIs: each is good once. Gone minutes later, with the next change.",
        DataClass.KEY_INFORMATION, Purpose.SECURE, LegalBasis.LEGITIMATE_INTEREST,
        Retention.age(1, "beyond the clock's window a signature is refused anyway"),
    ),
)  # fmt: skip

API_SECRET = SealedColumn(api_keys, "secret", "api-key")


@dataclass(frozen=True, slots=True)
class Account:
    """One customer."""

    uin: int
    name: str
    contact: str = part(repr=False)
    state: State
    created_at: int
    terminated_at: int | None
    revision: int


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What verifies a call. `disabled`: switched off, or its account ended. The secret key never shows in a representation."""

    secret_id: str
    uin: int
    secret_key: str = part(repr=False)
    disabled: bool


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key pair in the one moment in which its secret half is shown."""

    secret_id: str
    secret_key: str = part(repr=False)


@dataclass(frozen=True, slots=True)
class ApiKeyStatus:
    """A key pair as it is listed."""

    secret_id: str
    uin: int
    enabled: bool
    created_at: int
    disabled_at: int | None
    last_used_day: date | None
    revision: int

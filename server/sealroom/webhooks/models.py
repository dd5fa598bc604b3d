# SPDX-License-Identifier: Apache-2.0
"""Where events go, and those that have not been taken yet."""

from enum import IntEnum, StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from sealroom.catalogue import DataClass, LegalBasis, Purpose, Retention, Subject, dataset, field
from sealroom.core.db import COUNTED, metadata
from sealroom.core.keys import SealedColumn

MAX_URL_CHARACTERS = 2083
"""TRTC's limit."""


class Group(IntEnum):
    """TRTC's `EventGroupId`; each may go to an address of its own."""

    ROOM = 1
    MEDIA = 2


class Subscriber(StrEnum):
    """Who takes a group of events; each is told on its own."""

    BACKEND = "backend"
    """The customer's backend."""
    AUTHORITY = "authority"
    """The customer's key authority, which changes keys sooner when somebody left."""


class State(StrEnum):
    """Where an event stands."""

    WAITING = "waiting"
    """In its first minute, in the order of its room."""
    PARKED = "parked"
    """Not taken in its first minute: tried again on its own, for a day."""
    DEAD = "dead"
    """Not taken within a day; waits for somebody to send it again."""


endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column(
        "sdk_app_id", BigInteger, primary_key=True, autoincrement=False,
        info=field("The application.", subject=Subject.APPLICATION, data_class=DataClass.SDK_APP_ID),
    ),
    Column("group_id", Integer, primary_key=True, autoincrement=False, info=field("TRTC's event group.")),
    Column(
        "subscriber", String(16), primary_key=True, server_default=Subscriber.BACKEND.value,
        info=field("Whose endpoint it is, of a closed set."),
    ),
    Column("url", String(MAX_URL_CHARACTERS), nullable=False, info=field("The customer's endpoint.")),
    Column(
        "key", LargeBinary,
        info=field("What events are signed with, encrypted under the master key; empty where they are not.", data_class=DataClass.KEY_INFORMATION),
    ),
    Column("enabled", Boolean, nullable=False, info=field("Whether events go there.")),
    Column("changed_at", BigInteger, nullable=False, info=field("Unix milliseconds.")),
    info=dataset(
        "Where a customer wants events of calls.", DataClass.CONSOLE, Purpose.PROVIDE, LegalBasis.CONTRACT,
        Retention.while_served(),
    ),
)  # fmt: skip

KEYS = SealedColumn(endpoints, "key", "webhook_key", later={"subscriber": Subscriber.BACKEND.value})

outbox = Table(
    "webhook_outbox",
    metadata,
    Column("id", COUNTED, primary_key=True, autoincrement=True, info=field("A number; its order is that of the events.")),
    Column("event_id", String(32), nullable=False, info=field("The event's own id.")),
    Column(
        "sdk_app_id", BigInteger, nullable=False,
        info=field("The application.", subject=Subject.APPLICATION, data_class=DataClass.SDK_APP_ID),
    ),
    Column("group_id", Integer, nullable=False, info=field("TRTC's event group.")),
    Column(
        "subscriber", String(16), nullable=False, server_default=Subscriber.BACKEND.value,
        info=field("For whose endpoint it is, of a closed set."),
    ),
    Column("event_type", Integer, nullable=False, info=field("TRTC's event type.")),
    Column("lane", String(32), nullable=False, info=field("A hash of room and endpoint: within one the order is kept.")),
    Column("info", Text, nullable=False, info=field("What is told, with room and user.", personal=True)),
    Column("user_id", String(32), info=field("Of whom it tells.", personal=True, subject=Subject.USER)),
    Column("state", String(8), nullable=False, info=field("Where it stands, of a closed set.")),
    Column("created_at", BigInteger, nullable=False, info=field("Unix milliseconds.", dates=True)),
    Column("since", BigInteger, nullable=False, info=field("When its schedule began, Unix milliseconds.")),
    Column("next_at", BigInteger, nullable=False, info=field("When it is due again, Unix milliseconds.")),
    Column("attempts", Integer, nullable=False, info=field("How often it was sent.")),
    Column("parked", Integer, nullable=False, info=field("How often it was parked.")),
    Column("problem", String(32), info=field("Why it was not taken the last time, of a closed set.")),
    Column("owner", String(32), info=field("Which worker has it.")),
    Column("lease_until", BigInteger, nullable=False, info=field("Until when, Unix milliseconds.")),
    UniqueConstraint("event_id", "group_id", "subscriber", name="uq_webhook_outbox_event_id_group_id_subscriber"),
    Index("ix_webhook_outbox_state_id", "state", "id"),
    Index("ix_webhook_outbox_state_next_at", "state", "next_at"),
    Index("ix_webhook_outbox_owner", "owner"),
    info=dataset(
        "Events that an endpoint has not taken yet; a row goes when it has.", DataClass.BACK_END_LOG, Purpose.PROVIDE,
        LegalBasis.CONTRACT, Retention.age(7, "time to send again what a customer's fault of a weekend left"),
    ),
)  # fmt: skip

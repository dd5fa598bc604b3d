# SPDX-License-Identifier: Apache-2.0
"""What is kept of servers, and what they say to each other."""

from typing import Annotated

from sqlalchemy import BigInteger, Column, String, Table

from sealroom.catalogue import DataClass, Field, LegalBasis, Purpose, Retention, dataset, field
from sealroom.core.bus import Message, Registry, Topic
from sealroom.core.db import metadata

PRESENT_SECONDS = 15
"""How long a server that says nothing counts as there. Lower notices a dead one sooner, and forgives shorter pauses."""

names = Table(
    "node_names",
    metadata,
    Column("name", String(64), primary_key=True, info=field("The server's name.")),
    Column("home", String(64), nullable=False, info=field("Its state folder, as a hash.")),
    Column("holder", String(32), nullable=False, info=field("The process, drawn at random at its start.")),
    Column("until", BigInteger, nullable=False, info=field("When its lease ends unless it is renewed, Unix milliseconds.")),
    info=dataset(
        "Which server has which name.", DataClass.OPERATION, Purpose.OPERATE, LegalBasis.NONE_NEEDED,
        Retention.kept("one row for each server"),
    ),
)  # fmt: skip


class Node(Message, frozen=True, kw_only=True):
    """A server, as it says itself."""

    version: Annotated[str, Field("Of the program.")]
    endpoint: Annotated[str, Field("Where clients connect to.")]
    api: Annotated[str, Field("Where backends call.")]
    draining: Annotated[bool, Field("Whether it takes no new rooms.")] = False
    rooms: Annotated[int, Field("Rooms that are open there.")] = 0
    participants: Annotated[int, Field("How many are in them.")] = 0
    since: Annotated[int, Field("When it started, Unix seconds.")] = 0


NODES = Registry(
    "nodes", Node, PRESENT_SECONDS, "Servers that are there, each under its name.", DataClass.OPERATION, Purpose.OPERATE,
    LegalBasis.NONE_NEEDED, Retention.kept("an entry goes seconds after its server"),
)  # fmt: skip


class Changed(Message, frozen=True, kw_only=True):
    """Something was changed in the database, and committed. What, is read from there."""

    topics: Annotated[tuple[str, ...], Field("Kinds of things, of a closed set.")]


CHANGED = Topic("changed", Changed)

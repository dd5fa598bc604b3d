# SPDX-License-Identifier: Apache-2.0
"""Which calls there are and who is in them, as the database knows it a moment later: what a start after a crash ends."""

from sqlalchemy import BigInteger, Column, Index, String, Table, text

from sealroom.catalogue import DataClass, LegalBasis, Purpose, Retention, Subject, dataset, field
from sealroom.core.db import metadata

CALL_ID_CHARACTERS = 96
"""SdkAppId (10), room (64), second (10), and what joins them."""

_APPLICATION = field("The application.", subject=Subject.APPLICATION, data_class=DataClass.SDK_APP_ID)

calls = Table(
    "calls",
    metadata,
    Column(
        "id", String(CALL_ID_CHARACTERS), primary_key=True,
        info=field("SdkAppId, room and second of the opening (TRTC's CommId).", personal=True, call=True),
    ),
    Column("node", String(64), nullable=False, info=field("Which server carried it.")),
    Column("sdk_app_id", BigInteger, nullable=False, info=_APPLICATION),
    Column("room_kind", String(8), nullable=False, info=field("Whether the room is a number or a string.")),
    Column("room", String(64), nullable=False, info=field("The room.", personal=True)),
    Column("opened_at", BigInteger, nullable=False, info=field("Unix milliseconds.")),
    Column(
        "opened_by", String(32), nullable=False, info=field("Who entered first.", personal=True, subject=Subject.USER)
    ),
    Column("closed_at", BigInteger, info=field("Unix milliseconds; empty while it is open.", dates=True)),
    Column("reason", String(16), info=field("Why it ended, of a closed set.")),
    Index("ix_calls_closed_at", "closed_at"),
    Index("ix_calls_sdk_app_id_opened_at", "sdk_app_id", "opened_at"),
    Index(
        "ix_calls_open", "sdk_app_id", "room", sqlite_where=text("closed_at IS NULL"), postgresql_where=text("closed_at IS NULL")
    ),
    info=dataset(
        "Calls: open ones, and those that ended lately.", DataClass.BACK_END_LOG, Purpose.PROVIDE, LegalBasis.CONTRACT,
        Retention.age(30, "a customer asks about a call within weeks"),
    ),
)  # fmt: skip

presences = Table(
    "presences",
    metadata,
    Column(
        "call_id", String(CALL_ID_CHARACTERS), primary_key=True, info=field("The call.", personal=True, call=True)
    ),
    Column(
        "user_id", String(32), primary_key=True, info=field("Who is in it.", personal=True, subject=Subject.USER)
    ),
    Column("sdk_app_id", BigInteger, nullable=False, info=_APPLICATION),
    Column("role", String(16), nullable=False, info=field("Role in the room.")),
    Column("entered_at", BigInteger, nullable=False, info=field("Unix milliseconds.", dates=True)),
    info=dataset(
        "Who is in a call now; a row goes when its user does.", DataClass.BACK_END_LOG, Purpose.PROVIDE, LegalBasis.CONTRACT,
        Retention.age(30, "goes at the end of the call, however long; what a crash left goes at the next start"),
    ),
)  # fmt: skip

marks = Table(
    "ledger_marks",
    metadata,
    Column("node", String(64), primary_key=True, info=field("Which server.")),
    Column("batch", BigInteger, nullable=False, info=field("Number of its last batch.")),
    Column("alive_at", BigInteger, nullable=False, info=field("When it was seen last, Unix milliseconds.")),
    info=dataset(
        "How far the ledger of each server got.", DataClass.OPERATION, Purpose.OPERATE, LegalBasis.NONE_NEEDED,
        Retention.kept("one row for each server"),
    ),
)  # fmt: skip

bans = Table(
    "bans",
    metadata,
    Column("sdk_app_id", BigInteger, primary_key=True, info=_APPLICATION),
    Column(
        "user_id", String(32), primary_key=True, info=field("Who is banned.", personal=True, subject=Subject.USER)
    ),
    Column("room_kind", String(8), primary_key=True, info=field("Of the room; empty for the whole application.")),
    Column("room", String(64), primary_key=True, info=field("From which room; empty for all.", personal=True)),
    Column(
        "issued_before", BigInteger, nullable=False,
        info=field("Tokens issued before this second do not let him in.", data_class=DataClass.KEY_INFORMATION),
    ),
    Column("made_at", BigInteger, nullable=False, info=field("Unix milliseconds.", dates=True)),
    info=dataset(
        "Users who are kept out of a room, or of an application.", DataClass.BACK_END_LOG, Purpose.SECURE, LegalBasis.CONTRACT,
        Retention.age(400, "the longest life of a token: after it no token is older than the ban"),
    ),
)  # fmt: skip

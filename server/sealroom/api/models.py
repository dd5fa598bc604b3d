# SPDX-License-Identifier: Apache-2.0
"""The table of answers that a repeated request is given again."""

from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary, String, Table

from sealroom.catalogue import DataClass, LegalBasis, Purpose, Retention, Subject, dataset, field
from sealroom.core.db import metadata
from sealroom.core.keys import SealedColumn

answers = Table(
    "api_answers",
    metadata,
    Column(
        "uin", BigInteger, ForeignKey("accounts.uin"), primary_key=True, autoincrement=False,
        info=field("Whose request it was.", subject=Subject.ACCOUNT, data_class=DataClass.UIN),
    ),
    Column("name", String(64), primary_key=True, info=field("SHA-256 of the request's Idempotency-Key.")),
    Column("fingerprint", LargeBinary(32), nullable=False, info=field("SHA-256 of the request.")),
    Column("answer", LargeBinary, nullable=False, info=field("What was answered, encrypted under the master key.")),
    Column("made_at", BigInteger, nullable=False, info=field("Unix milliseconds.", dates=True)),
    info=dataset(
        "Answers to requests that made something, for whoever did not get his and asks again.", DataClass.KEY_INFORMATION,
        Purpose.PROVIDE, LegalBasis.CONTRACT, Retention.age(1, "a lost answer is asked for again soon, or never"),
    ),
)  # fmt: skip

ANSWER = SealedColumn(answers, "answer", "api-answer")

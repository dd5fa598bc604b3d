# SPDX-License-Identifier: Apache-2.0
"""The tables of usage: what each stay used in each five minutes, and what each application used on each day."""

from sqlalchemy import BigInteger, Column, Index, String, Table

from sealroom.catalogue import DataClass, LegalBasis, Purpose, Retention, Subject, dataset, field
from sealroom.core.db import metadata
from sealroom.media.measures import ResolutionClass

BUCKET_MS = 300_000
"""TRTC's finest step of usage."""
DAY_MS = 86_400_000

CLASSES = {
    ResolutionClass.SD: "sd",
    ResolutionClass.HD: "hd",
    ResolutionClass.FHD: "fhd",
    ResolutionClass.QHD: "qhd",
    ResolutionClass.UHD: "uhd",
    ResolutionClass.UNKNOWN: "unknown",
}
"""The column of each class of video."""
KINDS = ("audio", *CLASSES.values())


def _milliseconds() -> list["Column[int]"]:
    what = {
        "audio": "Milliseconds in the room without any video.",
        "unknown": "Milliseconds with video whose size did not lie open.",
    }
    return [
        Column(
            kind,
            BigInteger,
            nullable=False,
            info=field(what.get(kind, f"Milliseconds with video of class {kind}.")),
        )
        for kind in KINDS
    ]


def _application() -> "Column[int]":
    said = field("The application.", subject=Subject.APPLICATION, data_class=DataClass.SDK_APP_ID)
    return Column("sdk_app_id", BigInteger, primary_key=True, autoincrement=False, info=said)


meters = Table(
    "usage_meters",
    metadata,
    Column("stay", String(32), primary_key=True, info=field("Hash of a stay: it names nobody.")),
    Column(
        "bucket", BigInteger, primary_key=True, autoincrement=False,
        info=field("Begin of the five minutes, Unix milliseconds.", dates=True),
    ),
    Column(
        "sdk_app_id", BigInteger, nullable=False,
        info=field("The application.", subject=Subject.APPLICATION, data_class=DataClass.SDK_APP_ID),
    ),
    Column("room", String(64), nullable=False, info=field("The room.", personal=True)),
    *_milliseconds(),
    Index("ix_usage_meters_sdk_app_id_bucket", "sdk_app_id", "bucket"),
    info=dataset(
        "What each stay used, by five minutes.", DataClass.CONSOLE, Purpose.BILL, LegalBasis.CONTRACT,
        Retention.age(100, "usage by room can be asked for three months back (TRTC)"),
    ),
)  # fmt: skip

days = Table(
    "usage_days",
    metadata,
    _application(),
    Column(
        "day", BigInteger, primary_key=True, autoincrement=False,
        info=field("Begin of the day in UTC, Unix milliseconds.", dates=True),
    ),
    *_milliseconds(),
    info=dataset(
        "What each application used, by day.", DataClass.CONSOLE, Purpose.BILL, LegalBasis.CONTRACT,
        Retention.age(400, "bills of a year can be checked"),
    ),
)  # fmt: skip

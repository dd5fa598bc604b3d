# SPDX-License-Identifier: Apache-2.0
"""Logs, quality and copies of the audit log: SQLite here, OpenSearch or Elasticsearch where it grows. Never anything of media."""

from sealroom.core.records.port import CursorInvalid, DocumentsRefused, Records, RecordsUnavailable
from sealroom.core.records.query import (
    Aggregation,
    Between,
    Bucket,
    Condition,
    Equals,
    Histogram,
    Measure,
    Missing,
    OneOf,
    Page,
    Query,
    Terms,
    Words,
)

__all__ = [
    "Aggregation",
    "Between",
    "Bucket",
    "Condition",
    "CursorInvalid",
    "DocumentsRefused",
    "Equals",
    "Histogram",
    "Measure",
    "Missing",
    "OneOf",
    "Page",
    "Query",
    "Records",
    "RecordsUnavailable",
    "Terms",
    "Words",
]

# SPDX-License-Identifier: Apache-2.0
"""2,000 documents a second into SQLite."""

from bench.records.rate import part

measure = part("sqlite", 2_000)

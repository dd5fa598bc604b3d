# SPDX-License-Identifier: Apache-2.0
"""5,000 documents a second into OpenSearch, which runs on the same machine."""

from bench.records.rate import part

measure = part("opensearch", 5_000)

# SPDX-License-Identifier: Apache-2.0
"""The only plumbing: configuration, clock, ids, logs, metrics, health, database, HTTP. Knows no feature."""

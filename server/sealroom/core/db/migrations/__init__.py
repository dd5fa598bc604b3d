# SPDX-License-Identifier: Apache-2.0
"""Migrations of the schema, one file each in `versions/`. One that drops something takes two releases."""

HEAD = "0011"
"""The newest revision: a test compares it with the files."""

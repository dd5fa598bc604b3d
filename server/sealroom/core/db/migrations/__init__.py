# SPDX-License-Identifier: Apache-2.0
"""Migrations of the schema, one file each in `versions/`, named by its revision. docs/operate/migrations.md has the rules."""

from pathlib import Path

HEAD = max(file.name.partition("_")[0] for file in (Path(__file__).parent / "versions").glob("[0-9]*.py"))
"""The newest revision: a test compares it with what alembic says."""

# SPDX-License-Identifier: Apache-2.0
"""Headless members that make pictures and sound of their own, for demos, load and judging. Needs the extra `bots` (PyAV, numpy)."""

from importlib.util import find_spec

MOST_BOTS = 16


def available() -> bool:
    """Whether what bots need is installed (the extra `bots`)."""
    return all(find_spec(name) is not None for name in ("av", "numpy"))

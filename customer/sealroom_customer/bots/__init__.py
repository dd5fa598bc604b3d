# SPDX-License-Identifier: Apache-2.0
"""Headless members that make pictures and sound of their own, for demos, load and judging. Needs the extra `bots` (PyAV, numpy)."""

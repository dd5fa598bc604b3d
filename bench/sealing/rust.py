# SPDX-License-Identifier: Apache-2.0
"""What sealing and opening one frame costs in Rust, and how many bytes it adds."""

import json
import statistics
import subprocess
from pathlib import Path
from typing import Any

_ENGINE = Path(__file__).resolve().parents[2] / "engine"
_ROUNDS = 200
_MOST_MICROSECONDS = 2.0
_MOST_OVERHEAD = 24


def measure() -> dict[str, Any]:
    """Builds the release example, runs it, and compares medians with the bars."""
    cargo = ["cargo", "run", "--locked", "--quiet", "--release", "--package", "sframe", "--example", "cost"]
    done = subprocess.run(
        [*cargo, "--", str(_ROUNDS)], cwd=_ENGINE, stdout=subprocess.PIPE, check=True, timeout=1800
    )
    rows = [_summary(json.loads(line)) for line in done.stdout.splitlines()]
    bars = []
    for row in rows:
        what = f"suite {row['suite']}, {row['frame']}"
        if row["bytes"] == 1_200:
            bars += [
                _bar(f"{way} one frame, {what}", row[f"{way}_ns"]["median"] / 1000, _MOST_MICROSECONDS, "us")
                for way in ("seal", "open")
            ]  # fmt: skip
        if row["frame"].startswith("Opus"):
            bars.append(_bar(f"bytes added, {what}", row["overhead"], _MOST_OVERHEAD, "B"))
    return {"rounds": _ROUNDS, "rows": rows, "bars": bars}


def _summary(row: dict[str, Any]) -> dict[str, Any]:
    """Median and range instead of every round."""
    spread = {
        key: {"median": statistics.median(row[key]), "least": min(row[key]), "most": max(row[key])}
        for key in ("seal_ns", "open_ns")
    }
    return row | spread


def _bar(name: str, value: float, most: float, unit: str) -> dict[str, Any]:
    return {"name": name, "value": value, "most": most, "unit": unit}

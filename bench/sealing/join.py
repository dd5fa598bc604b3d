# SPDX-License-Identifier: Apache-2.0
"""How long it takes from entering to the first frame that opened: 50 joins through the load test, both sides as they run."""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.deployment import BIN, deployment

JOINS = 50
_PER_SECOND = 4
"""Slower than the authority's 200 ms between steps of one room, so that nobody waits for somebody else's step."""
_MOST_MILLISECONDS = 150.0


def measure() -> dict[str, Any]:
    """One publisher, and 50 subscribers that enter one after the other."""
    with tempfile.TemporaryDirectory() as folder, deployment(Path(folder)) as running:
        command = [
            str(BIN / "sealroom-customer"), "loadtest", "--json", "--page", running.page.rstrip("/"), "--publishers", "1",
            "--subscribers", str(JOINS), "--ramp", str(_PER_SECOND), "--seconds", "2",
        ]  # fmt: skip
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False, timeout=300)
    report: dict[str, Any] = json.loads(done.stdout)
    bars = [
        {"name": f"{title}, {share}", "value": report[key][share], "most": _MOST_MILLISECONDS, "unit": "ms"}
        for key, title in (("first_frame", "entering to first frame that opened"),)
        for share in ("p50", "p99")
    ]
    return {"joins": JOINS, "exit_code": done.returncode, "report": report, "bars": bars}

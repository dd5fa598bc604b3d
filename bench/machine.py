# SPDX-License-Identifier: Apache-2.0
"""What numbers depend on: the machine, and what it did besides."""

import datetime as dt
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def machine() -> dict[str, Any]:
    """Processor, system, revision, date; the load of the last minute and our niceness as they are now."""
    cpuinfo = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    models = [line.split(":", 1)[1].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    revision = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return {
        "processor": models[0] if models else platform.processor(),
        "processors": os.cpu_count(),
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "revision": revision.stdout.strip() or "unknown",
        "load": round(os.getloadavg()[0], 1),
        "nice": os.nice(0),
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
    }

# SPDX-License-Identifier: Apache-2.0
"""Measures records: what the stores and the journal take, and how soon they answer. `method.md` says how.

`python bench/records/run.py [PART ...] [--no-save]` measures the parts named, or all there are, prints a table with the bars and
keeps it with the raw numbers under `results/`. The exit code is 1 when a bar is missed. A part is a module beside this one with
`measure() -> dict`, which holds `bars`: a list of `{"name", "value", "unit"}` with `most` or `least`.
"""

import argparse
import datetime as dt
import importlib
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PARTS = ("journal", "sqlite", "opensearch", "query")
"""In the order in which they are shown."""
Measured = dict[str, Any]


def available() -> list[str]:
    """The parts that are there."""
    return [name for name in PARTS if (HERE / f"{name}.py").is_file()]


def machine() -> Measured:
    """What the numbers depend on."""
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


def table(result: Measured) -> str:
    """The result for people."""
    host = result["machine"]
    lines = [
        f"# Records, {host['date']}",
        "",
        f"{host['processor']}, {host['processors']} processors, {host['system']}, revision {host['revision']}, "
        f"load {host['load']} and niceness {host['nice']} when it began. Made by `bench/records/run.py {' '.join(result['parts'])}`.",
        "",
        "| part | what | measured | bar | |",
        "|---|---|---|---|---|",
    ]
    for part, measured in result["parts"].items():
        for bar in measured["bars"]:
            kept = "kept" if is_kept(bar) else "**missed**"
            lines.append(
                f"| {part} | {bar['name']} | {shown(bar['value'], bar['unit'])} | {limit(bar)} | {kept} |"
            )
    return "\n".join(lines) + "\n"


def is_kept(bar: Measured) -> bool:
    """Whether a bar is kept."""
    return bool(bar["value"] <= bar["most"] if "most" in bar else bar["value"] >= bar["least"])


def limit(bar: Measured) -> str:
    """A bar in words."""
    word = "most" if "most" in bar else "least"
    return f"at {word} {shown(bar[word], bar['unit'])}"


def shown(value: float, unit: str) -> str:
    """A number with its unit."""
    return f"{value:,.4g} {unit}".strip()


def main() -> int:
    """Measures, prints, keeps."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(available())}; all without any")
    parser.add_argument("--no-save", action="store_true", help="print only")
    options = parser.parse_args()
    unknown = set(options.parts) - set(available())
    if unknown:
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    sys.path.insert(0, str(ROOT))
    result: Measured = {"machine": machine(), "parts": {}}
    for name in options.parts or available():
        result["parts"][name] = importlib.import_module(f"bench.records.{name}").measure()
    text = table(result)
    print(text)
    if not options.no_save:
        file = HERE / "results" / f"{result['machine']['date']}-{'-'.join(result['parts'])}"
        file.parent.mkdir(exist_ok=True)
        file.with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n")
        file.with_suffix(".md").write_text(text)
    bars = [bar for measured in result["parts"].values() for bar in measured["bars"]]
    return 0 if all(map(is_kept, bars)) else 1


if __name__ == "__main__":
    sys.exit(main())

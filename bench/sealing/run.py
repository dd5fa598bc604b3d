# SPDX-License-Identifier: Apache-2.0
"""Measures sealing: what a frame costs, how soon somebody sees somebody. `method.md` says how.

`python bench/sealing/run.py [PART ...] [--no-save]` measures the parts named, or all there are, prints a table with the bars and
keeps it with the raw numbers under `results/`. The exit code is 1 when a bar is missed or a part fails; the others are measured and kept all
the same. A part is a module beside this one with `measure() -> dict`, which holds `bars`: a list of `{"name", "value", "most", "unit"}`.
"""

import argparse
import importlib
import json
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.machine import machine

HERE = Path(__file__).resolve().parent
PARTS = ("rust", "join", "rekey", "worker")
"""In the order in which they are shown."""
Measured = dict[str, Any]


def available() -> list[str]:
    """The parts that are there."""
    return [name for name in PARTS if (HERE / f"{name}.py").is_file()]


def measured(parts: Mapping[str, Callable[[], Measured]]) -> dict[str, Measured]:
    """What each part measured. One that fails has no bars and says why under `failed`; where, goes to the terminal."""
    found: dict[str, Measured] = {}
    for name, measure in parts.items():
        try:
            found[name] = measure()
        except Exception as error:
            traceback.print_exc()
            found[name] = {"bars": [], "failed": f"{type(error).__name__}: {error}".splitlines()[0]}
    return found


def is_good(parts: Mapping[str, Measured]) -> bool:
    """Whether nothing failed and all bars are kept."""
    return all(is_kept(bar) for one in parts.values() for bar in one["bars"]) and not any(
        "failed" in one for one in parts.values()
    )


def table(result: Measured) -> str:
    """The result for people."""
    host = result["machine"]
    lines = [
        f"# Sealing, {host['date']}",
        "",
        f"{host['processor']}, {host['processors']} processors, {host['system']}, revision {host['revision']}, "
        f"load {host['load']} and niceness {host['nice']} when it began. Made by `bench/sealing/run.py {' '.join(result['parts'])}`.",
        "",
        "| part | what | measured | bar | |",
        "|---|---|---|---|---|",
    ]
    for part, one in result["parts"].items():
        if "failed" in one:
            lines.append(f"| {part} | {one['failed'].replace('|', '/')} | | | **failed** |")
        for bar in one["bars"]:
            kept = "kept" if is_kept(bar) else "**missed**"
            lines.append(
                f"| {part} | {bar['name']} | {shown(bar['value'], bar['unit'])} | {shown(bar['most'], bar['unit'])} | {kept} |"
            )
    return "\n".join(lines) + "\n"


def is_kept(bar: Measured) -> bool:
    """Whether a bar is kept; what was not measured is not."""
    return bar["value"] is not None and bar["value"] <= bar["most"]


def shown(value: float | None, unit: str) -> str:
    """A number with its unit."""
    return "never" if value is None else f"{value:,.4g} {unit}"


def measuring(name: str) -> Callable[[], Measured]:
    """A part, loaded when it is measured: what it needs may not be there."""

    def measure() -> Measured:
        found: Measured = importlib.import_module(f"bench.sealing.{name}").measure()
        return found

    return measure


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
    parts = {name: measuring(name) for name in options.parts or available()}
    result: Measured = {"machine": machine(), "parts": measured(parts)}
    text = table(result)
    print(text)
    if not options.no_save:
        file = HERE / "results" / f"{result['machine']['date']}-{'-'.join(result['parts'])}"
        file.parent.mkdir(exist_ok=True)
        file.with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n")
        file.with_suffix(".md").write_text(text)
    return 0 if is_good(result["parts"]) else 1


if __name__ == "__main__":
    sys.exit(main())

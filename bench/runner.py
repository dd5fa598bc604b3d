# SPDX-License-Identifier: Apache-2.0
"""Measures parts and holds them against their bars; each folder's `run.py` names its own.

A part is a module beside that `run.py` with `measure() -> dict`, which holds `bars`: a list of `{"name", "value", "unit"}` with `most` or
`least`. A part that fails is shown as failed; the others are measured and kept all the same.
"""

import argparse
import importlib
import json
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.machine import machine

HERE = Path(__file__).resolve().parent
Measured = dict[str, Any]


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


def table(area: str, result: Measured) -> str:
    """The result for people."""
    host = result["machine"]
    lines = [
        f"# {area.capitalize()}, {host['date']}",
        "",
        f"{host['processor']}, {host['processors']} processors, {host['system']}, revision {host['revision']}, "
        f"load {host['load']} and niceness {host['nice']} when it began. Made by `python bench/{area}/run.py {' '.join(result['parts'])}`.",
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
                f"| {part} | {bar['name']} | {shown(bar['value'], bar['unit'])} | {limit(bar)} | {kept} |"
            )
    return "\n".join(lines) + "\n"


def is_kept(bar: Measured) -> bool:
    """Whether a bar is kept; what was not measured is not."""
    if bar["value"] is None:
        return False
    return bool(bar["value"] <= bar["most"] if "most" in bar else bar["value"] >= bar["least"])


def limit(bar: Measured) -> str:
    """A bar in words."""
    word = "most" if "most" in bar else "least"
    return f"at {word} {shown(bar[word], bar['unit'])}"


def shown(value: float | None, unit: str) -> str:
    """A number with its unit."""
    return "never" if value is None else f"{value:,.4g} {unit}".strip()


def measuring(area: str, name: str) -> Callable[[], Measured]:
    """A part, loaded when it is measured: what it needs may not be there."""

    def measure() -> Measured:
        found: Measured = importlib.import_module(f"bench.{area}.{name}").measure()
        return found

    return measure


def main(area: str, names: Sequence[str], about: str | None) -> int:
    """Measures the parts that the command line names of an area, or all; prints, keeps. 1 where a bar is missed or a part failed."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(names)}; all without any")
    parser.add_argument("--no-save", action="store_true", help="print only")
    options = parser.parse_args()
    unknown = set(options.parts) - set(names)
    if unknown:
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    parts = {name: measuring(area, name) for name in options.parts or names}
    result: Measured = {"machine": machine(), "parts": measured(parts)}
    text = table(area, result)
    print(text)
    if not options.no_save:
        file = HERE / area / "results" / f"{result['machine']['date']}-{'-'.join(result['parts'])}"
        file.parent.mkdir(exist_ok=True)
        file.with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n")
        file.with_suffix(".md").write_text(text)
    return 0 if is_good(result["parts"]) else 1

# SPDX-License-Identifier: Apache-2.0
"""Measures the media engine: CPU per forwarded packet and per join, memory per subscriber. `method.md` says how.

`python bench/media/run.py [--rounds N] [--seconds N] [--subscribers N] [--no-save]` builds the release engine, runs every
workload `rounds` times after one that is not counted, prints a table of medians and ranges and keeps both as JSON and text
under `results/`.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.machine import machine

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ENGINE = ROOT / "engine"
JOINS = (200, 500)
Measured = dict[str, Any]


def build() -> Path:
    """The release build of the measuring program."""
    subprocess.run(
        ["cargo", "build", "--locked", "--release", "--package", "node", "--example", "forward"], cwd=ENGINE, check=True
    )  # fmt: skip
    return ENGINE / "target" / "release" / "examples" / "forward"


def measure(program: Path, *words: str) -> Any:
    """One run: the engine on the first processor, its callers on the second, where there are two and `taskset`."""
    command, environment = [str(program), *words], dict(os.environ)
    if is_pinned():
        command = ["taskset", "-c", "0", *command]
        environment["BENCH_CALLERS_CPU"] = "1"
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, timeout=600)
    return json.loads(done.stdout)


def is_pinned() -> bool:
    """Whether engine and callers get a processor each."""
    return (os.cpu_count() or 1) > 1 and shutil.which("taskset") is not None


def spread(values: list[float]) -> Measured:
    """Median and range."""
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def forwards(program: Path, rounds: int, subscribers: int, seconds: int) -> list[Measured]:
    """Every workload, its rounds interleaved with the others'."""
    runs = [measure(program, "forward", str(subscribers), str(seconds)) for _ in range(rounds + 1)][1:]
    combined = []
    for workload in zip(*runs, strict=True):
        one = workload[0]
        sent = sum(run["sent"] for run in workload)
        combined.append(
            {key: one[key] for key in ("workload", "burst", "drained", "portable", "subscribers")}
            | {key: spread([run[key] for run in workload]) for key in ("per_second", "per_cpu_second", "us_per_forward")}
            | {"lost": 1 - sum(run["forwarded"] for run in workload) / (sent * subscribers)}
            | {"unsent": sum(run["unsent"] for run in workload)}
        )  # fmt: skip
    return combined


def floors(program: Path, rounds: int, subscribers: int) -> dict[int, Measured]:
    """What sending alone costs on this machine, by the size of the burst."""
    runs = [measure(program, "floor", str(subscribers)) for _ in range(rounds)]
    return {
        rows[0]["burst"]: spread([row["us_per_send"] for row in rows]) for rows in zip(*runs, strict=True)
    }


def joins(program: Path, rounds: int) -> list[Measured]:
    """CPU per join and memory per subscriber, for each number of subscribers."""
    combined = []
    for subscribers in JOINS:
        runs = [measure(program, "join", str(subscribers)) for _ in range(rounds)]
        keys = ("cpu_us_per_join", "bytes_per_subscriber", "resident_bytes")
        combined.append(
            {"subscribers": subscribers} | {key: spread([run[key] for run in runs]) for key in keys}
        )
    return combined


def growth(joined: list[Measured]) -> float:
    """Bytes that each further subscriber holds: fixed costs fall out of the difference."""
    few, many = joined[0], joined[-1]
    more = many["resident_bytes"]["median"] - few["resident_bytes"]["median"]
    return float(more / (many["subscribers"] - few["subscribers"]))


def table(result: Measured) -> str:
    """The result for people."""
    host = result["machine"]
    lines = [
        f"# Media engine, {host['date']}",
        "",
        f"{host['processor']}, {host['processors']} processors, {host['system']}, revision {host['revision']}, "
        f"{'engine and callers on a processor each' if host['pinned'] else 'not pinned'}. "
        f"Medians of {result['rounds']} rounds of {result['seconds']} s, in brackets the range. Made by `bench/media/run.py`.",
        "",
        "| 1 publisher, datagrams of 1200 B, AES-256-GCM | subscribers | forwards/s | forwards/CPU-s | us/forward "
        "| sending alone, us | lost | unsent |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in result["forwards"]:
        cpu, time = row["per_cpu_second"], row["us_per_forward"]
        floor = result["floors"][1 if row["portable"] else row["burst"]]["median"]
        lines.append(
            f"| {row['workload']} | {row['subscribers']} | {row['per_second']['median']:,.0f} "
            f"| {cpu['median']:,.0f} ({cpu['least']:,.0f} - {cpu['most']:,.0f}) | {time['median']:.2f} "
            f"| {'' if row['drained'] else f'{floor:.2f}'} | {row['lost']:.3%} | {row['unsent']} |"
        )
    lines += ["", "| joins with DTLS 1.2 | CPU/join, us | memory/subscriber, kB |", "|---|---|---|"]
    for row in result["joins"]:
        cpu, memory = row["cpu_us_per_join"], row["bytes_per_subscriber"]
        lines.append(
            f"| {row['subscribers']} subscribers | {cpu['median']:.0f} ({cpu['least']:.0f} - {cpu['most']:.0f}) "
            f"| {memory['median'] / 1000:.1f} ({memory['least'] / 1000:.1f} - {memory['most'] / 1000:.1f}) |"
        )
    lines.append(f"| each further one | | {result['growth_bytes'] / 1000:.1f} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measures, prints, keeps."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--subscribers", type=int, default=50)
    parser.add_argument("--no-save", action="store_true", help="print only")
    options = parser.parse_args()
    program = build()
    result: Measured = {
        "machine": machine() | {"pinned": is_pinned()},
        "rounds": options.rounds,
        "seconds": options.seconds,
    }
    result["forwards"] = forwards(program, options.rounds, options.subscribers, options.seconds)
    result["floors"] = floors(program, options.rounds, options.subscribers)
    result["joins"] = joins(program, options.rounds)
    result["growth_bytes"] = growth(result["joins"])
    text = table(result)
    print(text)
    if not options.no_save:
        name = HERE / "results" / result["machine"]["date"]
        name.parent.mkdir(exist_ok=True)
        name.with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n")
        name.with_suffix(".md").write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

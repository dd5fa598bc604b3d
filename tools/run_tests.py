# SPDX-License-Identifier: Apache-2.0
"""Runs every suite, counts what was skipped and why, and ends with one line.

Rust and the web run beside the Python suites where they do not disturb each other; browsers and timing-sensitive calls run
after them. `--services` runs the suite against real services instead, which `tools/services` installs and starts.
`--no-skips` (continuous integration) makes a skip a failure.
"""

import argparse
import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[1]
NATIVE_MODULES = ("python-server", "python-customer", "python-sim")
MOST_LATE = 2
"""Browser tests that may be late. More are a fault of what is tested, or of the machine."""
MOST_SECONDS = 2400.0
"""For one suite: four times what the longest takes, and time for a slow mirror to bring services. pytest bounds each test besides (`faulthandler_timeout`)."""
_running: set[int] = set()
"""The process groups of suites that run now."""
_ending = threading.Event()
"""Set when no more are to begin."""


@dataclass
class Outcome:
    """What one suite did."""

    name: str
    code: int = 1
    passed: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    seconds: float = 0.0
    output: str = ""


def run(name: str, command: list[str], folder: Path, most_seconds: float = MOST_SECONDS) -> Outcome:
    """Runs one command, keeps its output, and shows it whole when it fails or takes too long. Nothing that it started outlives it."""
    if _ending.is_set():
        return Outcome(name)
    begin = time.monotonic()
    with tempfile.TemporaryFile() as said:
        # A file, since a pipe has no end before the last child that holds it; a group of its own, so that the children can be ended.
        child = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        _running.add(child.pid)
        if _ending.is_set():  # between the question above and here
            _end(child.pid)
        try:
            code, how = child.wait(most_seconds), ""
        except subprocess.TimeoutExpired:
            code, how = 1, f" and more than {most_seconds:.0f} s: ended"
        finally:
            _end(child.pid)
            child.wait()
            _running.discard(child.pid)
        said.seek(0)
        output = said.read().decode(errors="replace")
    outcome = Outcome(name, code, output=output, seconds=time.monotonic() - begin)
    print(f"-- {name}: exit {code} after {outcome.seconds:.0f} s{how}", flush=True)
    if code:
        print(output, flush=True)
    return outcome


def _end(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _end_all(number: int, _frame: FrameType | None) -> None:
    """Whoever ends this ends the suites too."""
    _ending.set()
    for group in list(_running):
        _end(group)
    sys.exit(128 + number)


def rust() -> Outcome:
    """Crates; the two Python modules are tested through Python."""
    exclude = [part for name in NATIVE_MODULES for part in ("--exclude", name)]
    outcome = run("rust", ["cargo", "test", "--locked", "--quiet", "--workspace", *exclude], ROOT / "engine")
    for passed, failed, ignored in re.findall(r"(\d+) passed; (\d+) failed; (\d+) ignored", outcome.output):
        outcome.passed += int(passed)
        outcome.failed += ["a Rust test (named above)"] * int(failed)
        outcome.skipped += ["a Rust test marked #[ignore]"] * int(ignored)
    return outcome


def web() -> Outcome:
    """SDK and call page."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "web.xml"
        command = [
            "npm",
            "test",
            "--silent",
            "--",
            "--reporter=default",
            "--reporter=junit",
            f"--outputFile.junit={report}",
        ]
        return _counted(run("web", command, ROOT / "web"), report)


def python(
    name: str, marker: str, *, workers: int, spread: str = "worksteal", tests: Sequence[str] = ()
) -> Outcome:
    """One part of the Python suites, or only some of its tests. `spread` says how workers share it out."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "python.xml"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-m",
            marker,
            f"--junit-xml={report}",
            "-o",
            "junit_family=xunit1",
        ]
        command += tests
        if workers > 1:
            command += ["-n", str(workers), "--dist", spread]
        return _counted(run(name, command, ROOT), report)


def _counted(outcome: Outcome, report: Path) -> Outcome:
    if not report.exists():
        return outcome
    for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314 - our own report
        label = f"{case.get('classname')}.{case.get('name')}"
        if (wrong := case.find("failure")) is not None or (wrong := case.find("error")) is not None:
            outcome.failed.append(f"{label}: {wrong.get('message', '')}\n{wrong.text or ''}")
        elif (skip := case.find("skipped")) is not None:
            outcome.skipped.append(f"{label}: {skip.get('message', '')}")
        else:
            outcome.passed += 1
    return outcome


def main() -> int:
    """Runs the suites; exit code 0 only if all passed (and, with `--no-skips`, none was skipped)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-skips", action="store_true", help="a skipped test is a failure")
    parser.add_argument("--services", action="store_true", help="run only what needs real services")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end_all)
    outcomes = [services()] if options.services else everything()
    return _report(outcomes, no_skips=options.no_skips)


def everything() -> list[Outcome]:
    """All suites but the one that needs services."""
    with ThreadPoolExecutor(1) as beside:
        others = [beside.submit(rust), beside.submit(web)]
        ours = python(
            # One more than there are processors: tests of whole deployments wait half of their time.
            "python",
            "not browser and not wheels and not services",
            workers=min(4, (os.cpu_count() or 1) + 1),
        )
        # A suite that could not even be started raises here.
        outcomes = [other.result() for other in others]
    outcomes.append(ours)
    outcomes.append(python("wheels", "wheels and not services", workers=1))
    outcomes.append(browsers())
    return outcomes


def services() -> Outcome:
    """What needs real services. Each worker starts its own, and a file's tests stay together; much of the time they wait."""
    return python("services", "services", workers=min(2, os.cpu_count() or 1), spread="loadfile")


def browsers() -> Outcome:
    """Calls in browsers. What only did not come in time, of one or two tests, is run once more and named; **whatever else failed has
    failed**: a picture that must never be shown is not asked about twice."""
    marker = "browser and not services"
    outcome = python("browsers", marker, workers=1)
    late = [test for test in map(late_test, outcome.failed) if test is not None]
    if not late or len(late) < len(outcome.failed) or len(late) > MOST_LATE:
        return outcome
    again = python("late", marker, workers=1, tests=late)
    if again.code or again.failed or again.passed != len(late):
        return outcome
    for test in late:
        print(f"late in browsers: {test} did not come in time at first, and did when it was run once more")
    return replace(
        outcome, code=0, passed=outcome.passed + len(late), failed=[], seconds=outcome.seconds + again.seconds
    )


def late_test(failed: str) -> str | None:
    """The test that failed, as pytest names it, where all that is wrong is that something did not come in time; else None."""
    found = re.match(r"(tests\.browser\.\w+)\.([^:]+): AssertionError: never came true: ", failed)
    return f"{found[1].replace('.', '/')}.py::{found[2]}" if found else None


def _report(outcomes: list[Outcome], *, no_skips: bool) -> int:
    skipped = [line for outcome in outcomes for line in outcome.skipped]
    for line in skipped:
        print(f"skipped: {line}")
    for outcome in outcomes:
        # Named here too: a runner that breaks at its own end says nothing in its output and may even exit with 0.
        for line in outcome.failed:
            print(f"failed in {outcome.name}: {line}")
    for outcome in outcomes:
        print(
            f"{outcome.name:10} {outcome.passed:5} passed {len(outcome.failed):3} failed {len(outcome.skipped):3} skipped {outcome.seconds:6.0f} s"
        )
    passed = sum(outcome.passed for outcome in outcomes)
    failed = sum(len(outcome.failed) for outcome in outcomes)
    empty = [outcome.name for outcome in outcomes if not outcome.passed]
    if empty:
        print(f"no test ran in: {', '.join(empty)}")
    print(f"{passed} passed, {failed} failed, {len(skipped)} skipped")
    wrong = failed or empty or any(outcome.code for outcome in outcomes) or (no_skips and skipped)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

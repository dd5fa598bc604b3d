# SPDX-License-Identifier: Apache-2.0
"""Makes each change of the table in a copy and demands that its tests pass without it and fail with it.

`python -m tests.breaking.run [NAME ...]`; `make test-breaking` runs all.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.breaking.change import Change
from tests.breaking.copied import Copy, NotShown
from tests.breaking.table import CHANGES


def in_a_browser(test: str) -> bool:
    """Whether a test looks at the built page."""
    return test.startswith("tests/browser/")


def demand_failures(copy: Copy, change: Change) -> None:
    """Raises NotShown unless each test of the change fails with it, by an assertion."""
    page = any(in_a_browser(test) for test in change.tests) and any(
        edit.file.startswith("web/") for edit in change.edits
    )
    try:
        with copy.edited(change.edits):
            if page:
                copy.build_page()
            for test in change.tests:
                if not copy.verdict(test).failed:
                    raise NotShown(f"{test} passes although {change.why}")
    finally:
        if page:
            copy.build_page()


def demand_passes(copy: Copy, test: str) -> None:
    """Raises NotShown unless a test of the unchanged copy passes."""
    verdict = copy.verdict(test)
    if verdict.failed:
        raise NotShown(f"{test} fails without any change:\n{verdict.output[-6000:]}")


def main(names: list[str]) -> int:
    """Runs the entries of these names, or all; exit code 0 only when every one is shown."""
    chosen = [change for change in CHANGES if not names or change.name in names]
    wrong = [f"there is no entry {name}" for name in names if name not in {one.name for one in chosen}]
    with tempfile.TemporaryDirectory(prefix="breaking-") as folder:
        copy = Copy(Path(folder) / "tree")
        if any(edit.file.startswith("engine/") for change in chosen for edit in change.edits):
            copy.seed_target()
        for what, work in [
            *((test, lambda test=test: demand_passes(copy, test)) for test in dict.fromkeys(t for one in chosen for t in one.tests)),
            *((one.name, lambda one=one: demand_failures(copy, one)) for one in chosen),
        ]:  # fmt: skip
            begin = time.monotonic()
            try:
                work()
                said = "shown"
            except NotShown as fault:
                wrong.append(f"{what}: {fault}")
                said = "NOT SHOWN"
            print(f"{time.monotonic() - begin:6.1f} s  {said:9}  {what}", flush=True)
    for line in wrong:
        print(line)
    print(f"{len(chosen)} changes, {len(wrong)} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="entries to run; all when none is given")
    sys.exit(main(parser.parse_args().names))

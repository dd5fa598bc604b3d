# SPDX-License-Identifier: Apache-2.0
"""House rules that no linter knows, each with its reason; `python -m tools.house_rules` lists every breach.

- licence line: so that a file taken out of the tree still says what it is;
- file size: a file beyond 600 lines (tests 900) wants to be two;
- vague names: a file called `utils` says nothing about what may go in;
- unfinished marks: what is not done stands in an issue, not in the code;
- one door to the native module: only `media/` imports it, so that its face stays one screen;
- clean server tree: the operator's native module must not link the frame cipher or the client core.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {".py": "#", ".pyi": "#", ".rs": "//", ".ts": "//", ".tsx": "//"}
VAGUE = re.compile(r"(^|/)(utils?|helpers?|common|manager|misc)(\.|/)")
NATIVE = re.compile(r"^\s*(from|import) .*\b_engine\b", re.M)
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError|unimplemented!|todo!\(")
MOST_LINES, MOST_TEST_LINES = 600, 900
KEPT_OUT = {
    "python-server": ("sframe", "str0m", "client", "netsim"),
    "python-customer": ("shard", "room", "node", "netsim"),
}
"""For each native module: the crates that must not be in its tree."""


def sources() -> list[Path]:
    """The source files that git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return [Path(name) for name in listed if Path(name).suffix in SOURCES and (ROOT / name).exists()]


def breaches_of(name: Path, text: str) -> Iterator[str]:
    """Every breach within one file."""
    lines = text.splitlines()
    mark = f"{SOURCES[name.suffix]} SPDX-License-Identifier: Apache-2.0"
    if lines and mark not in lines[:2]:
        yield f"{name}: the first line is not `{mark}`"
    testing = (
        "tests" in name.parts
        or name.name.startswith("test_")
        or name.stem == "tests"
        or ".test." in name.name
    )
    if len(lines) > (MOST_TEST_LINES if testing else MOST_LINES) and ".gen." not in name.name:
        yield f"{name}: {len(lines)} lines; split it by noun"
    if VAGUE.search(str(name)):
        yield f"{name}: the name says nothing; use the field's word"
    if NATIVE.search(text) and name.parts[0] == "server" and "media" not in name.parts:
        yield f"{name}: imports the native module; only `media/` may"
    if name.parts[0] != "tools":
        for number, line in enumerate(lines, 1):
            if UNFINISHED.search(line):
                yield f"{name}:{number}: unfinished: {line.strip()}"


def crates_linked(package: str) -> set[str]:
    """Names of all crates in the normal dependency tree of one crate of the workspace."""
    tree = subprocess.run(
        ["cargo", "tree", "--locked", "--quiet", "-p", package, "-e", "normal,build", "--prefix", "none", "-f", "{p}"],
        cwd=ROOT / "engine", capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return {line.split()[0] for line in tree.splitlines() if line}


def breaches_of_sides(linked: dict[str, set[str]]) -> Iterator[str]:
    """Crates of the other side in a native module."""
    for package, kept_out in KEPT_OUT.items():
        for crate in kept_out:
            if crate in linked[package]:
                yield f"engine/{package}: links `{crate}`, which belongs to the other side"


def breaches() -> list[str]:
    """Every breach in the tree."""
    found = [line for name in sources() for line in breaches_of(name, (ROOT / name).read_text())]
    return found + list(breaches_of_sides({package: crates_linked(package) for package in KEPT_OUT}))


def main() -> int:
    """Prints every breach; exit 1 when there is one."""
    found = breaches()
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

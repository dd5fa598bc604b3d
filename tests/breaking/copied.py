# SPDX-License-Identifier: Apache-2.0
"""A copy of the tree in which code may be broken, and the tests that run there."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.breaking.change import Edit

ROOT = Path(__file__).resolve().parents[2]
BUILT = (
    "customer/sealroom_customer/client/_native.abi3.so",
    "server/sealroom/media/_engine.abi3.so",
    "customer/sealroom_customer/page/static",
)
"""What git does not know and tests need."""
PACKAGES = ("wire", "server", "customer")
SEEDED = ("deps", "build", ".fingerprint")
"""Parts of cargo's target folder that spare the copy the compilation of everything that others wrote."""
FAILURES = ("AssertionError", "Failed", "assert", "TimeoutError", "ExceptionGroup")
"""How pytest's report begins when a test found what it looks for; a name or an import that is missing begins otherwise."""


class NotShown(Exception):  # noqa: N818 - says what is so
    """The tests do not say what the table claims."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one test: `failed` by its own assertion, or not; `output` is for people."""

    failed: bool
    output: str


def occurrences(edit: Edit) -> int:
    """How often the text stands in the tree as it is."""
    return (ROOT / edit.file).read_text().count(edit.old)


class Copy:
    """The tree as git sees it, with what is built linked or copied beside."""

    def __init__(self, folder: Path) -> None:
        """Copies into `folder`, which is emptied."""
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout.splitlines()  # fmt: skip
        for name in listed:
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        for name in BUILT:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, folder / name)
            elif (ROOT / name).exists():
                shutil.copy2(ROOT / name, folder / name)
        self._link_node_modules()

    def _link_node_modules(self) -> None:
        there, here = ROOT / "web/node_modules", self.folder / "web/node_modules"
        here.mkdir()
        for entry in there.iterdir():
            # The workspace's own packages must be those of the copy.
            if entry.name == "@sealroom":
                shutil.copytree(entry, here / entry.name, symlinks=True)
            elif not entry.name.startswith(".vi"):
                (here / entry.name).symlink_to(entry)

    @contextlib.contextmanager
    def edited(self, edits: Iterable[Edit]) -> Iterator[None]:
        """The copy with some edits; afterwards it is as it was."""
        before = {edit.file: (self.folder / edit.file).read_text() for edit in edits}
        try:
            for edit in edits:
                path = self.folder / edit.file
                path.write_text(path.read_text().replace(edit.old, edit.new))
            yield
        finally:
            for name, text in before.items():
                (self.folder / name).write_text(text)

    def verdict(self, test: str) -> Verdict:
        """Runs one test of the copy. Raises NotShown when it could not be run at all."""
        file, _, name = test.partition("::")
        if file.endswith(".py"):
            return self._pytest(test)
        return self._vitest(file, name) if file.endswith(".ts") else self._cargo(file, name)

    def build_page(self) -> None:
        """Makes the call page of the copy's sources."""
        done = self._run(["npm", "run", "--silent", "build"], self.folder / "web")
        if done.returncode:
            raise NotShown(f"the page cannot be built:\n{done.stdout}")

    def _pytest(self, test: str) -> Verdict:
        report = self.folder / "report.xml"
        report.unlink(missing_ok=True)
        command = [
            sys.executable, "-B", "-m", "pytest", test, "-p", "no:cacheprovider", "-o", "junit_family=xunit1", f"--junit-xml={report}",
        ]  # fmt: skip
        done = self._run(command, self.folder)
        cases = list(ET.parse(report).getroot().iter("testcase")) if report.exists() else []
        if not cases or any(
            case.find("error") is not None or case.find("skipped") is not None for case in cases
        ):
            raise NotShown(f"{test} does not run:\n{done.stdout[-6000:]}")
        wrong = [found.get("message", "") for case in cases if (found := case.find("failure")) is not None]
        for message in wrong:
            raised = re.match(r"[\w.]*", message)
            if raised is None or raised[0].rpartition(".")[2] not in FAILURES:
                raise NotShown(f"{test} broke instead of failing: {message}\n{done.stdout[-6000:]}")
        return Verdict(bool(wrong), done.stdout)

    def _vitest(self, file: str, title: str) -> Verdict:
        report = self.folder / "report.xml"
        report.unlink(missing_ok=True)
        command = [
            "node_modules/.bin/vitest", "run", file.removeprefix("web/"), "-t", re.escape(title) + "$",
            "--reporter=junit", f"--outputFile={report}",
        ]  # fmt: skip
        done = self._run(command, self.folder / "web")
        cases = list(ET.parse(report).getroot().iter("testcase")) if report.exists() else []
        cases = [case for case in cases if case.find("skipped") is None]
        if not cases or not all(case.get("name", "").endswith(title) for case in cases):
            raise NotShown(f"{file}: no test is called {title!r}:\n{done.stdout[-6000:]}")
        wrong = [found for case in cases if (found := case.find("failure")) is not None]
        for one in wrong:
            if one.get("type") != "AssertionError":
                raise NotShown(f"{file} broke instead of failing: {one.get('message')}\n{one.text}")
        return Verdict(bool(wrong), done.stdout + "".join(one.text or "" for one in wrong))

    def _cargo(self, crate: str, name: str) -> Verdict:
        package = Path(crate).name
        built = self._run(
            ["cargo", "test", "--locked", "--quiet", "--package", package, "--lib", "--no-run"],
            self.folder / "engine",
        )
        if built.returncode:
            raise NotShown(f"{crate} cannot be built:\n{built.stdout[-6000:]}")
        command = ["cargo", "test", "--locked", "--package", package, "--lib", "--", "--exact", name]
        done = self._run(command, self.folder / "engine")
        said = re.search(rf"^test {re.escape(name)} \.\.\. (ok|FAILED)$", done.stdout, re.M)
        if said is None:
            raise NotShown(f"{crate}: no test is called {name}:\n{done.stdout[-6000:]}")
        return Verdict(said[1] == "FAILED", done.stdout)

    def _run(self, command: list[str], folder: Path) -> "subprocess.CompletedProcess[str]":
        packages = os.pathsep.join(str(self.folder / name) for name in PACKAGES)
        environment = os.environ | {
            "PYTHONPATH": packages,
            "PYTHONDONTWRITEBYTECODE": "1",
            "CARGO_TARGET_DIR": str(self.folder / "engine/target"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        environment.pop("PYTEST_ADDOPTS", None)
        environment.pop("PYTEST_XDIST_WORKER", None)
        return subprocess.run(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip

    def seed_target(self) -> None:
        """Gives cargo what is compiled already. A folder of its own: cargo tells sources apart by their times, and would take what it
        made of the broken ones for what is in the tree."""
        for part in SEEDED:
            there = ROOT / "engine/target/debug" / part
            if there.exists():
                shutil.copytree(there, self.folder / "engine/target/debug" / part, dirs_exist_ok=True)

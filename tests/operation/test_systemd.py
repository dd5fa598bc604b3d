# SPDX-License-Identifier: Apache-2.0
"""The units: hardened, documented, and taken by systemd where there is one."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sealroom.app import END_SECONDS
from sealroom.core.config import Configuration

ROOT = Path(__file__).parents[2]
UNITS = {file.name: file for file in (ROOT / "deploy" / "systemd").glob("*.service")}
EXPOSURE = 15
"""Tenths that `systemd-analyze security` may find: 0 is nothing, 100 everything. Where it lies: a network, and its own state."""
REQUIRED = {
    "DynamicUser": "yes",
    "ProtectSystem": "strict",
    "CapabilityBoundingSet": "",
    "NoNewPrivileges": "yes",
    "LimitNOFILE": "1048576",
    "LimitCORE": "0",
    "MemoryDenyWriteExecute": "yes",
    "StateDirectoryMode": "0700",
    "UMask": "0077",
}
ANALYZE = shutil.which("systemd-analyze")


def options(file: Path) -> dict[str, list[str]]:
    """Of the section [Service]."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in file.read_text().splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def test_both_sides_have_a_unit() -> None:
    assert set(UNITS) == {"sealroom.service", "sealroom-customer-authority.service"}


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_is_hardened(name: str) -> None:
    found = options(UNITS[name])
    assert {key: found.get(key, ["none"])[-1] for key in REQUIRED} == REQUIRED
    assert found["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]


def test_the_time_to_stop_is_that_of_the_drain() -> None:
    found = options(UNITS["sealroom.service"])
    drain = Configuration().server.drain_seconds
    assert float(found["TimeoutStopSec"][0]) == drain + END_SECONDS
    assert found["Type"] == ["notify"]


@pytest.mark.parametrize("name", UNITS)
def test_every_option_is_documented_with_its_value(name: str) -> None:
    page = (ROOT / "docs" / "operate" / "running.md").read_text()
    documented = set(re.findall(r"`([A-Z]\w+=[^`]*)`", page))
    there = {f"{key}={value}" for key, values in options(UNITS[name]).items() for value in values}
    assert there - documented == set()
    both = {
        f"{key}={value}"
        for file in UNITS.values()
        for key, values in options(file).items()
        for value in values
    }
    assert documented - both == set()


@pytest.mark.skipif(ANALYZE is None, reason="there is no systemd here")
@pytest.mark.parametrize("name", UNITS)
def test_systemd_takes_the_unit_and_finds_it_hardened(name: str, tmp_path: Path) -> None:
    unit = tmp_path / name
    unit.write_text(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", UNITS[name].read_text()))
    verified = subprocess.run(
        [str(ANALYZE), "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert name not in verified.stderr, verified.stderr
    judged = subprocess.run(
        [str(ANALYZE), "security", "--offline=yes", f"--threshold={EXPOSURE}", "--no-pager", str(unit)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert judged.returncode == 0, judged.stdout + judged.stderr

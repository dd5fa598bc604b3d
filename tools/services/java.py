# SPDX-License-Identifier: Apache-2.0
"""Finds a Java that is new enough: the first on the path often is not."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tools.services.faults import ServiceError

_PLACES = ("/usr/lib/jvm/*/bin/java", "/Library/Java/JavaVirtualMachines/*/Contents/Home/bin/java")


def java(at_least: int) -> Path:
    """A Java of that major version or newer.

    Raises:
        ServiceError: there is none.
    """
    versions = {program: _major(program) for program in _programs()}
    fitting = [program for program, version in versions.items() if version >= at_least]
    if fitting:
        return fitting[0]
    found = f"the newest here is {max(versions.values())}" if versions else "there is none here"
    raise ServiceError(
        f"Java {at_least} or newer is needed, and {found}.",
        f"Install one, as openjdk-{at_least}-jre-headless or temurin-25-jdk, or name it in JAVA_HOME.",
    )


def _programs() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin/java"
    if found := shutil.which("java"):
        yield Path(found)
    for pattern in _PLACES:
        yield from sorted(Path("/").glob(pattern.removeprefix("/")))


def _major(program: Path) -> int:
    """Its major version; 0 where it does not tell."""
    try:
        said = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stderr
    except OSError:
        return 0
    version = re.search(r'version "(\d+)', said)
    return int(version[1]) if version else 0

# SPDX-License-Identifier: Apache-2.0
"""Finds a Java that is new enough: the first on the path often is not, and Debian 12 has none but 17."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tools.services.faults import ServiceError
from tools.services.packages import java_runtime

_PLACES = ("/usr/lib/jvm/*/bin/java", "/Library/Java/JavaVirtualMachines/*/Contents/Home/bin/java")


def java(at_least: int) -> Path:
    """A Java of that major version or newer: the system's, else that of the locked wheel, which is fetched only then.

    Raises:
        ServiceError: there is none.
    """
    newest = 0
    for program in _programs():
        newest = max(newest, version := _major(program))
        if version >= at_least:
            return program
    raise ServiceError(
        f"Java {at_least} or newer is needed, and the newest here is {newest}.",
        f"Install one, as openjdk-{at_least}-jre-headless or temurin-25-jdk, or name it in JAVA_HOME.",
    )


def _programs() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin/java"
    if found := shutil.which("java"):
        yield Path(found)
    for pattern in _PLACES:
        yield from sorted(Path("/").glob(pattern.removeprefix("/")))
    yield java_runtime()


def _major(program: Path) -> int:
    """Its major version; 0 where it does not tell."""
    try:
        said = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stderr
    except OSError:
        return 0
    version = re.search(r'version "(\d+)', said)
    return int(version[1]) if version else 0

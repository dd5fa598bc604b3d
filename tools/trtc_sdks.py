# SPDX-License-Identifier: Apache-2.0
"""Installs the official SDKs of TRTC's API for the tests, from the lock file, each edition into a folder of its own.

Both editions bring a package `tencentcloud`, so that one environment can hold only one of them. `make env` calls this; it does
nothing where what the lock file says is there already.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EDITIONS = ("cn", "intl")


def ensure(edition: str) -> Path:
    """The folder of one edition, installed if need be: put it in front of `sys.path`, and only for the import."""
    wanted = _uv(
        "export", "--frozen", "--quiet", "--only-group", f"trtc-{edition}", "--no-header", "--no-annotate"
    )
    folder = Path(sys.prefix) / "trtc-sdks" / f"{edition}-{hashlib.sha256(wanted.encode()).hexdigest()[:16]}"
    if not folder.exists():
        _install(wanted, folder)
    return folder


def _install(wanted: str, folder: Path) -> None:
    """Beside its place first, so that nobody finds half of it, and two who install at once do not disturb each other."""
    folder.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        requirements, made = Path(scratch) / "requirements.txt", Path(scratch) / "made"
        requirements.write_text(wanted)
        _uv(
            "pip", "install", "--quiet", "--require-hashes", "--no-deps", "--python", sys.executable, "--target", str(made),
            "--requirements", str(requirements),
        )  # fmt: skip
        for package in (made / "tencentcloud").iterdir():
            # The international edition brings every product of the cloud; 98 % of it is never looked at here.
            if package.is_dir() and package.name not in {"common", "trtc"}:
                shutil.rmtree(package)
        try:
            made.rename(folder)
        except OSError:
            if not folder.exists():
                raise


def _uv(*arguments: str) -> str:
    uv = Path(sys.executable).parent / "uv"
    # Compiled, the 200 unused products would take a minute.
    environment = {
        key: value for key, value in os.environ.items() if key not in {"UV_COMPILE_BYTECODE", "VIRTUAL_ENV"}
    }
    done = subprocess.run(
        [str(uv), *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def main() -> int:
    """Installs both."""
    for edition in EDITIONS:
        ensure(edition)
    return 0


if __name__ == "__main__":
    sys.exit(main())

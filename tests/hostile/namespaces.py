# SPDX-License-Identifier: Apache-2.0
"""Network namespaces of a test's own: a server's host with one link to an attacker and one to a victim."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Hosts:
    """Names of the namespaces and the addresses within them."""

    server: str
    attacker: str
    victim: str
    server_address: str = "10.77.2.1"
    attacker_address: str = "10.77.2.2"
    victim_address: str = "10.77.3.2"


def available() -> str:
    """Why namespaces cannot be had here; empty when they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "no `ip`: install it with `apt install iproute2`"
    return ""


@contextmanager
def hosts() -> Iterator[Hosts]:
    """Makes the three hosts and their links; everything is gone afterwards."""
    tag = f"sr{os.getpid() % 10000}"
    made = Hosts(*(f"{tag}{role}" for role in ("s", "a", "v")))
    with ExitStack() as stack:
        for name in (made.server, made.attacker, made.victim):
            _ip("netns", "add", name)
            stack.callback(_ip, "netns", "delete", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _link(made.server, made.attacker, f"{tag}0", f"{tag}1", "10.77.2")
        _link(made.server, made.victim, f"{tag}2", f"{tag}3", "10.77.3")
        for setting in ("all", "default", f"{tag}0", f"{tag}2"):
            within(made.server, "sh", "-c", f"echo 0 > /proc/sys/net/ipv4/conf/{setting}/rp_filter")
        _ip("-n", made.attacker, "route", "add", "default", "via", "10.77.2.1")
        _ip("-n", made.victim, "route", "add", "default", "via", "10.77.3.1")
        yield made


def _link(one: str, other: str, near: str, far: str, network: str) -> None:
    _ip("link", "add", near, "netns", one, "type", "veth", "peer", "name", far, "netns", other)
    for name, interface, address in ((one, near, f"{network}.1/24"), (other, far, f"{network}.2/24")):
        _ip("-n", name, "address", "add", address, "dev", interface)
        _ip("-n", name, "link", "set", interface, "up")


def within(namespace: str, *command: str) -> str:
    """Runs a command in a namespace and returns what it printed."""
    return _run("ip", "netns", "exec", namespace, *command)


def _ip(*arguments: str) -> str:
    return _run("ip", *arguments)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
    return done.stdout

# SPDX-License-Identifier: Apache-2.0
"""`make demo`: starts the operator's side and a demo customer's side as two processes, and ends both together.

The only thing that goes from one to the other is a 0600 file with the demo application's secret key, as a customer would
get it from the operator's console.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sealroom.media.addresses import media_addresses
from sealroom_customer.authority.identity import private_folder
from sealroom_customer.errors import CustomerError
from sealroom_customer.lan import place as lan
from sealroom_customer.lan.addresses import local_addresses

ROOT = Path(__file__).resolve().parents[1]
LAN_SETTINGS = {"SEALROOM_SIGNALLING__BEHIND_PROXY": "127.0.0.1/32", "SEALROOM_MEDIA__PORT": "7882"}
"""The operator believes the customer's process about callers' addresses, and media has one port to open in a firewall."""


def main() -> int:
    """Runs both sides until one ends or Ctrl-C; returns the customer side's exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", type=int, metavar="SECONDS", help="enter two headless members, report, and end"
    )
    parser.add_argument(
        "--state", type=Path, default=ROOT / ".demo", help="where both sides keep their state"
    )
    parser.add_argument("--port", type=int, help="port of the call page: 8080, with --lan 8443")
    parser.add_argument("--lan", action="store_true", help="let devices of this network in; see docs/lan.md")
    parser.add_argument(
        "--lan-address", action="append", help="address of this machine there; default: all that are local"
    )
    parser.add_argument("--operator-port", type=int, default=7880, help="port of the operator's signalling")
    parser.add_argument("--bots", type=int, default=2, help="bots in the demo room; none with --check")
    options = parser.parse_args()
    if options.lan and options.check is not None:
        parser.error("--check enters over loopback: leave out --lan")
    if options.port is None:
        options.port = lan.PORT if options.lan else 8080
    # Ended from outside, both sides have to end too: the default would leave them behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="sealroom-demo-") as folder:
        if options.state is None:
            options.state = ROOT / ".demo" if options.check is None else Path(folder)
        return _run(options, Path(folder) / "operator.json")


def _run(options: argparse.Namespace, hand_over: Path) -> int:
    free = options.check is not None
    bin_folder = Path(sys.executable).parent
    operator_command = [
        str(bin_folder / "sealroom"), "dev", "--state", str(options.state / "operator"), "--demo-out", str(hand_over),
        "--port", "0" if free else str(options.operator_port),
    ]  # fmt: skip
    if free:
        operator_command += ["--admin-port", "0", "--api-port", "0"]
    customer_command = [
        str(bin_folder / "sealroom-customer"), "demo", "--operator", str(hand_over),
        "--state", str(options.state / "customer"), "--port", "0" if free else str(options.port), "--bots", str(options.bots),
    ]  # fmt: skip
    if free:
        customer_command += ["--check", str(options.check)]
    environment = dict(os.environ)
    if options.lan:
        place = _place(options)
        operator_command += [
            f"--demo-origin={origin}" for origin in place.listening(options.port).origins(options.port)
        ]
        customer_command += ["--lan", *(f"--lan-address={address}" for address in place.addresses)]
        environment = LAN_SETTINGS | environment
    operator = subprocess.Popen(operator_command, env=environment)
    customer = subprocess.Popen(customer_command)
    try:
        return _until_one_ends(operator, customer)
    except KeyboardInterrupt:
        return 0
    finally:
        for process in (customer, operator):
            _stop(process)


def _place(options: argparse.Namespace) -> lan.Place:
    """Found here, so that both sides are told the same addresses."""
    return lan.Place.prepare(
        private_folder(options.state / "customer") / "lan",
        options.lan_address or local_addresses(media_addresses()),
        time.time(),
    )


def _until_one_ends(operator: subprocess.Popen[bytes], customer: subprocess.Popen[bytes]) -> int:
    ended, status = os.wait()
    code = os.waitstatus_to_exitcode(status)
    for process in (operator, customer):
        if process.pid == ended:
            process.returncode = code
    if ended == operator.pid:
        print(f"the operator's side ended (exit {code}); see its lines above", file=sys.stderr)
        return code or 1
    return code


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CustomerError as error:
        sys.exit(f"error: {error.sentence} {error.action} [{error.code}]")

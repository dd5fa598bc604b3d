# SPDX-License-Identifier: Apache-2.0
"""Examines the machine and the configuration before a user finds out: `sealroom doctor`.

Asks nobody but this machine and the stores that are configured, and changes nothing.
"""

from sealroom.core.config import Configuration
from sealroom.core.errors import OperatorError
from sealroom.doctor import between, machine, network, stores
from sealroom.doctor.finding import Examination, Finding, Said, Weight

__all__ = ["EXAMINATIONS", "Finding", "Weight", "examine"]

EXAMINATIONS: dict[str, Examination] = {
    "engine": machine.engine,
    "files": machine.files,
    "clock": machine.clock,
    "production": machine.production,
    "state": stores.state,
    "database": stores.database,
    "keys": stores.keys,
    "records": stores.records,
    "journal": stores.journal,
    "objects": between.objects,
    "bus": between.bus,
    "node": between.node,
    "directory": network.directory,
    "signalling": network.signalling,
    "api": network.api,
    "admin": network.admin,
    "certificate": network.certificates,
    "media": network.media,
    "loopback": network.loopback,
    "webhooks": network.webhooks,
}
"""In an order in which mending one may mend the next."""


def examine(configuration: Configuration) -> list[Finding]:
    """Every examination."""
    return [_one(name, examination, configuration) for name, examination in EXAMINATIONS.items()]


def _one(name: str, examination: Examination, configuration: Configuration) -> Finding:
    try:
        said = examination(configuration)
    except OperatorError as error:
        return Finding(name, Weight.FAULT, error.sentence, error.action)
    if isinstance(said, Said):
        return Finding(name, Weight.NOTE, said.sentence, said.action)
    return Finding(name, Weight.OK, said)

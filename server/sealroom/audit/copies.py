# SPDX-License-Identifier: Apache-2.0
"""Copies of signed checkpoints in the store of objects: they outlive a database that is rolled back, or rewritten as a whole.

**A copy is never replaced.** Its name tells size and root, so that of two logs which parted both lie there side by side.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Gauge

from sealroom.audit.checkpoint import Checkpoint
from sealroom.audit.service import PURPOSE, AuditLog
from sealroom.audit.tree import ProofError, check_consistency
from sealroom.catalogue import DataClass, Field, LegalBasis, Purpose, Retention
from sealroom.core.jobs import Every, Job, JobKind
from sealroom.core.keys import Keys, NoteNotTrusted
from sealroom.core.logging import get_logger
from sealroom.core.objects import (
    ObjectDamaged,
    ObjectExists,
    ObjectKind,
    ObjectMissing,
    Objects,
    ObjectTooLarge,
)

CHECKPOINTS = ObjectKind(
    "audit-checkpoints", "Copies of signed checkpoints of the audit log, against a database that was rolled back.", DataClass.EVIDENCE,
    Purpose.PROVE, LegalBasis.NONE_NEEDED, Retention.kept("hashes and signatures: nothing in it tells of a person"),
    Field("Size and root of the log, signed."),
)  # fmt: skip

EVERY_SECONDS = 3600
"""How often a log that grew is copied. Sooner leaves less that a rollback can hide, and makes more objects."""
READ = 50
"""Newest copies whose signatures are checked; of older ones the name has to fit the log. More takes longer with a far bucket."""
PROVED = 10
"""Newest copies that a running server proves its log with."""
_NAME = re.compile(r"([0-9]{16})-([0-9a-f]{64})")

_log = get_logger()


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy: what the log had, as its name says. `fault`: why it is not to be believed, where it was read; empty for none."""

    name: str
    size: int
    root: bytes
    fault: str = ""


class CopyMetrics:
    """Whether the log is the one that was copied."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.contradicted = Gauge(
            "sealroom_audit_copies_contradicted",
            "Newest copies of checkpoints that the audit log does not continue, or that are damaged.",
            registry=registry,
        )


class Copies:
    """The copies of one log."""

    def __init__(
        self, objects: Objects, log: AuditLog, keys: Keys, metrics: CopyMetrics | None = None
    ) -> None:
        self._objects, self._log, self._keys = objects, log, keys
        self._metrics = metrics or CopyMetrics(CollectorRegistry())
        self._contradicted = 0

    def kinds(self) -> tuple[JobKind, ...]:
        """The hourly job."""
        return (JobKind("copy_audit_checkpoint", self._due, Every(EVERY_SECONDS)),)

    async def take(self) -> bool:
        """Copies the newest checkpoint; False where there is none, or it was copied before.

        Raises:
            ObjectsUnavailable: the store does not answer.
            NoteNotTrusted: what the database has is signed by nobody who may.
        """
        note = await self._log.checkpoint()
        if note is None:
            return False
        found = Checkpoint.opened(note, self._keys.verifiers(PURPOSE))
        try:
            await self._objects.put(
                CHECKPOINTS, f"{found.size:016d}-{found.root.hex()}", note.encode(), if_absent=True
            )
        except ObjectExists:
            return False
        return True

    async def _due(self, _job: Job) -> None:
        await self.prove()
        await self.take()

    async def prove(self) -> None:
        """Proves that the log grew out of what its newest copies stood for (RFC 9162 section 2.1.4); what cannot be proved is logged as
        an error and shown by `says`.

        Raises:
            ObjectsUnavailable: the store does not answer.
        """
        # The copies first: the log may grow, and be copied by another server, while it is looked at.
        copies = (await self._listed())[-PROVED:]
        contradicted = 0
        try:
            now = await self._newest()
        except NoteNotTrusted:
            # What nobody signed continues nothing.
            contradicted, copies = max(1, len(copies)), []
            _log.error("audit_log_not_signed")
        for copy in copies:
            read = await self._read(copy)
            if read.fault:
                contradicted += 1
                _log.error("audit_copy_damaged", count=copy.size)
            elif not await self._grew(read, now):
                contradicted += 1
                _log.error("audit_log_contradicts_copy", count=copy.size)
        self._contradicted = contradicted
        self._metrics.contradicted.set(contradicted)

    async def _newest(self) -> Checkpoint:
        """What the log has now. Raises NoteNotTrusted where that is signed by nobody who may."""
        note = await self._log.checkpoint()
        return Checkpoint.opened(note, self._keys.verifiers(PURPOSE)) if note else Checkpoint(0, b"")

    def says(self) -> str:
        """One line for the readiness text."""
        if self._contradicted:
            return "the log is not what its copies stand for: run `sealroom audit verify`"
        return "the log has what its copies stand for, as far as was looked"

    async def _grew(self, copy: Copy, now: Checkpoint) -> bool:
        try:
            proof = await self._log.consistency(copy.size, now.size)
            check_consistency(copy.size, now.size, copy.root, now.root, proof)
        except (ProofError, ValueError):
            return False
        return True

    async def all(self) -> AsyncIterator[Copy]:
        """Every copy by its size, the newest ones read and verified.

        Raises:
            ObjectsUnavailable: the store does not answer.
        """
        listed = await self._listed()
        for place, copy in enumerate(listed):
            yield copy if place < len(listed) - READ else await self._read(copy)

    async def _read(self, copy: Copy) -> Copy:
        try:
            note = (await self._objects.get(CHECKPOINTS, copy.name)).decode()
            found = Checkpoint.opened(note, self._keys.verifiers(PURPOSE))
        except (ObjectDamaged, ObjectMissing, ObjectTooLarge, UnicodeDecodeError):
            return Copy(copy.name, copy.size, copy.root, "it is damaged: it is not what was put there")
        except NoteNotTrusted as error:
            return Copy(copy.name, copy.size, copy.root, f"{error}")
        if (found.size, found.root) != (copy.size, copy.root):
            return Copy(copy.name, copy.size, copy.root, "it is not the checkpoint that its name says")
        return copy

    async def _listed(self) -> list[Copy]:
        """What the names say; names of another form are no copies of ours."""
        found = []
        async for one in self._objects.list(CHECKPOINTS):
            if (match := _NAME.fullmatch(one.name)) is not None:
                found.append(Copy(one.name, int(match[1]), bytes.fromhex(match[2])))
        return found

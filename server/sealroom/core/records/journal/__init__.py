# SPDX-License-Identifier: Apache-2.0
"""What must last, on this site's own disk until the store has it: encrypted, bounded, in order. Never a place to look things up."""

from sealroom.core.records.journal.dead import DeadLetters
from sealroom.core.records.journal.entries import Entries
from sealroom.core.records.journal.log import Bounds, Journal
from sealroom.core.records.journal.segment import SegmentKeys
from sealroom.core.records.journal.what import journal_dataset

__all__ = ["Bounds", "DeadLetters", "Entries", "Journal", "SegmentKeys", "journal_dataset"]

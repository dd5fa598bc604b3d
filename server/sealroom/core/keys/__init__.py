# SPDX-License-Identifier: Apache-2.0
"""Keys of the operator's own: they sign what he says (checkpoints, receipts). **No key here has to do with media.**"""

from sealroom.core.keys.file import FileKeys
from sealroom.core.keys.note import NoteError, NoteSigner, NoteVerifier, open_note
from sealroom.core.keys.port import Keys

__all__ = ["FileKeys", "Keys", "NoteError", "NoteSigner", "NoteVerifier", "open_note"]

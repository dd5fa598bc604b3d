# SPDX-License-Identifier: Apache-2.0
"""Keys of the operator's own: they sign what it says, and encrypt the secrets it has to keep. **No key here has to do with media.**"""

from sealroom.core.keys.columns import SealedColumn, check_master_key, encrypt_again
from sealroom.core.keys.envelope import Envelope, name_of
from sealroom.core.keys.file import FileKeys
from sealroom.core.keys.master import EnvelopeError, KeyName, MasterKeys, master_keys
from sealroom.core.keys.note import NoteSigner, open_note
from sealroom.core.keys.port import Keys
from sealroom_wire.notes import NoteKey, NoteNotTrusted

__all__ = [
    "Envelope",
    "EnvelopeError",
    "FileKeys",
    "KeyName",
    "Keys",
    "MasterKeys",
    "NoteKey",
    "NoteNotTrusted",
    "NoteSigner",
    "SealedColumn",
    "check_master_key",
    "encrypt_again",
    "master_keys",
    "name_of",
    "open_note",
]

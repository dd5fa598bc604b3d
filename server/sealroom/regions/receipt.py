# SPDX-License-Identifier: Apache-2.0
"""What a receipt says, how it is signed, and how it is verified: canonical JSON (RFC 8785) in a signed note (C2SP signed-note)."""

import hashlib
from collections.abc import Iterable
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from sealroom.core.errors import ChangeError
from sealroom.core.keys import NoteKey, NoteNotTrusted, NoteSigner, open_note

PURPOSE = "receipts"
"""Of the key that signs."""
KIND: Final = "sealroom-receipt/1"


class Lies(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A dataset of the catalogue that holds something of the call."""

    dataset: str
    site: str
    store: str


class Ran(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A server that carried the call's media."""

    node: str
    site: str


class Receipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a call's data was written and its media ran. Times in Unix milliseconds."""

    type: Literal["sealroom-receipt/1"]
    application: int
    begin: int
    call: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
    data: tuple[Lies, ...]
    end: int
    media: tuple[Ran, ...]
    reason: str
    site: str
    stays: int
    """How often somebody entered."""
    tracks: int
    """How often a track was published."""


class ReceiptError(ChangeError):
    """A receipt that does not hold."""


def call_hash(sdk_app_id: int, call_id: str) -> str:
    """How a call stands in receipts: who knows the call finds it, and the room cannot be read from it."""
    return hashlib.sha256(f"{sdk_app_id}\n{call_id}".encode()).hexdigest()


def sign(receipt: Receipt, signer: NoteSigner) -> str:
    """The receipt as a signed note."""
    return signer.sign(_text(receipt))


def verify(note: str, known: Iterable[NoteKey]) -> Receipt:
    """What a receipt says that one of the `known` keys has signed.

    Raises:
        ReceiptError: nobody known has signed it, or it is none.
    """
    try:
        text = open_note(note, known)
    except NoteNotTrusted as error:
        raise _not_valid(str(error)) from error
    try:
        receipt = msgspec.json.decode(text, type=Receipt)
    except msgspec.DecodeError as error:
        raise _not_valid("what was signed is no receipt") from error
    if _text(receipt) != text:
        raise _not_valid("what was signed is not in the canonical form")
    return receipt


def check_call(receipt: Receipt, call: str) -> None:
    """Raises ReceiptError unless it is the receipt of that call, which is named by its id or its hash."""
    if receipt.call not in (call, call_hash(receipt.application, call)):
        raise _not_valid("it is another call's")


def _text(receipt: Receipt) -> str:
    # Texts in it are ASCII and numbers whole, so that sorted names and no spaces are all that RFC 8785 asks for.
    return msgspec.json.encode(receipt, order="sorted").decode() + "\n"


def _not_valid(why: str) -> ReceiptError:
    return ReceiptError(
        "receipt_not_valid",
        f"The receipt does not hold: {why}.",
        "Ask the operator for it again, and for the site's keys.",
    )

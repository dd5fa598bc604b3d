# SPDX-License-Identifier: Apache-2.0
"""What stands in a frame: documents with the names of their kinds, so that a later program knows what it reads."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from sealroom.catalogue import Catalogue, Document, Durability, Undeclared

MOST = 500
"""Documents in one frame. Damage takes a frame at a time; more of them cost less each."""


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One document. `reason` says why it was put aside, and is empty on the way to the store."""

    kind: str
    document: msgspec.Raw
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An entry that this program cannot make a document of: the kind is gone, or has other fields now."""

    entry: Entry


class Entries:
    """Packs and unpacks frames."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._kinds = {catalogue.of(kind).name: kind for kind in catalogue.documents}
        self._decoders = {name: msgspec.msgpack.Decoder(kind) for name, kind in self._kinds.items()}

    def pack(self, documents: Sequence[Document]) -> list[bytes]:
        """Frames with these documents.

        Raises:
            Undeclared: a kind that nobody handed over, or that is not declared durable.
        """
        names = {kind: self._name(kind) for kind in {type(document) for document in documents}}
        return [
            msgspec.msgpack.encode([(names[type(one)], one) for one in documents[at : at + MOST]])
            for at in range(0, len(documents), MOST)
        ]

    def unpack(self, payload: bytes) -> Iterator[Document | Unreadable]:
        """The documents of a frame."""
        for entry in entries_of(payload):
            yield self.document_of(entry)

    def document_of(self, entry: Entry) -> Document | Unreadable:
        """The document of an entry."""
        decoder = self._decoders.get(entry.kind)
        if decoder is None:
            return Unreadable(entry)
        try:
            return decoder.decode(entry.document)
        except msgspec.DecodeError:
            return Unreadable(entry)

    def entry_of(self, document: Document, reason: str) -> Entry:
        """An entry for a document that is put aside."""
        packed = msgspec.Raw(msgspec.msgpack.encode(document))
        return Entry(self._catalogue.of(type(document)).name, packed, reason)

    def _name(self, kind: type[Document]) -> str:
        dataset = self._catalogue.of(kind)
        if dataset.durability is not Durability.DURABLE:
            raise Undeclared(f"{dataset.name} is declared as sampled: it does not go through the journal")
        return dataset.name


def entries_of(payload: bytes) -> list[Entry]:
    """Everything in a frame. Raises msgspec.DecodeError for what no program of this kind wrote."""
    return msgspec.msgpack.decode(payload, type=list[Entry])


def pack_entries(entries: Sequence[Entry]) -> list[bytes]:
    """Frames with these entries."""
    return [msgspec.msgpack.encode(entries[at : at + MOST]) for at in range(0, len(entries), MOST)]

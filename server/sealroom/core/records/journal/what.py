# SPDX-License-Identifier: Apache-2.0
"""What the journal may hold, for the catalogue: whatever of the durable kinds is on its way to the store."""

from collections.abc import Iterable

from sealroom.catalogue import (
    DataClass,
    Dataset,
    Document,
    Durability,
    Field,
    Kind,
    LegalBasis,
    Purpose,
    Retention,
    Store,
)
from sealroom.catalogue.dataset import Column
from sealroom.catalogue.declare import dataset_of

KEPT_DAYS = 7
"""What the store did not take in this time is deleted, and counted as lost. An erasure does not wait for it."""


def journal_dataset(kinds: Iterable[type[Document]]) -> Dataset | None:
    """The journal as a dataset with a column for each durable kind; None where there is no such kind."""
    durable = [one for one in map(dataset_of, kinds) if one.durability is Durability.DURABLE]
    if not durable:
        return None
    columns = {
        one.name: Column(
            Field(f"On its way: {one.what}", personal=one.is_personal, data_class=one.data_class), Kind.BYTES, optional=True
        )
        for one in durable
    }  # fmt: skip
    return Dataset(
        "journal", Store.JOURNAL, "Documents that the search store has not confirmed yet, and those that it refused; each file under a key of its own.",
        DataClass.BACK_END_LOG, Purpose.OPERATE, LegalBasis.CONTRACT,
        Retention.age(KEPT_DAYS, "the store takes them within seconds; what it never takes is given up"), columns,
    )  # fmt: skip

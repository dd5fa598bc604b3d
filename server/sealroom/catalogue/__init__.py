# SPDX-License-Identifier: Apache-2.0
"""The vocabulary of the data catalogue: what is kept of whom, why, for how long, where. **What is not declared is not stored.**

Features declare in their `models.py`: columns of tables with `field(..)` and `dataset(..)` as `info`, documents of `records` as
classes under `document(..)`. `registry.Catalogue` gathers them, and everything else is derived from it: what the ports take,
search mappings, retention, erasure, the record of GDPR article 30, the documentation page.
"""

from sealroom.catalogue.dataset import Column, Dataset, Undeclared
from sealroom.catalogue.declare import Document, columns_of, dataset, document, field
from sealroom.catalogue.fields import Field, Kind, Subject
from sealroom.catalogue.registry import Catalogue
from sealroom.catalogue.vocabulary import (
    DataClass,
    Durability,
    Ends,
    LegalBasis,
    Purpose,
    Region,
    Retention,
    Store,
)

__all__ = [
    "Catalogue",
    "Column",
    "DataClass",
    "Dataset",
    "Document",
    "Durability",
    "Ends",
    "Field",
    "Kind",
    "LegalBasis",
    "Purpose",
    "Region",
    "Retention",
    "Store",
    "Subject",
    "Undeclared",
    "columns_of",
    "dataset",
    "document",
    "field",
]

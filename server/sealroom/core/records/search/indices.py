# SPDX-License-Identifier: Apache-2.0
"""Names of indices and what is in them, derived from the catalogue.

`sealroom-<site>-<class>-<kind>-<yyyy.mm.dd>`: a site's process names no other site's index, and a day goes as a whole.
"""

import datetime as dt
import re
from dataclasses import dataclass, field
from functools import lru_cache

from sealroom.catalogue import Dataset, Document, Kind
from sealroom.catalogue.dataset import Column
from sealroom.core.errors import ConfigurationError
from sealroom.core.records.search.wire import Json

DAY_MS = 86_400_000
_SITE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_EPOCH = dt.date(1970, 1, 1)
_ANALYSIS: Json = {
    "analyzer": {"words": {"type": "custom", "tokenizer": "words", "filter": ["lowercase"]}},
    "tokenizer": {"words": {"type": "pattern", "pattern": r"[^\p{L}\p{N}]+"}},
}
"""Cuts text into runs of letters and digits, in small letters, as `checking.words_of` does."""


@dataclass(frozen=True, slots=True)
class Indices:
    """The indices of one kind of document in one site."""

    kind: type[Document]
    dataset: Dataset
    site: str
    prefix: str = "sealroom"
    doubles: tuple[str, ...] = field(init=False)
    """The fields that hold fractions."""

    def __post_init__(self) -> None:
        if not _SITE.fullmatch(self.site):
            raise ConfigurationError(
                "site_name_invalid",
                f"The site's name {self.site!r} cannot be part of an index's name.",
                "Use small letters, digits, underscores and hyphens, 32 at most.",
            )
        doubles = [name for name, column in self.dataset.columns.items() if column.kind is Kind.DOUBLE]
        object.__setattr__(self, "doubles", tuple(doubles))

    @property
    def base(self) -> str:
        """What all their names begin with, and the template's name."""
        # A hyphen in the site's name would let its indices pass for another site's.
        site = self.site.replace("-", ".")
        return f"{self.prefix}-{site}-{self.dataset.data_class.value}-{self.dataset.name}"

    @property
    def pattern(self) -> str:
        """All of them."""
        return f"{self.base}-*"

    def of(self, time: int) -> str:
        """The index of a day, by a time in it (Unix milliseconds). Raises ValueError for a time that has no date."""
        return f"{self.base}-{_date(time // DAY_MS)}"

    def ended_before(self, index: str, moment: int) -> bool:
        """Whether the day of an index ended before a moment. False for a name that is not of ours."""
        try:
            day = dt.datetime.strptime(index.removeprefix(f"{self.base}-"), "%Y.%m.%d").replace(tzinfo=dt.UTC)
        except ValueError:
            return False
        return int(day.timestamp() * 1000) + DAY_MS <= moment

    def template(self, replicas: int) -> Json:
        """The index template."""
        return {
            "index_patterns": [self.pattern],
            "priority": 500,
            "template": {
                "settings": {
                    "number_of_shards": 1,
                    "number_of_replicas": replicas,
                    # Said outright, for otherwise an index that nobody asks stops refreshing.
                    "refresh_interval": "1s",
                    # A deletion is to leave the disk too, however few documents of a segment it is. The server keeps them half a day
                    # for copies that were away, unless told otherwise; such a copy is made anew then.
                    "merge.policy.expunge_deletes_allowed": 0,
                    "soft_deletes.retention_lease.period": "1m",
                    "analysis": _ANALYSIS,
                },
                "mappings": self.mappings(),
            },
        }

    def mappings(self) -> Json:
        """Every declared field, and nothing else."""
        return {
            "dynamic": "strict",
            "properties": {name: _mapping(name, column) for name, column in self.dataset.columns.items()},
        }


@lru_cache(64)
def _date(day: int) -> str:
    try:
        return f"{_EPOCH + dt.timedelta(days=day):%Y.%m.%d}"
    except OverflowError:
        raise ValueError("not a time") from None


def _mapping(name: str, column: Column) -> Json:
    if name == "time":
        return {"type": "date", "format": "epoch_millis"}
    if column.kind is Kind.TEXT:
        return {"type": "text", "analyzer": "words"}
    return {"type": column.kind.value}

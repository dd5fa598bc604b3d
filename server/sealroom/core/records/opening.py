# SPDX-License-Identifier: Apache-2.0
"""The store and its journal by the configuration. Nothing else knows which implementation runs."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sealroom.catalogue import Catalogue, Ends
from sealroom.core.clock import Clock
from sealroom.core.config.schema import RecordsSettings
from sealroom.core.errors import ConfigurationError
from sealroom.core.records.journal import Bounds, DeadLetters, SegmentKeys
from sealroom.core.records.port import Records
from sealroom.core.records.sqlite import SqliteRecords
from sealroom.core.records.writing import RecordWriter
from sealroom.core.state import StateDirectory
from sealroom.core.traces import OFF, Traces

if TYPE_CHECKING:
    from sealroom.core.records.search import Wire

STORE, JOURNAL = "records.db", "journal"
"""Names in the state folder."""


def store_of(
    settings: RecordsSettings, state: StateDirectory, catalogue: Catalogue, site: str, clock: Clock
) -> Records:
    """The store that the configuration names; it is not asked yet.

    Raises:
        ConfigurationError: something in [records] that cannot be used, or the extra `search` is not installed.
    """
    if not settings.url:
        return SqliteRecords(state.path / STORE, catalogue, site)
    _check_access(settings)
    try:
        from sealroom.core.records.search import SearchRecords

        wire = _wire(settings)
    except ImportError as error:
        raise ConfigurationError(
            "records_client_missing",
            f"The client of {settings.engine} is not installed.",
            "Install the distribution with its extra: sealroom[search].",
        ) from error
    return SearchRecords(wire, catalogue, site, clock, replicas=settings.replicas)


def writer_of(
    settings: RecordsSettings,
    state: StateDirectory,
    catalogue: Catalogue,
    site: str,
    records: Records,
    keys: SegmentKeys,
    clock: Clock,
    traces: Traces = OFF,
) -> RecordWriter:
    """What features write with, on a journal of its own below the state folder. **One process at a time**: `StateDirectory.locked`."""
    bounds = Bounds(
        settings.journal_max_bytes, settings.journal_segment_bytes, settings.journal_segment_seconds
    )
    folder = state.path / JOURNAL / site
    return RecordWriter(folder, site, catalogue, records, keys, clock, bounds, traces=traces)


def dead_letters_of(state: StateDirectory, site: str, keys: SegmentKeys, clock: Clock) -> DeadLetters:
    """What lies aside in the state folder, for commands; a server may run beside."""
    return DeadLetters(state.path / JOURNAL / site, site, keys, clock)


def shorter_retention(settings: RecordsSettings, catalogue: Catalogue) -> Mapping[str, int]:
    """Days by class that the operator wants instead of the declared ones.

    Raises:
        ConfigurationError: no such class, no number, or more days than what is declared.
    """
    found: dict[str, int] = {}
    declared: dict[str, int] = {}
    for one in catalogue:
        if one.retention.ends is Ends.AGE:
            name = one.data_class.value
            declared[name] = max(declared.get(name, 0), one.retention.days)
    for text in settings.retention:
        name, _, days = text.partition("=")
        if name not in declared:
            raise _invalid(
                f"`{name}` is no class that ends by its age", f"There are {', '.join(sorted(declared))}."
            )
        if not days.isdecimal() or not 1 <= int(days) <= declared[name]:
            raise _invalid(
                f"`{text}` is no number of days from 1 to {declared[name]}",
                "What is declared can be shortened, never lengthened.",
            )
        found[name] = int(days)
    return found


def _wire(settings: RecordsSettings) -> "Wire":
    """A client. They take a second to import, which nobody with SQLite should wait for."""
    from sealroom.core.records.search import Access

    access = Access(settings.url, settings.user, settings.password, settings.ca)
    if settings.engine == "opensearch":
        from sealroom.core.records.search.opensearch import OpenSearchWire

        return OpenSearchWire(access)
    from sealroom.core.records.search.elasticsearch import ElasticsearchWire

    return ElasticsearchWire(access)


def _check_access(settings: RecordsSettings) -> None:
    if not settings.url.startswith(("https://", "http://")):
        raise _invalid(f"`{settings.url}` is no address", "Write https://search.example:9200.", "url")
    host = settings.url.partition("://")[2].partition("/")[0]
    if "@" in host:
        raise _invalid("the address holds a password", "Use user and password.", "url")
    loopback = host.rpartition(":")[0] in ("127.0.0.1", "localhost", "[::1]")
    if settings.url.startswith("http://") and not loopback:
        raise _invalid(f"`{settings.url}` is not encrypted", "Use https, or http on loopback only.", "url")
    if settings.ca and not os.access(settings.ca, os.R_OK):
        raise _invalid(f"`{settings.ca}` cannot be read", "Check its name and permissions.", "ca")


def _invalid(what: str, action: str, key: str = "retention") -> ConfigurationError:
    return ConfigurationError(f"records_{key}_invalid", f"records.{key}: {what}.", action)

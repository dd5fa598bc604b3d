# SPDX-License-Identifier: Apache-2.0
"""Everything that a running server shows has our prefix, base units and declared labels."""

from prometheus_client.parser import text_string_to_metric_families

from sealroom.core.metrics import LABELS

UNITS = ("_seconds", "_bytes", "_ratio", "_info", "_total")


def test_every_metric_has_our_prefix_and_only_declared_labels(scraped: str) -> None:
    families = list(text_string_to_metric_families(scraped))
    assert len(families) > 40
    assert [one.name for one in families if not one.name.startswith("sealroom_")] == []
    labels = {label for one in families for sample in one.samples for label in sample.labels}
    assert labels - set(LABELS) == set()


def test_counters_end_in_total_and_times_are_in_seconds(scraped: str) -> None:
    for family in text_string_to_metric_families(scraped):
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples), family.name
        assert not family.name.endswith(("_ms", "_milliseconds", "_kb", "_percent", "_minutes")), family.name


def test_what_alerts_count_is_there_before_it_happens(scraped: str) -> None:
    for series in (
        'sealroom_ledger_lost_events_total{reason="bound"} 0.0',
        'sealroom_history_lost_documents_total{reason="bound"} 0.0',
        'sealroom_records_lost_total{reason="file_too_old"} 0.0',
        'sealroom_records_refused_total{reason="full"} 0.0',
        'sealroom_webhook_events_total{reason="dead"} 0.0',
        'sealroom_webhook_attempts_total{code="timed_out"} 0.0',
        "sealroom_changes_untold_total 0.0",
        "sealroom_audit_copies_contradicted 0.0",
    ):
        assert series in scraped
    assert 'reason="given_up"} 0.0' in scraped


def test_a_metric_says_nothing_of_who_called(scraped: str) -> None:
    for planted in ("alice", "looked-at", "127.0.0.1", "1400000777"):
        assert planted not in scraped

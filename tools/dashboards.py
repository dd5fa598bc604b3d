# SPDX-License-Identifier: Apache-2.0
"""The Grafana dashboards below `deploy/grafana`, made from the list here: `python -m tools.dashboards` writes them, a test compares."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "deploy" / "grafana"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS, WIDTH, HEIGHT = 2, 12, 8
SCHEMA = 39
_METRIC = re.compile(r"\bsealroom_[a-z0-9_]+(\{)?")


@dataclass(frozen=True, slots=True)
class Panel:
    """One graph. `queries`: a legend with its expression; every metric in it is narrowed to the chosen instances."""

    title: str
    unit: str
    queries: dict[str, str]
    says: str = ""


def _rate(metric: str, by: str = "instance", labels: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{labels}[$__rate_interval]))"


def _quantile(share: float, metric: str) -> str:
    return f"histogram_quantile({share}, sum by (instance, le) (rate({metric}_bucket[$__rate_interval])))"


def _quantiles(metric: str) -> dict[str, str]:
    return {f"{{{{instance}}}} p{round(share * 100)}": _quantile(share, metric) for share in (0.5, 0.99)}


DASHBOARDS: dict[str, tuple[str, tuple[Panel, ...]]] = {
    "calls": (
        "Sealroom: calls",
        (
            Panel("Rooms", "short", {"{{instance}}": "sealroom_rooms"}),
            Panel("Participants", "short", {"{{instance}}": "sealroom_participants"}),
            Panel(
                "Time to enter", "s", _quantiles("sealroom_enter_seconds"), "From `enter` to its answer; media comes after it."
            ),
            Panel("Entering", "ops", {"{{instance}}": _rate("sealroom_enter_seconds_count")}),
            Panel("Refusals by code", "ops", {"{{code}}": _rate("sealroom_signalling_refusals_total", "code")}),
            Panel("Messages by type", "ops", {"{{type}}": _rate("sealroom_signalling_messages_total", "type")}),
            Panel("Open lines", "short", {"{{instance}}": "sealroom_signalling_connections"}),
            Panel(
                "Lines that ended, by close code", "ops", {"{{code}}": _rate("sealroom_signalling_closed_lines_total", "code")}
            ),
            Panel(
                "Connections before a word was said", "ops",
                {
                    "{{instance}} accepted": _rate("sealroom_signalling_accepted_connections_total"),
                    "{{instance}} turned away": _rate("sealroom_signalling_turned_away_connections_total"),
                    "{{instance}} failed handshakes": _rate("sealroom_signalling_failed_handshakes_total"),
                },
                "Turned away: too many, in all or of one address, were on their way in.",
            ),
            Panel("Handshakes of media", "ops", {"{{instance}}": _rate("sealroom_media_connected_total")}),
            Panel("Peers given up by the engine", "ops", {"{{instance}}": _rate("sealroom_media_peers_closed_total")}),
        ),
    ),
    "media": (
        "Sealroom: media engine",
        (
            Panel("Packets forwarded", "pps", {"{{instance}}": _rate("sealroom_media_forwarded_packets_total")}),
            Panel("Payload forwarded", "Bps", {"{{instance}}": _rate("sealroom_media_forwarded_bytes_total")}),
            Panel(
                "Packets taken in", "pps",
                {
                    "{{instance}} datagrams": _rate("sealroom_media_datagrams_total"),
                    "{{instance}} accepted": _rate("sealroom_media_accepted_packets_total"),
                },
            ),
            Panel(
                "Sent again", "percentunit", {"{{instance}}": "instance:sealroom_media_retransmitted:ratio_5m"}, "Share of what is forwarded."
            ),
            Panel(
                "Not taken or not forwarded, by reason", "pps", {"{{reason}}": _rate("sealroom_media_dropped_packets_total", "reason")}
            ),
            Panel(
                "Lost to load", "pps",
                {
                    "{{instance}} unread": _rate("sealroom_media_unread_datagrams_total"),
                    "{{instance}} unsent": _rate("sealroom_media_unsent_datagrams_total"),
                },
                "Anything here means that the machine has more than it can do.",
            ),
            Panel("Processor time of the engine's thread", "percentunit", {"{{instance}}": _rate("sealroom_media_cpu_seconds_total")}),
            Panel("Key frames asked for", "ops", {"{{instance}}": _rate("sealroom_media_key_frame_requests_total")}),
            Panel("Peers", "short", {"{{instance}}": "sealroom_media_peers"}),
            Panel(
                "Events lost, commands failed", "ops",
                {
                    "{{instance}} events": _rate("sealroom_media_events_dropped_total"),
                    "{{instance}} commands": _rate("sealroom_media_commands_failed_total"),
                },
            ),
        ),
    ),
    "records": (
        "Sealroom: records and journal",
        (
            Panel(
                "Written", "ops",
                {
                    "{{instance}} journalled": _rate("sealroom_records_journalled_total"),
                    "{{instance}} shipped": _rate("sealroom_records_shipped_total"),
                    "{{instance}} samples": _rate("sealroom_records_sampled_total"),
                },
            ),
            Panel("Journal on the disk", "bytes", {"{{instance}}": "sealroom_records_journal_bytes"}),
            Panel("Store behind by", "s", {"{{instance}}": "sealroom_records_journal_oldest_seconds"}),
            Panel("Not taken by the store", "ops", {"{{instance}}": _rate("sealroom_records_retries_total")}),
            Panel(
                "Refused, put aside, lost", "short",
                {
                    "refused: {{reason}}": "sum by (reason) (increase(sealroom_records_refused_total[$__rate_interval]))",
                    "dead: {{reason}}": "sum by (reason) (increase(sealroom_records_dead_total[$__rate_interval]))",
                    "lost: {{reason}}": "sum by (reason) (increase(sealroom_records_lost_total[$__rate_interval]))",
                },
            ),
            Panel("Samples in memory", "short", {"{{instance}}": "sealroom_records_buffered"}),
            Panel("Room events written", "ops", {"{{instance}}": _rate("sealroom_ledger_events_total")}),
            Panel("Room events that wait", "short", {"{{instance}}": "sealroom_ledger_waiting_events"}),
            Panel("One transaction of room events", "s", _quantiles("sealroom_ledger_write_seconds")),
            Panel(
                "Room events lost", "short", {"{{reason}}": "sum by (reason) (increase(sealroom_ledger_lost_events_total[$__rate_interval]))"}
            ),
            Panel("History that waits for the journal", "bytes", {"{{instance}}": "sealroom_history_waiting_bytes"}),
            Panel(
                "History lost", "short", {"{{reason}}": "sum by (reason) (increase(sealroom_history_lost_documents_total[$__rate_interval]))"}
            ),
            Panel("Jobs, by what came of them", "short", {"{{kind}} {{reason}}": "sum by (kind, reason) (increase(sealroom_jobs_total[1h]))"}),
            Panel("Memory", "bytes", {"{{instance}}": "sealroom_process_resident_memory_bytes"}),
        ),
    ),
    "webhooks": (
        "Sealroom: webhooks",
        (
            Panel("Events, by what became of them", "ops", {"{{reason}}": _rate("sealroom_webhook_events_total", "reason")}),
            Panel("Requests, by what came of them", "ops", {"{{code}}": _rate("sealroom_webhook_attempts_total", "code")}),
            Panel("From the outbox to the answer", "s", _quantiles("sealroom_webhook_delay_seconds")),
            Panel(
                "Dead or refused in the last hour", "short",
                {"{{reason}}": 'sum by (reason) (increase(sealroom_webhook_events_total{reason=~"dead|refused"}[1h]))'},
            ),
        ),
    ),
    "api": (
        "Sealroom: API",
        (
            Panel("Requests by action", "ops", {"{{action}}": _rate("sealroom_api_requests_total", "action")}),
            Panel("Answers by code", "ops", {"{{code}}": _rate("sealroom_api_answers_total", "code")}),
            Panel("Time to answer", "s", _quantiles("sealroom_api_seconds")),
            Panel(
                "Failures of the server", "ops", {"{{code}}": _rate("sealroom_api_answers_total", "code", '{code=~"InternalError.*"}')}
            ),
            Panel("/v1: answers by operation", "ops", {"{{action}}": _rate("sealroom_v1_answers_total", "action")}),
            Panel("/v1: answers by code", "ops", {"{{code}}": _rate("sealroom_v1_answers_total", "code")}),
            Panel("/v1: time to answer", "s", _quantiles("sealroom_v1_seconds")),
            Panel("Processor time of the whole process", "percentunit", {"{{instance}}": _rate("sealroom_process_cpu_seconds_total")}),
            Panel("Open files", "short", {"{{instance}}": "sealroom_process_open_fds"}),
        ),
    ),
}  # fmt: skip


def narrowed(expression: str) -> str:
    """The expression with every metric of ours narrowed to the chosen instances; recorded ones are narrowed by their level already."""
    if expression.startswith("instance:"):
        return f'{expression}{{instance=~"$instance"}}'

    def narrow(found: re.Match[str]) -> str:
        chosen = 'instance=~"$instance"'
        return f"{found[0]}{chosen}," if found[1] else f"{found[0]}{{{chosen}}}"

    return _METRIC.sub(narrow, expression)


def dashboard(name: str) -> dict[str, Any]:
    """One dashboard in Grafana's model."""
    title, panels = DASHBOARDS[name]
    return {
        "uid": f"sealroom-{name}", "title": title, "tags": ["sealroom"], "schemaVersion": SCHEMA, "version": 1, "editable": True,
        "timezone": "browser", "refresh": "30s", "time": {"from": "now-3h", "to": "now"}, "annotations": {"list": []},
        "links": [{"type": "dashboards", "tags": ["sealroom"], "title": "Sealroom", "asDropdown": True, "includeVars": True, "keepTime": True}],
        "templating": {"list": [_source_variable(), _instance_variable()]},
        "panels": [_panel(number, one) for number, one in enumerate(panels)],
    }  # fmt: skip


def _source_variable() -> dict[str, Any]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}


def _instance_variable() -> dict[str, Any]:
    return {
        "name": "instance", "type": "query", "label": "Server", "datasource": SOURCE, "query": "label_values(sealroom_build_info, instance)",
        "refresh": 2, "multi": True, "includeAll": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"},
    }  # fmt: skip


def _panel(number: int, one: Panel) -> dict[str, Any]:
    place = {"x": number % COLUMNS * WIDTH, "y": number // COLUMNS * HEIGHT, "w": WIDTH, "h": HEIGHT}
    targets = [
        {
            "refId": chr(ord("A") + place),
            "datasource": SOURCE,
            "expr": narrowed(expression),
            "legendFormat": legend,
        }
        for place, (legend, expression) in enumerate(one.queries.items())
    ]
    return {
        "id": number + 1, "type": "timeseries", "title": one.title, "description": one.says, "datasource": SOURCE, "gridPos": place,
        "fieldConfig": {"defaults": {"unit": one.unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}},
        "targets": targets,
    }  # fmt: skip


def text(name: str) -> str:
    """The file of one dashboard."""
    return json.dumps(dashboard(name), indent=2) + "\n"


def main() -> None:
    """Writes all of them."""
    for name in DASHBOARDS:
        (FOLDER / f"{name}.json").write_text(text(name))


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Rules, alerts and dashboards name nothing that a running server does not show."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.operation.expressions import OF_THE_TARGET, named, shown, unknown
from tools import dashboards

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES: list[dict[str, Any]] = [
    rule
    for name in ("rules", "alerts")
    for group in yaml.safe_load((DEPLOY / "prometheus" / f"{name}.yml").read_text())["groups"]
    for rule in group["rules"]
]
RECORDED = {rule["record"]: rule["expr"] for rule in RULES if "record" in rule}
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}


@pytest.fixture(scope="session")
def there(scraped: str) -> dict[str, set[str]]:
    """What can be named: the server's own, what is recorded of it, and Prometheus' own `up`."""
    recorded = {name: named(expression).labels for name, expression in RECORDED.items()}
    return shown(scraped) | recorded | {"up": set()}


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_expression_is_of_what_is_there(name: str, there: dict[str, set[str]]) -> None:
    assert list(unknown(RECORDED[name], there)) == []
    assert re.fullmatch(r"instance:sealroom_[a-z0-9_]+:[a-z0-9]+_5m", name)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_is_of_what_is_there_and_says_what_to_do(name: str, there: dict[str, set[str]]) -> None:
    alert = ALERTS[name]
    assert list(unknown(alert["expr"], there)) == []
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert set(alert["annotations"]) == {"summary", "action"}
    told = set(re.findall(r"\$labels\.(\w+)", json.dumps(alert["annotations"])))
    metrics = named(alert["expr"]).metrics
    assert told <= OF_THE_TARGET.union(*(there[metric] for metric in metrics))


def test_what_is_not_there_is_found(there: dict[str, set[str]]) -> None:
    assert list(unknown("rate(sealroom_nothing_total[5m])", there)) == ["metric sealroom_nothing_total"]
    assert list(unknown('sum by (room) (sealroom_rooms{user="x"})', there)) == ["label room", "label user"]
    with pytest.raises(ValueError):
        named("sum by (rate(")


def test_a_recorded_metric_and_an_alert_have_one_name_each() -> None:
    assert len(RECORDED) + len(ALERTS) == len(RULES)


@pytest.mark.parametrize("name", dashboards.DASHBOARDS)
def test_a_dashboard_is_what_is_written_and_asks_for_what_is_there(
    name: str, there: dict[str, set[str]]
) -> None:
    file = DEPLOY / "grafana" / f"{name}.json"
    assert file.read_text() == dashboards.text(name), "run `python -m tools.dashboards`"
    model = json.loads(file.read_text())
    for panel in model["panels"]:
        for target in panel["targets"]:
            assert list(unknown(target["expr"], there)) == [], panel["title"]
            assert "instance" in named(target["expr"]).labels, "a chosen server narrows every graph"
            legend = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert legend <= named(target["expr"]).labels, panel["title"]


@pytest.mark.parametrize("name", dashboards.DASHBOARDS)
def test_a_dashboard_fits_grafana_s_model(name: str) -> None:
    model = json.loads((DEPLOY / "grafana" / f"{name}.json").read_text())
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", model["uid"])
    assert {one["name"] for one in model["templating"]["list"]} == {"datasource", "instance"}
    ids = [panel["id"] for panel in model["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in model["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, f"{panel['title']} lies on another"
        taken |= cells
        assert panel["type"] == "timeseries"
        assert panel["targets"]


def test_there_is_no_other_dashboard() -> None:
    assert {file.stem for file in (DEPLOY / "grafana").glob("*.json")} == set(dashboards.DASHBOARDS)

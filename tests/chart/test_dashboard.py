"""The dashboard: only what Grafana understands and the operator exposes."""

import json
import re
from collections.abc import Iterator
from string import ascii_uppercase
from typing import Any

import pytest
from tests.support.helm import CHART, only, render

from chartkit.dashboard import dashboard, grown
from podtimeline.model.milestones import PHASES, Leg
from podtimeline.ports import Metric
from podtimeline.sinks.metrics import METRICS, MetricType

FILE = CHART / "dashboards/podtimeline.json"
DASHBOARD: dict[str, Any] = json.loads(FILE.read_text())
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
SUFFIXES = {MetricType.HISTOGRAM: ("_bucket", "_sum", "_count"), MetricType.SUMMARY: ("_sum", "_count")}
EXPOSED = {row.name + suffix: row for row in METRICS for suffix in SUFFIXES.get(row.kind, ("",))}
GRAFANA = {"__range", "__rate_interval"}


def queries() -> Iterator[str]:
    """Every query of every panel."""
    for panel in PANELS:
        yield from (target["expr"] for target in panel["targets"])


def test_the_file_is_the_one_that_is_derived() -> None:
    """``hack/chart`` has nothing left to write."""
    assert FILE.read_text() == dashboard()


@pytest.mark.parametrize("expression", sorted(set(queries())))
def test_queries_ask_only_for_metrics_that_exist(expression: str) -> None:
    """A renamed metric leaves no panel empty unnoticed, and labels that are grouped by belong to their metric."""
    names = set(re.findall(r"\bpodtimeline_\w+", expression))
    assert names
    assert names <= EXPOSED.keys()
    labels = {"le", "job", "instance", *(label for name in names for label in EXPOSED[name].labels)}
    grouped = {
        label.strip() for found in re.findall(r"\b(?:by|on) \(([^)]+)\)", expression) for label in found.split(",")
    }
    assert grouped <= labels
    assert set(re.findall(r"(\w+)(?:=~|!~|=)", expression)) <= labels


def test_counters_are_never_read_without_what_they_grew_by() -> None:
    """A counter's value alone says how long the operator has run."""
    for expression in queries():
        for name in re.findall(r"\bpodtimeline_\w+", expression):
            if EXPOSED[name].kind is not MetricType.GAUGE:
                assert re.search(rf"(rate|increase)\({name}", expression), expression


def test_the_first_rollout_of_a_workload_is_counted() -> None:
    """Growth takes a series that appears within the window by its value."""
    assert grown("m{}", "5m") == "((increase(m{}[5m]) and m{} offset 5m) or (m{} unless m{} offset 5m))"


def test_variables_are_those_of_the_dashboard_or_grafana() -> None:
    """A misspelt variable would be sent to Prometheus as it is."""
    own = {each["name"] for each in DASHBOARD["templating"]["list"]}
    used = {name for expression in queries() for name in re.findall(r"\$(\w+)", expression)}
    assert {"namespace", "workload", "window"} <= used
    assert used <= own | GRAFANA
    for panel in PANELS:
        assert {each["datasource"]["uid"] for each in [panel, *panel["targets"]]} == {"${datasource}"}


def test_panels_have_names_of_their_own_and_do_not_overlap() -> None:
    """Each cell of the grid belongs to at most one panel."""
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    titles = [panel["title"] for panel in PANELS]
    assert len(set(numbers)) == len(numbers)
    assert len(set(titles)) == len(titles)
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_panel_says_what_it_shows() -> None:
    """A description and a unit, for whoever sees the panel at 3 a.m. for the first time."""
    for panel in PANELS:
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert [target["refId"] for target in panel["targets"]] == list(ascii_uppercase)[: len(panel["targets"])]


def test_phases_have_their_titles() -> None:
    """Phases are called what the table calls them, each in a colour of its own."""
    stacked = next(panel for panel in PANELS if panel["title"] == "Average start by phase")
    properties = [
        {each["id"]: each["value"] for each in found["properties"]} for found in stacked["fieldConfig"]["overrides"]
    ]
    startup = [row.title for row in PHASES.values() if row.leg is Leg.STARTUP and not row.parallel]
    assert [each["displayName"] for each in properties] == startup
    assert len({each["color"]["fixedColor"] for each in properties}) == len(startup)


def test_the_stack_of_each_leg_holds_the_phases_of_that_leg() -> None:
    """A way back stacked onto a start would sum to nothing that happened."""
    chosen = {panel["title"]: panel["targets"][0]["expr"] for panel in PANELS if panel["title"].startswith("Average")}
    assert len(chosen) == len(Leg)
    back = {row.phase.value for row in PHASES.values() if row.leg is Leg.TERMINATION}
    found = re.search(r'phase=~"([^"]+)"', chosen["Average termination by phase"])
    left_out = re.search(r'phase!~"([^"]+)"', chosen["Average start by phase"])
    assert found is not None
    assert left_out is not None
    assert set(found[1].split("|")) == back
    assert back < set(left_out[1].split("|"))


def test_only_what_can_be_negative_has_an_axis_below_zero() -> None:
    """A clock can be behind; a duration cannot."""
    free = [panel["title"] for panel in PANELS if "min" not in panel["fieldConfig"]["defaults"]]
    assert free == ["Clocks of nodes"]


def test_every_histogram_is_on_it() -> None:
    """What the product measures is what the dashboard shows."""
    asked = " ".join(queries())
    assert [metric for metric in Metric if metric not in asked] == []


@pytest.mark.chart
def test_the_chart_brings_it_to_grafana_unchanged() -> None:
    """The sidecar finds the ConfigMap by its label; Grafana's own braces survive helm."""
    assert not [each for each in render({}) if each["metadata"]["name"].endswith("-dashboards")]
    objects = [each for each in render({"dashboards": {"enabled": True}}) if each["kind"] == "ConfigMap"]
    found = only([each for each in objects if "podtimeline.json" in each["data"]], "ConfigMap")
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(found["data"]["podtimeline.json"]) == DASHBOARD

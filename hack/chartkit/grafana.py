"""Just as much of Grafana's dashboard model as the dashboard needs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
SCHEMA_VERSION = 39
_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel: ``legend`` names its series; a ``table`` or an ``instant`` one is asked once."""

    expression: str
    legend: str = "__auto"
    instant: bool = False
    format: str = "time_series"

    def json(self, index: int) -> Json:
        """Return it as a target; letters tell a panel's queries apart."""
        return {
            "refId": chr(ord("A") + index),
            "datasource": _DATASOURCE,
            "editorMode": "code",
            "expr": self.expression,
            "legendFormat": self.legend,
            "format": self.format,
            "instant": self.instant,
            "range": not self.instant,
        }


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. ``custom`` is how a time series is drawn, ``overrides`` the exceptions for some series."""

    title: str
    kind: str
    text: str
    queries: Sequence[Query]
    width: int
    height: int = 8
    unit: str = "s"
    options: Mapping[str, Any] = field(default_factory=dict)
    custom: Mapping[str, Any] = field(default_factory=dict)
    overrides: Sequence[Json] = ()
    transformations: Sequence[Json] = ()
    none: str = ""
    """What is shown instead of "No data" where that is good news."""
    signed: bool = False
    """Whether values can be negative; every other axis begins at 0."""

    def json(self) -> Json:
        """Return it without its place."""
        defaults: Json = {"unit": self.unit, "custom": dict(self.custom)}
        if not self.signed:
            defaults["min"] = 0
        if self.none:
            defaults["noValue"] = self.none
        return {
            "type": self.kind,
            "title": self.title,
            "description": self.text,
            "datasource": _DATASOURCE,
            "targets": [query.json(index) for index, query in enumerate(self.queries)],
            "fieldConfig": {"defaults": defaults, "overrides": list(self.overrides)},
            "options": dict(self.options),
            "transformations": list(self.transformations),
        }


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and the panels below it, set from left to right."""

    title: str
    panels: Sequence[Panel]


def placed(rows: Iterable[Row]) -> Iterator[Json]:
    """Yield rows and panels with identity and place."""
    number, top = 0, 0
    for row in rows:
        number += 1
        place = {"x": 0, "y": top, "w": WIDTH, "h": 1}
        yield {"type": "row", "id": number, "title": row.title, "collapsed": False, "gridPos": place, "panels": []}
        top += 1
        left, tallest = 0, 0
        for panel in row.panels:
            if left + panel.width > WIDTH:
                top, left, tallest = top + tallest, 0, 0
            number += 1
            yield {**panel.json(), "id": number, "gridPos": {"x": left, "y": top, "w": panel.width, "h": panel.height}}
            left, tallest = left + panel.width, max(tallest, panel.height)
        top += tallest


def lines(*, stacked: bool = False, bars: bool = False) -> Json:
    """Return how a time series is drawn."""
    return {
        "drawStyle": "bars" if bars else "line",
        "fillOpacity": 70 if stacked or bars else 8,
        "lineWidth": 0 if stacked else 1,
        "showPoints": "auto",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
    }


def legend(*shown: str) -> Json:
    """Return a legend as a table of calculations, with a tooltip of all series."""
    below = {"displayMode": "table" if shown else "list", "placement": "bottom", "showLegend": True}
    return {"legend": {**below, "calcs": list(shown)}, "tooltip": {"mode": "multi", "sort": "desc"}}


def reduced(*, names: bool = False) -> Json:
    """Return the options of panels that show one number a series."""
    mode = "value_and_name" if names else "value"
    calculation = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    return {"reduceOptions": calculation, "textMode": mode, "colorMode": "none", "graphMode": "none"}


def by_name(name: str, **properties: object) -> Json:
    """Return what is different for the series or column of that name."""
    found = [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()]
    return {"matcher": {"id": "byName", "options": name}, "properties": found}


def variable(name: str, label: str, query: str) -> Json:
    """Return a choice of any number of a label's values."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": _DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }


def choice(name: str, label: str, values: Sequence[str], *, chosen: str, text: str) -> Json:
    """Return a choice of one of a few values."""
    options = [{"text": value, "value": value, "selected": value == chosen} for value in values]
    return {
        "name": name,
        "label": label,
        "description": text,
        "type": "custom",
        "query": ",".join(values),
        "options": options,
        "current": {"text": chosen, "value": chosen, "selected": True},
    }


def datasource() -> Json:
    """Return the choice of the Prometheus that is asked."""
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1}

"""The chart's values: each described, each checked, wrong ones refused."""

import json
from typing import Any

import jsonschema
import pytest
import yaml
from tests.support.helm import CHART, CI_VALUES, template

from chartkit import readme, rights, settings
from podtimeline.config import SPECS, Settings

VALUES = (CHART / "values.yaml").read_text()
SCHEMA = json.loads((CHART / "values.schema.json").read_text())


def test_config_holds_exactly_the_settings_with_their_defaults() -> None:
    """A setting that is added, renamed or given another default has to be in the chart too."""
    config = settings.default_config(VALUES)
    assert list(config) == list(SPECS)
    for name, value in config.items():
        default = getattr(Settings(), name)
        assert value == (list(default) if isinstance(default, tuple) else default), name


def test_what_is_derived_is_up_to_date() -> None:
    """``hack/chart`` has nothing left to write."""
    assert settings.with_settings(VALUES) == VALUES
    assert SCHEMA["properties"]["config"] == settings.schema()
    text = (CHART / "README.md").read_text()
    assert rights.with_rights(readme.with_table(text, values=VALUES)) == text
    helpers = (CHART / "templates/_helpers.tpl").read_text()
    assert rights.with_rules(helpers) == helpers


def test_every_value_is_described() -> None:
    """No value is left to be guessed."""
    assert readme.undescribed(VALUES) == []


def test_the_schema_covers_exactly_the_values() -> None:
    """What the schema allows on top are only the two keys that a parent chart passes."""
    assert set(SCHEMA["properties"]) - set(yaml.safe_load(VALUES)) == {"global", "enabled"}
    assert set(yaml.safe_load(VALUES)) <= set(SCHEMA["properties"])
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(yaml.safe_load(VALUES), SCHEMA)
    for path in CI_VALUES:
        jsonschema.validate(yaml.safe_load(path.read_text()), {**SCHEMA, "required": []} | _without_required())


def _without_required() -> dict[str, Any]:
    """The schema for values that are laid over the defaults: nothing has to be there."""

    def strip(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: strip(value) for key, value in node.items() if key != "required" or isinstance(value, dict)}
        return node

    stripped = strip(SCHEMA)
    assert isinstance(stripped, dict)
    return stripped


@pytest.mark.chart
@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"imagee": {}}, "imagee"),
        ({"image": {"repo": "x"}}, "repo"),
        ({"image": {"digest": "sha256:abc"}}, "digest"),
        ({"image": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
        ({"config": {"linger_second": 5}}, "linger_second"),
        ({"config": {"linger_seconds": -1}}, "linger_seconds"),
        ({"config": {"linger_seconds": "5"}}, "linger_seconds"),
        ({"config": {"listen": "8080"}}, "listen"),
        ({"config": {"listen": None}}, "listen"),
        ({"config": {"listen": "0.0.0.0:0"}}, "config.listen"),
        ({"config": {"api_listen": "0.0.0.0:0"}}, "config.api_listen"),
        ({"config": {"api_listen": "0.0.0.0:8080"}}, "name the same port"),
        ({"config": {"access": "closed"}}, "access"),
        ({"service": {"metricsPort": 0}}, "metricsPort"),
        ({"networkPolicy": {"ingressFrom": []}}, "ingressFrom"),
        ({"config": {"namespaces": "shop"}}, "namespaces"),
        ({"config": {"namespaces": ["Shop"]}}, "namespaces"),
        ({"config": {"log_level": "loud"}}, "log_level"),
        ({"config": {"sources": {}}}, "sources"),
        ({"service": {"port": 0}}, "port"),
        ({"service": {"type": "ExternalName"}}, "type"),
        ({"persistence": {"size": "much"}}, "size"),
        ({"persistence": {"accessModes": []}}, "accessModes"),
        ({"persistence": {"existingClaim": "mine"}}, "persistence.enabled"),
        ({"serviceMonitor": {"interval": "often"}}, "interval"),
        ({"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}}, "podMonitor.enabled"),
        ({"resources": {"limit": {}}}, "limit"),
        ({"podAnnotations": {"a": 1}}, "podAnnotations"),
        ({"tolerations": {}}, "tolerations"),
    ],
    ids=json.dumps,
)
def test_wrong_values_are_refused_by_name(values: dict[str, Any], named: str) -> None:
    """A misspelt key or a value out of range stops the installation and says which it was."""
    done = template(values)
    assert done.code != 0
    assert named in done.talk

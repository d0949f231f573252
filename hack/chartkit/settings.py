"""The chart's `config`: every setting of the operator, as it says of itself."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import yaml

from podtimeline.config import SPECS, Settings

BEGIN, END = "# BEGIN settings", "# END settings"
_HEAD = "# The operator's settings, as shown by `podtimeline config`; null leaves a setting unset."


def values_block() -> str:
    """Return the block of values.yaml, without its marker lines."""
    return "\n".join([_HEAD, "config:", *_lines()]) + "\n"


def _lines() -> Iterator[str]:
    for name, spec in SPECS.items():
        yield f"  # -- {spec.description} Allowed: {spec.allowed}."
        yield f"  {name}: {_default(spec.default)}"


def _default(value: object) -> str:
    return json.dumps(msgspec.to_builtins(value))


def with_settings(values: str) -> str:
    """Return values.yaml with the block between the markers made anew."""
    before, begin, rest = values.partition(BEGIN + "\n")
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"values.yaml has lost its lines {BEGIN!r} and {END!r}")
    return before + begin + values_block() + end + after


def schema() -> dict[str, Any]:
    """Return the JSON schema of `config`."""
    document = msgspec.json.schema(Settings)
    definitions = document["$defs"]
    known: dict[str, dict[str, Any]] = definitions["Settings"]["properties"]
    properties = {name: _inlined(known[name], definitions) for name in SPECS}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["listen", "api_listen", "access", "history"],
        "properties": properties,
    }


def _inlined(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return one setting's schema with what it refers to put in its place; the default stands in values.yaml."""
    kept = {key: value for key, value in schema.items() if key != "default"}
    reference = kept.pop("$ref", None)
    if reference is not None:
        kept = {**definitions[reference.rpartition("/")[2]], **kept}
        kept.pop("title", None)
    return kept


def default_config(values: str) -> dict[str, Any]:
    """Return the `config` of values.yaml."""
    loaded = yaml.safe_load(values)["config"]
    if not isinstance(loaded, dict):
        raise TypeError("config in values.yaml is not a mapping")
    return loaded

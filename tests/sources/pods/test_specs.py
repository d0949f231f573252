"""Who set a condition is read from what the API server recorded of its writers."""

import json
from typing import Any

import pytest

from podtimeline.sources.pods.specs import setter

GATE = "target-health.example.com/web"


def entry(manager: str, time: str, *conditions: str, value: bool = True) -> dict[str, Any]:
    """What the API server records of one manager that wrote to these conditions."""
    fields: dict[str, Any] = {".": {}, "f:lastTransitionTime": {}, "f:type": {}} | ({"f:status": {}} if value else {})
    written = {f'k:{{"type":"{each}"}}': fields for each in conditions}
    return {
        "manager": manager,
        "operation": "Update",
        "subresource": "status",
        "time": time,
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:status": {"f:conditions": {".": {}} | written, "f:phase": {}}},
    }


KUBELET = entry("kubelet", "2026-11-23T19:17:09Z", "Ready", "ContainersReady")
SPEC = {"manager": "kubectl", "time": "2026-11-23T19:17:01Z", "fieldsV1": {"f:spec": {"f:containers": {}}}}


@pytest.mark.parametrize(
    ("entries", "name"),
    [
        ([SPEC, KUBELET, entry("lb-controller", "2026-11-23T19:17:05Z", GATE)], "lb-controller"),
        ([entry("old", "2026-11-23T19:17:05Z", GATE), entry("new", "2026-11-23T19:17:06Z", GATE)], "new"),
        ([entry("stamps", "2026-11-23T19:17:08Z", GATE, value=False), entry("lb", "2026-11-23T19:17:05Z", GATE)], "lb"),
        ([SPEC, KUBELET], ""),
        ([], ""),
        (None, ""),
    ],
    ids=["one", "the latest of two", "who wrote the value", "nobody of the condition", "nobody", "null"],
)
def test_the_setter_is_who_wrote_the_value_of_the_condition_last(entries: list[Any] | None, name: str) -> None:
    """Managers that wrote elsewhere, or only a stamp of it, did not open the gate."""
    assert setter(json.dumps(entries).encode(), GATE) == name


@pytest.mark.parametrize("raw", [b"", b"{}", b'[{"fieldsV1":{"f:status":{"f:conditions":7}}}]', b"\xff"])
def test_what_is_not_understood_names_nobody(raw: bytes) -> None:
    """The fields have no schema to rely on: the pod is read all the same."""
    assert setter(raw, GATE) == ""

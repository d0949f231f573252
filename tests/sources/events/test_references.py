"""What an Event may be about, given where it is written."""

from typing import Any

import msgspec
import pytest
from tests.support.objects import event, raw

from podtimeline.ports import Mismatch, PodReference
from podtimeline.sources.events.event import Event, mismatch, pod_of


def written(namespace: str, about: dict[str, Any]) -> Event:
    """An Event of a namespace."""
    body = event("Started")
    body["metadata"]["namespace"] = namespace
    body["involvedObject"] |= about
    return msgspec.json.decode(raw(body), type=Event)


@pytest.mark.parametrize(
    ("namespace", "about", "expected"),
    [
        ("shop", {}, None),
        ("till", {}, Mismatch.NAMESPACE),
        ("shop", {"namespace": "till"}, Mismatch.NAMESPACE),
        ("default", {"namespace": ""}, Mismatch.NAMESPACE),
        ("", {"namespace": ""}, Mismatch.NAMESPACE),
        ("shop", {"uid": ""}, Mismatch.UID),
        ("shop", {"name": ""}, Mismatch.NAME),
        ("shop", {"kind": "PersistentVolumeClaim"}, None),
    ],
)
def test_an_event_is_about_an_object_of_its_own_namespace(
    namespace: str, about: dict[str, Any], expected: Mismatch | None
) -> None:
    """Kind, namespace, name and uid are written, and the namespace is the Event's."""
    assert mismatch(written(namespace, about)) is expected


@pytest.mark.parametrize(
    ("namespace", "about", "expected"),
    [
        ("default", {"uid": ""}, None),
        ("default", {"uid": "node-1"}, None),
        ("kube-system", {}, None),
        ("shop", {}, Mismatch.NAMESPACE),
        ("shop", {"namespace": "shop"}, Mismatch.NAMESPACE),
        ("default", {"namespace": "default"}, Mismatch.NAMESPACE),
        ("default", {"name": ""}, Mismatch.NAME),
    ],
)
def test_an_event_about_a_node_is_where_the_api_server_takes_it(
    namespace: str, about: dict[str, Any], expected: Mismatch | None
) -> None:
    """It has no namespace, and a kubelet does not know its uid."""
    node = {"kind": "Node", "namespace": "", "name": "node-1", "uid": ""}
    assert mismatch(written(namespace, node | about)) is expected


def test_the_pod_is_named_as_the_event_names_it() -> None:
    """The uid alone is not enough: anybody can write it."""
    assert pod_of(written("shop", {})) == PodReference("uid-web-1", "shop", "web-1")

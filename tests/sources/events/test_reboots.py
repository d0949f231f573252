"""A node's reboot is told of the pods whose sandboxes it took, whichever of the two Events comes first."""

from typing import Any

import msgspec
import pytest
from tests.support.objects import CREATED_NS, event, raw

from podtimeline.model.instants import SECOND
from podtimeline.model.observations import Befell, Incident
from podtimeline.sources.events.event import Event
from podtimeline.sources.events.reboots import Reboots

WORDS = "Node node-1 has been rebooted, boot id: 8f9a"
AT = CREATED_NS + 5
UID = "uid-web-1"


def reboot(at: int = AT, node: str = "node-1") -> dict[str, Any]:
    """The kubelet's Event about its Node."""
    about = {"kind": "Node", "name": node, "uid": node}
    return _at(event("Rebooted", container="", type="Warning", message=WORDS, involvedObject=about), at)


def changed(at: int = AT, node: str = "node-1") -> dict[str, Any]:
    """The kubelet's Event about a pod of the node."""
    source = {"component": "kubelet", "host": node}
    return _at(event("SandboxChanged", container="", message="Pod sandbox changed", source=source), at)


def _at(body: dict[str, Any], at: int) -> dict[str, Any]:
    body["metadata"]["name"] = f"x.{at:016x}"
    near = f"2026-11-23T19:{17 + (at - CREATED_NS) // (60 * SECOND):02d}:01Z"
    return body | {"firstTimestamp": near, "lastTimestamp": near}


def told(*bodies: dict[str, Any]) -> list[Befell]:
    """What the Events say of pods, read in this order."""
    reboots = Reboots()
    events = [msgspec.json.decode(raw(body), type=Event) for body in bodies]
    return [each for one in events for pod, each in reboots.read(one, arrived=AT + SECOND) if pod.name == "web-1"]


BEFELL = Befell(UID, Incident.NODE_REBOOTED, AT, WORDS)


@pytest.mark.parametrize("first", [0, 1], ids=["the node's Event first", "the pod's Event first"])
def test_a_pod_whose_sandbox_is_gone_after_a_reboot_has_lived_through_it(first: int) -> None:
    """The two Events have different objects and no order."""
    bodies = [reboot(), changed()]
    assert told(*(bodies if first == 0 else reversed(bodies))) == [BEFELL]


def test_a_sandbox_can_take_minutes_to_be_missed() -> None:
    """Its volumes are mounted first."""
    assert told(reboot(), changed(AT + 180 * SECOND)) == [BEFELL]


@pytest.mark.parametrize(
    "bodies",
    [
        (changed(),),
        (reboot(),),
        (reboot(node="node-2"), changed()),
        (reboot(), changed(AT + 900 * SECOND)),
        (changed(), reboot(AT + 900 * SECOND)),
    ],
    ids=["no reboot", "no sandbox", "another node", "long after", "long before"],
)
def test_a_sandbox_that_changed_for_another_reason_is_no_reboot(bodies: tuple[dict[str, Any], ...]) -> None:
    """The pause process died, or the network plugin failed."""
    assert told(*bodies) == []


def test_an_event_without_a_host_tells_of_no_node() -> None:
    """Not every reporter says where it runs."""
    assert told(reboot(), changed() | {"source": None}) == []

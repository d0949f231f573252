"""A node's reboot is told of the pods whose sandboxes it took, whichever of the two Events comes first."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tests.support.objects import CREATED_NS, event, raw

from podtimeline.bounded import Kept, Losses
from podtimeline.model.instants import SECOND
from podtimeline.model.observations import Befell, Incident
from podtimeline.sources.events import reboots
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
    known = Reboots(Losses())
    events = [msgspec.json.decode(raw(body), type=Event) for body in bodies]
    return [each for one in events for pod, each in known.read(one, arrived=AT + SECOND) if pod.name == "web-1"]


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


def test_sandboxes_of_one_namespace_take_no_room_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may create Events in a namespace can name any pod of it, and any node."""
    monkeypatch.setattr(reboots, "MAX_PODS", 10)
    losses = Losses()
    known = Reboots(losses)
    evil = {"kind": "Pod", "namespace": "evil", "name": "web-1"}
    flood = [changed() | {"involvedObject": evil | {"uid": f"evil-{number}"}} for number in range(100)]
    bodies = [changed(), *flood]
    for body in bodies:
        assert list(known.read(msgspec.json.decode(raw(body), type=Event), arrived=AT)) == []
    found = list(known.read(msgspec.json.decode(raw(reboot()), type=Event), arrived=AT))
    assert [each for pod, each in found if pod.namespace != "evil"] == [BEFELL]
    assert (len(found), losses.counts[Kept.SANDBOX_CHANGES]) == (10, 101 - 10)


def test_reboots_are_kept_as_long_as_pods_can_tell_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty minutes after it arrived no other Event is of it; until then the latest are kept."""
    monkeypatch.setattr(reboots, "MAX_NODES", 3)
    losses = Losses()
    known = Reboots(losses)
    for number in range(5):
        body = msgspec.json.decode(raw(reboot(node=f"node-{number}")), type=Event)
        list(known.read(body, arrived=AT + number * SECOND))
    told = [bool(list(_told(known, f"node-{number}", AT + 5 * SECOND))) for number in range(5)]
    assert (told, losses.counts[Kept.NODE_REBOOTS]) == ([False, False, True, True, True], 2)
    later = AT + 3 * SECOND + reboots.KEPT
    assert [bool(list(_told(known, f"node-{number}", later))) for number in (2, 3, 4)] == [False, False, True]


def _told(known: Reboots, node: str, arrived: int) -> Iterator[object]:
    return known.read(msgspec.json.decode(raw(changed(node=node)), type=Event), arrived=arrived)

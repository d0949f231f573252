"""The workloads of the accuracy bench are of every kind, and are waited for exactly."""

import copy
from dataclasses import dataclass, field
from typing import Any

import pytest

from benches import accuracy_pods
from benches.accuracy_hands import ROOM
from benches.accuracy_pods import Field, Kind, churn, idle, pod_spec, workload
from clusterkit.errors import ClusterError

IMAGES = {"image": "test/busybox:1", "pulled": "registry/busybox:1"}


def test_every_kind_has_a_workload_of_its_own_shape() -> None:
    """No kind is another one under a second name."""
    made = {kind: workload(kind, "one", replicas=1, **IMAGES) for kind in Kind}
    held = {kind: "finalizers" in each["spec"]["template"]["metadata"] for kind, each in made.items()}
    shapes = {repr((each["kind"], each["spec"]["template"]["spec"], held[kind])) for kind, each in made.items()}
    assert len(shapes) == len(Kind)


def test_pods_are_tiny() -> None:
    """Three hundred of them must fit a machine of two cores."""
    for kind in Kind:
        spec = pod_spec(kind, **IMAGES)
        for each in spec["containers"] + spec.get("initContainers", []):
            assert each["resources"]["requests"] == {"cpu": "1m", "memory": "4Mi"}


@dataclass
class StandIn:
    """An API whose controllers act at once: workloads have their pods as soon as they are made."""

    workloads: dict[str, Any] = field(default_factory=dict)
    most: int = 0
    made: int = 0
    stuck: bool = False
    rooms: list[str | None] = field(default_factory=list)

    def create(self, path: str, *, body: Any) -> None:
        """See ``Api``."""
        if not path.endswith("/services"):
            self.workloads[body["metadata"]["name"]] = copy.deepcopy(body)
            self._count(body["metadata"]["name"])

    def call(self, method: str, *, path: str, body: Any) -> tuple[int, Any]:
        """See ``Api``."""
        name = path.rpartition("/")[2]
        if path.startswith("/api/v1/nodes/"):
            self.rooms.append(body["metadata"]["labels"][ROOM])
        elif method == "DELETE":
            del self.workloads[name]
        else:
            self.workloads[name]["spec"] |= {key: value for key, value in body["spec"].items() if key == "replicas"}
            self._count(name)
        return 200, {}

    def get(self, path: str) -> Any:
        """See ``Api``."""
        pods = [self._pod(name) for name in self.workloads for _ in range(self._size(name))]
        self.most = max(self.most, len(pods))
        return {"items": pods}

    def _count(self, name: str) -> None:
        self.made += self._size(name)

    def _size(self, name: str) -> int:
        spec = self.workloads[name]["spec"]
        size: int = spec.get("replicas", spec.get("completions", 2))
        return size

    def _pod(self, name: str) -> Any:
        ready = {"type": "Ready", "status": "False" if self.stuck else "True"}
        return {
            "metadata": {"labels": {"app": name}},
            "spec": {},
            "status": {"phase": "Running", "conditions": [ready]},
        }


def world() -> tuple[StandIn, Field]:
    """A namespace behind the stand-in."""
    api = StandIn()
    return api, Field(api, "bench", nodes=2, **IMAGES)  # type: ignore[arg-type]


def test_idle_is_a_few_pods_at_a_time_of_every_kind() -> None:
    """Never more than two workloads, and nothing is left."""
    api, place = world()
    idle(place, rounds=2, say=lambda _: None)
    assert api.most <= 3
    assert api.made == 2 * (len(Kind) + 1)
    assert api.workloads == {}
    # The label that pods without a place wait for is off again before others come that are to wait for it.
    assert set(api.rooms) == {None}


def test_churn_is_all_kinds_at_once_with_rollouts_and_scalings() -> None:
    """A burst of two pods a kind, and nothing is left."""
    api, place = world()
    churn(place, waves=2, say=lambda _: None)
    assert api.most >= 2 * len(Kind)
    assert api.workloads == {}


def test_the_defaults_are_three_hundred_pods() -> None:
    """9 rounds idle and 7 waves of churn, as the command says."""
    api, place = world()
    idle(place, rounds=9, say=lambda _: None)
    churn(place, waves=7, say=lambda _: None)
    assert api.made >= 300


def test_a_workload_that_never_settles_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of waiting for ever."""
    monkeypatch.setattr(accuracy_pods, "_PATIENCE", 0.0)
    api, place = world()
    api.stuck = True
    place.create(Kind.PLAIN, "one")
    with pytest.raises(ClusterError, match="one"):
        place.settle()

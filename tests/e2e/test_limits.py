"""Pods about which the kubelet may not write all its Events, on a real cluster: see ``limits.yaml``."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import yaml
from tests.e2e.clusters import ROOT, Need, eventually, kubectl, namespace, needs, own_name, workers
from tests.e2e.processes import OperatorProcess
from tests.support.limits import CHECKS, Items
from tests.support.recorders import cluster_truth
from tests.support.truth import holds

from podtimeline.model.milestones import Milestone, MilestoneKey

pytestmark = [pytest.mark.e2e, pytest.mark.scenario]


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory, busybox: str) -> Iterator[Items]:
    """The timelines of all pods, once they are ready."""
    operator = OperatorProcess(tmp_path_factory.mktemp("operator"))
    with ExitStack() as stack:
        space = stack.enter_context(namespace("e2e-limits"))
        operator.start()
        stack.callback(operator.stop)
        objects = manifests(busybox)
        kubectl("apply", "-n", space, "-f", "-", text=yaml.safe_dump_all(objects))

        def ready() -> Items:
            items = {each["name"]: each for each in operator.pods(namespace=space)}
            assert {name: each["outcome"] for name, each in items.items()} == {
                each["metadata"]["name"]: "ready" for each in objects
            }
            return items

        yield eventually(ready, what="every pod is ready")


def manifests(image: str) -> list[Any]:
    """The pods of ``limits.yaml``, with what all their containers have in common."""
    objects = list(yaml.safe_load_all((ROOT / "tests/e2e/limits.yaml").read_text()))
    for each in objects:
        spec, count = each["spec"], int(each["metadata"].get("labels", {}).get("containers", 0))
        spec |= {"terminationGracePeriodSeconds": 1, "nodeSelector": {"kubernetes.io/hostname": workers()[0]}}
        if count:
            (only,) = spec["containers"]
            spec["containers"] = [only | {"name": f"{only['name']}{number:02d}"} for number in range(1, count + 1)]
        for container in spec["containers"]:
            container |= {"image": image, "imagePullPolicy": "IfNotPresent"}
    return objects


@pytest.mark.parametrize("check", CHECKS)
def test_what_no_event_tells_is_not_made_up(items: Items, check: str) -> None:
    """Starts and their bounds, the limit itself, and no talk of clocks: see ``tests.support.limits``."""
    CHECKS[check](items)


@needs(Need.LOGS)
def test_each_start_is_inside_its_bounds(items: Items) -> None:
    """Of starts that no Event tells, too: containerd wrote down when they were."""
    name = own_name()
    truth = cluster_truth(name)
    wrong = [
        (item["name"], said["subject"], said["at"])
        for item in items.values()
        for said in item["milestones"]
        if said["milestone"] == Milestone.STARTED
        and not holds(
            said, truth[item["uid"]].marks[MilestoneKey(Milestone.STARTED, said["subject"])], Milestone.STARTED
        )
    ]
    assert wrong == []

"""What is found out about pods of a real cluster: each reason with its evidence and what to try.

The pods are in ``findings.yaml``, what has to be found in ``tests.support.reasons``.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from tests.e2e.clusters import (
    ROOT,
    Need,
    eventually,
    hack_cluster,
    kubectl,
    kubectl_json,
    namespace,
    needs,
    own_cluster,
    workers,
)
from tests.e2e.processes import OperatorProcess
from tests.support.reasons import (
    GOING,
    PULLED,
    READY,
    REASONS,
    assert_earlier,
    assert_queued,
    assert_sound,
    assert_told,
    found,
)

pytestmark = [pytest.mark.e2e, pytest.mark.scenario]
SLOW = needs(Need.REGISTRY)
LABEL = "podtimeline.test/pulls"
Items = Mapping[str, Any]


WANTED = [name for name in REASONS if name not in PULLED or own_cluster()]
"""The pods whose reasons are there to be found on this cluster."""


@pytest.fixture(scope="module")
def slow_images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ...]]:
    """Two images that the nodes get slowly from the registry, none where there is no such registry."""
    if own_cluster() is None:
        yield ()
        return
    folder = tmp_path_factory.mktemp("slow")
    names = []
    for number in range(2):
        archive = folder / f"{number}.tar"
        hack_cluster("image", f"e2e/findings-{number}:1", str(archive), "--random-mb", "12")
        names.append(hack_cluster("push", str(archive), f"e2e/findings-{number}:1").strip())
    hack_cluster("pull-rate", "20mbit")
    yield tuple(names)
    hack_cluster("pull-rate", "off")


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory, busybox: str, slow_images: tuple[str, ...]) -> Iterator[Items]:
    """The documents of all pods once each reason is there to be found; each was asked for by its name."""
    operator = OperatorProcess(tmp_path_factory.mktemp("operator"))
    node = workers()[0]
    kubectl("label", "node", node, f"{LABEL}=here", "--overwrite")
    with namespace("e2e-findings") as space:
        operator.start()
        try:
            apply(space, busybox, slow_images)
            eventually(lambda: all_ready(space, GOING), what="pods that are to be deleted are ready")
            kubectl("delete", "pod", "-n", space, *GOING, "--wait=false")
            yield eventually(lambda: settled(operator, space), what="each reason is there to be found")
        finally:
            operator.stop()
            kubectl("label", "node", node, f"{LABEL}-")


def apply(space: str, busybox: str, slow: tuple[str, ...]) -> None:
    """Create all wanted pods at once."""
    text = (ROOT / "tests/e2e/findings.yaml").read_text().replace("IMAGE", busybox)
    for number, image in enumerate(slow):
        text = text.replace(f"SLOW-{number}", image)
    objects = [each for each in yaml.safe_load_all(text) if each["metadata"]["name"] in WANTED or each["kind"] != "Pod"]
    kubectl("apply", "-n", space, "-f", "-", text=yaml.safe_dump_all(objects))


def all_ready(space: str, names: tuple[str, ...]) -> bool:
    """Whether the API says so."""
    pods = {each["metadata"]["name"]: each for each in kubectl_json("get", "pods", "-n", space)["items"]}
    conditions = (pods[name]["status"].get("conditions", ()) for name in names)
    return all(any((each["type"], each["status"]) == ("Ready", "True") for each in mine) for mine in conditions)


def settled(operator: OperatorProcess, space: str) -> Items:
    """All documents, once what is to be ready is ready, what is to be gone is gone, and the others have failed."""
    listed = {each["name"]: each for each in operator.pods(namespace=space)}
    assert listed.keys() == set(WANTED)
    assert [name for name in READY if name in WANTED and listed[name]["outcome"] != "ready"] == []
    assert [name for name in GOING if listed[name]["terminationSeconds"] is None] == []
    documents = {name: operator.pod(space, name) for name in WANTED}
    for name, document in documents.items():
        found(document, REASONS[name].kind)
    assert_told(documents["deadlocked"], REASONS["deadlocked"])
    return documents


@pytest.mark.parametrize("name", [pytest.param(each, marks=SLOW if each in PULLED else ()) for each in REASONS])
def test_each_reason_is_found_with_its_evidence_and_advice(items: Items, name: str) -> None:
    """What an SRE would find out by hand."""
    assert_told(items[name], REASONS[name])


def test_findings_are_ranked_and_rest_on_something(items: Items) -> None:
    """Whatever happened to the pod."""
    for item in items.values():
        assert_sound(item)


@SLOW
def test_a_pull_that_waits_names_the_pull_that_it_waits_for(items: Items) -> None:
    """The kubelet of a node pulls one image at a time unless it is told otherwise."""
    assert set(PULLED) <= items.keys()
    assert_queued(items)


def test_how_much_earlier_a_probe_could_have_succeeded_is_a_range(items: Items) -> None:
    """From the last look that failed on, and no more than one period."""
    assert_earlier(items["probe-period"])

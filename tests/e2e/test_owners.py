"""Who asked for each pod, and when: every kind of owner on a real cluster, and what is refused before it is a pod."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner
from tests.e2e.clusters import eventually, kubectl, kubectl_json, namespace
from tests.e2e.processes import OperatorProcess
from tests.support.asking import CHECKS, REFUSED, asked, of, request
from tests.support.documents import WORKLOADS

from podtimeline.cli.main import main

pytestmark = [pytest.mark.e2e, pytest.mark.scenario]

HERE = Path(__file__).parent
QUOTA = "kind: ResourceQuota\napiVersion: v1\nmetadata: {name: full}\nspec: {hard: {pods: '%d'}}\n"
LEVEL = "pod-security.kubernetes.io/enforce"


@dataclass(frozen=True)
class Owners:
    """What the operator tells of every pod that came, by the wave that it came in, and of what was refused."""

    operator: OperatorProcess
    space: str
    refused: tuple[str, str]
    waves: dict[str, set[str]]
    while_refused: Any
    listed: str
    items: dict[str, Any]


def pods(*spaces: str) -> set[str]:
    """The uids of all pods of these namespaces."""
    return {each["metadata"]["uid"] for space in spaces for each in kubectl_json("get", "pods", "-n", space)["items"]}


def apply(space: str, file: str, **words: str) -> None:
    """Apply a file of this folder with words put in."""
    text = (HERE / file).read_text()
    for word, value in words.items():
        text = text.replace(word, value)
    kubectl("apply", "-n", space, "-f", "-", text=text)


@contextmanager
def widgets() -> Iterator[None]:
    """A kind of the test's own, gone afterwards."""
    apply("default", "owners-widgets.yaml")
    try:
        kubectl("wait", "--for=condition=Established", "crd/widgets.podtimeline.test", "--timeout=30s")
        yield
    finally:
        kubectl("delete", "crd", "widgets.podtimeline.test")


def first_wave(space: str, busybox: str) -> None:
    """Everything is asked for at once; the StatefulSet's first pod takes its time."""
    widget = "kind: Widget\napiVersion: podtimeline.test/v1\nmetadata: {name: gear}\n"
    eventually(lambda: kubectl("apply", "-n", space, "-f", "-", text=widget), seconds=30, what="Widgets are served")
    uid = kubectl_json("get", "widget", "gear", "-n", space)["metadata"]["uid"]
    apply(space, "owners.yaml", IMAGE=busybox, WIDGET=uid)
    rolled_out(space)
    kubectl("wait", "-n", space, "--for=condition=Complete", "job/report", "--timeout=60s")
    kubectl("wait", "-n", space, "--for=condition=Ready", "pod/bare", "pod/of-a-widget", "--timeout=60s")


def no_room(space: str) -> None:
    """A quota that lets no pod in; it lets all of them in until the controller has written its status."""
    kubectl("apply", "-n", space, "-f", "-", text=QUOTA % 0)
    hard = partial(kubectl_json, "get", "resourcequota/full", "-n", space)
    eventually(lambda: hard().get("status", {}).get("hard"), seconds=30, what="the quota is in force")


def rolled_out(space: str) -> None:
    """Wait until nothing rolls out any more."""
    for name in ("deploy/web", "sts/db", "ds/agent"):
        kubectl("rollout", "status", "-n", space, name, "--timeout=90s")


def refusals(operator: OperatorProcess, *spaces: str) -> Any:
    """What the operator tells of workloads, once each namespace has one that is refused now."""
    told = json.loads(operator.get("/api/v1/workloads"))
    assert set(spaces) <= {each["namespace"] for each in told["items"] if each["refused"]["now"]}
    return told


def listed(operator: OperatorProcess) -> str:
    """What ``podtimeline stuck`` prints."""
    server = f"http://127.0.0.1:{operator.api_port}"
    result = CliRunner().invoke(main, ["stuck", "--server", server], env={"COLUMNS": "300"}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def owners(tmp_path_factory: pytest.TempPathFactory, busybox: str) -> Iterator[Owners]:
    """Wave after wave; the operator is killed and started anew while two Deployments are refused their pods."""
    operator, waves = OperatorProcess(tmp_path_factory.mktemp("operator")), {}
    spaces = (namespace("owners"), namespace("owners-quota"), namespace("owners-admission"))
    with widgets(), spaces[0] as space, spaces[1] as quota, spaces[2] as admission:
        operator.start()
        try:
            no_room(quota)
            kubectl("label", "namespace", admission, f"{LEVEL}=restricted")
            apply(quota, "owners-refused.yaml", IMAGE=busybox, NAME="full")
            apply(admission, "owners-refused.yaml", IMAGE=busybox, NAME="barred")
            first_wave(space, busybox)
            waves["first"] = pods(space)
            kubectl("scale", "-n", space, "deploy/web", "--replicas=4")
            for name in ("sts/db", "ds/agent"):
                kubectl("set", "env", "-n", space, name, "STEP=2")
            rolled_out(space)
            waves["second"] = pods(space) - waves["first"]
            told, said = eventually(lambda: refusals(operator, quota, admission), seconds=30), listed(operator)
            operator.kill()
            operator.start()
            kubectl("set", "env", "-n", space, "deploy/web", "STEP=2")
            refusals(operator, quota, admission)
            rolled_out(space)
            waves["third"] = pods(space) - waves["first"] - waves["second"]
            eventually(lambda: settled(operator, waves["third"]), seconds=60)
            kill(space, waves["third"])
            kubectl("apply", "-n", quota, "-f", "-", text=QUOTA % 5)
            kubectl("label", "namespace", admission, f"{LEVEL}-")
            for where, name in ((quota, "full"), (admission, "barred")):
                kubectl("rollout", "status", "-n", where, f"deploy/{name}", "--timeout=60s")
            waves["refused"] = pods(quota, admission)
            waves["cron"] = eventually(lambda: of_cron(space), seconds=75, what="the CronJob has made a pod")
            waves["fourth"] = pods(space) - set().union(*waves.values())
            items = eventually(lambda: settled(operator, set().union(*waves.values())), seconds=30)
            yield Owners(operator, space, (quota, admission), waves, told, said, items)
        finally:
            operator.stop()


def kill(space: str, latest: set[str]) -> None:
    """One of the latest pods of the Deployment, and one of the StatefulSet."""
    found = [each["metadata"] for each in kubectl_json("get", "pods", "-n", space, "-l", "app=web")["items"]]
    name = next(each["name"] for each in found if each["uid"] in latest)
    kubectl("delete", "pod", "-n", space, name, "db-0", "--grace-period=1")
    rolled_out(space)


def of_cron(space: str) -> set[str]:
    """The uids of the CronJob's pods that are done."""
    done = kubectl_json("get", "pods", "-n", space, "--field-selector=status.phase=Succeeded")["items"]
    return {each["metadata"]["uid"] for each in done if each["metadata"]["name"].startswith("tick-")}


def settled(operator: OperatorProcess, uids: set[str]) -> dict[str, Any]:
    """Every timeline by uid, failing while one of ``uids`` is not told of or still starts."""
    items = {each["uid"]: each for each in operator.pods() if each["uid"] in uids}
    assert uids == items.keys()
    assert [each["name"] for each in items.values() if each["phase"] is not None] == []
    return items


@pytest.mark.parametrize("check", CHECKS)
def test_each_request_is_told(owners: Owners, check: str) -> None:
    """Milestones, their order, exact sums and words: see ``tests.support.asking``."""
    CHECKS[check](tuple(owners.items.values()))


def test_each_pod_was_made_for_what_was_asked_when_it_came(owners: Owners) -> None:
    """Wave by wave; the third one right after the operator was killed and started anew."""
    told = {
        wave: {asked(owners.items[uid]) for uid in uids if owners.items[uid]["name"].startswith("web-")}
        for wave, uids in owners.waves.items()
    }
    assert told["first"] == {"revision 1"}
    assert told["second"] == {"scaled from 2 to 4"}
    assert told["third"] == {"revision 2"}
    assert told["fourth"] == {None}


def test_refusals_are_told_by_workload_before_there_is_any_pod(owners: Owners) -> None:
    """Quota and admission, in the API server's own words; the API, ``stuck`` and the metric agree."""
    jsonschema.validate(owners.while_refused, WORKLOADS)
    quota, admission = owners.refused
    told = {each["namespace"]: each for each in owners.while_refused["items"]}
    for space, (name, words) in zip((quota, admission), REFUSED.items(), strict=True):
        assert told[space]["workload"] == {"kind": "Deployment", "name": name}
        assert told[space]["refused"]["maker"]["kind"] == "ReplicaSet"
        assert words in told[space]["refused"]["text"]
        line = next(line for line in owners.listed.splitlines() if f"{space}/{name}" in line)
        assert words in line
        metric = "podtimeline_workload_create_failures_total"
        counted = owners.operator.metric(metric, namespace=space, workload_kind="Deployment", workload=name)
        assert counted >= told[space]["refused"]["total"] > 1


def test_nothing_is_refused_any_more(owners: Owners) -> None:
    """What was wanted has come."""
    told = json.loads(owners.operator.get("/api/v1/workloads"))
    assert {each["namespace"] for each in told["items"] if each["refused"]["now"]}.isdisjoint(owners.refused)


def test_the_phases_of_requests_are_counted_once_a_pod(owners: Owners) -> None:
    """Across the kill and the restart of the operator."""
    pods = of(tuple(owners.items.values()), "db")
    for phase in ("predecessor", "replacement", "pod_creation"):
        labels = {"namespace": owners.space, "workload_kind": "StatefulSet", "workload": "db", "phase": phase}
        counted = owners.operator.metric("podtimeline_phase_duration_seconds_count", **labels)
        assert counted == sum(phase in request(item) for item in pods), phase

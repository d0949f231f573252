"""Who asked for each pod, and when: every kind of owner on a real cluster, and what is refused before it is a pod."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner
from tests.e2e.clusters import eventually, kubectl, kubectl_json, namespace
from tests.e2e.processes import OperatorProcess
from tests.support.sums import in_order, reached, whole
from tests.support.truth import nanoseconds

from podtimeline.cli.main import main
from podtimeline.render.schema import WORKLOADS

pytestmark = [pytest.mark.e2e, pytest.mark.scenario]

HERE = Path(__file__).parent
QUOTA = "kind: ResourceQuota\napiVersion: v1\nmetadata: {name: full}\nspec: {hard: {pods: '%d'}}\n"
LEVEL = "pod-security.kubernetes.io/enforce"
ROLLOUT, OWNER, CREATED = ("rollout_started", ""), ("owner_created", ""), ("created", "")
NEIGHBOUR, SAME_NAME = ("predecessor_ready", ""), ("predecessor_removed", "")
MINUTE = 60 * 10**9


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

    def of(self, wave: str, name: str) -> list[Any]:
        """The timelines of a wave's pods whose name is, or begins with, ``name``."""
        found = [self.items[uid] for uid in self.waves[wave]]
        return sorted((each for each in found if f"{each['name']}-".startswith(f"{name}-")), key=lambda it: it["name"])

    def only(self, wave: str, name: str) -> Any:
        """The only one."""
        (item,) = self.of(wave, name)
        return item


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
    server = f"http://127.0.0.1:{operator.port}"
    result = CliRunner().invoke(main, ["stuck", "--server", server], env={"COLUMNS": "300"}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def owners(tmp_path_factory: pytest.TempPathFactory, busybox: str) -> Iterator[Owners]:
    """Wave after wave; the operator is killed and started anew while two Deployments are refused their pods."""
    operator, waves = OperatorProcess(tmp_path_factory.mktemp("operator")), {}
    with widgets(), namespace("owners") as space, namespace("quota") as quota, namespace("admission") as admission:
        operator.start()
        try:
            kubectl("apply", "-n", quota, "-f", "-", text=QUOTA % 0)
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


def asked(item: Any) -> str:
    """What the pod was made for, in words."""
    words: str = reached(item)[ROLLOUT]["detail"]
    return words


def request(item: Any) -> dict[str, int]:
    """The phases of the request leg, in nanoseconds."""
    return {each["phase"]: each["durationNanoseconds"] for each in item["request"]}


def longest(item: Any) -> str:
    """The longest of them."""
    phases = request(item)
    return max(phases, key=lambda phase: phases[phase])


def test_every_pod_s_legs_lie_end_to_end_and_sum(owners: Owners) -> None:
    """Whoever asked for it, and nothing is skewed."""
    assert len(owners.items) >= 20
    for item in owners.items.values():
        whole(item)
        assert item["skewNanoseconds"] == 0, item["name"]


def test_the_first_rollout_of_a_deployment_is_asked_for_and_its_replicaset_made_before_its_pods(owners: Owners) -> None:
    """Revision 1, all within a moment."""
    for item in owners.of("first", "web"):
        assert asked(item) == "revision 1"
        in_order(item, ROLLOUT, OWNER, CREATED)
        assert 0 < item["requestedSeconds"] < 10
        assert request(item).keys() <= {"owner_controller", "pod_creation"}


def test_a_scale_up_is_its_own_request(owners: Owners) -> None:
    """Its ReplicaSet is that of the first rollout, which is no part of it."""
    grown = owners.of("second", "web")
    assert len(grown) == 2
    for item in grown:
        assert asked(item) == "scaled from 2 to 4"
        assert OWNER not in reached(item)
        assert item["requestedSeconds"] < 10


def test_a_second_revision_is_asked_for_by_its_number(owners: Owners) -> None:
    """Also right after the operator was killed and started anew; later pods wait until earlier ones are ready."""
    rolled = owners.of("third", "web")
    assert len(rolled) == 4
    for item in rolled:
        assert asked(item) == "revision 2"
        in_order(item, ROLLOUT, OWNER, CREATED)
        assert item["requestedSeconds"] < 60
    assert len({reached(item)[ROLLOUT]["at"] for item in rolled}) == 1


@pytest.mark.parametrize("name", ["web", "db"])
def test_what_replaces_a_killed_pod_was_asked_for_by_nobody(owners: Owners, name: str) -> None:
    """The rollout was complete: there is no request, and no leg of it."""
    item = owners.only("fourth", name)
    assert ROLLOUT not in reached(item)
    assert item["request"] == []
    assert item["requestedSeconds"] is None


def test_a_pod_of_the_same_name_waits_for_the_one_before_it(owners: Owners) -> None:
    """The removal of the killed pod is a milestone of the one that takes its name, request or not."""
    item = owners.only("fourth", "db")
    in_order(item, SAME_NAME, CREATED)
    assert reached(item)[SAME_NAME]["detail"] == "db-0"


def test_a_statefulset_starts_in_order(owners: Owners) -> None:
    """The second pod's request waits for the first one to be ready: four seconds by its probe."""
    zero, one = owners.of("first", "db")
    assert asked(zero) == asked(one)
    assert asked(zero).startswith("revision ")
    in_order(zero, ROLLOUT, OWNER, CREATED)
    in_order(one, ROLLOUT, OWNER, NEIGHBOUR, CREATED)
    assert reached(one)[NEIGHBOUR]["detail"] == "db-0"
    assert longest(one) == "predecessor"
    assert request(one)["predecessor"] >= 4 * 10**9
    assert "db-0" in one["explanation"]
    assert NEIGHBOUR not in reached(zero)


def test_an_update_of_a_statefulset_goes_downwards(owners: Owners) -> None:
    """The last pod is replaced first; the one before it waits for it, then for its own end of three seconds."""
    zero, one = owners.of("second", "db")
    assert asked(zero) == asked(one) != asked(owners.of("first", "db")[0])
    in_order(one, ROLLOUT, SAME_NAME, CREATED)
    assert longest(one) == "replacement"
    in_order(zero, ROLLOUT, NEIGHBOUR, SAME_NAME, CREATED)
    assert reached(zero)[NEIGHBOUR]["detail"] == "db-1"
    assert longest(zero) == "predecessor"
    assert request(zero)["replacement"] >= 2 * 10**9
    assert "db-1" in zero["explanation"]


def test_a_daemonset_is_asked_for_pods_by_revision(owners: Owners) -> None:
    """On every node; an update waits on each node for the pod that is there."""
    nodes = len(kubectl_json("get", "nodes")["items"])
    first, second = owners.of("first", "agent"), owners.of("second", "agent")
    assert len(first) == len(second) == nodes
    assert {asked(item) for item in first} == {"revision 1"}
    assert {asked(item) for item in second} == {"revision 2"}
    for item in first:
        in_order(item, ROLLOUT, OWNER, CREATED)
    for item in second:
        in_order(item, ROLLOUT, SAME_NAME, CREATED)
        assert reached(item)[SAME_NAME]["detail"] in {each["name"] for each in first}


def test_a_job_is_asked_for_by_its_creation(owners: Owners) -> None:
    """It is its own workload."""
    item = owners.only("first", "report")
    assert item["workload"] == {"kind": "Job", "name": "report"}
    assert asked(item) == "created"
    in_order(item, ROLLOUT, OWNER, CREATED)


def test_a_cronjob_asks_by_its_schedule(owners: Owners) -> None:
    """To the second that the schedule named, whenever its Job was made."""
    for item in owners.of("cron", "tick"):
        assert item["workload"] == {"kind": "CronJob", "name": "tick"}
        assert asked(item) == "schedule * * * * *"
        in_order(item, ROLLOUT, OWNER, CREATED)
        said = reached(item)[ROLLOUT]
        assert nanoseconds(said["at"]) % MINUTE == 0
        assert said["earliest"] == said["latest"] == said["at"]


def test_a_bare_pod_is_its_own_request(owners: Owners) -> None:
    """Nothing waited for it to be made."""
    item = owners.only("first", "bare")
    assert asked(item) == "bare pod"
    assert reached(item)[ROLLOUT]["at"] == reached(item)[CREATED]["at"]
    assert item["requestedNanoseconds"] == 0


def test_a_custom_owner_is_the_workload_and_what_it_was_asked_for_is_unknown(owners: Owners) -> None:
    """Nothing is guessed of a kind that is not read."""
    item = owners.only("first", "of-a-widget")
    assert item["workload"] == {"kind": "Widget", "name": "gear"}
    assert ROLLOUT not in reached(item)
    assert OWNER not in reached(item)
    assert item["requestedSeconds"] is None


def test_refusals_are_told_by_workload_before_there_is_any_pod(owners: Owners) -> None:
    """Quota and admission, in the API server's own words; the API, ``stuck`` and the metric agree."""
    jsonschema.validate(owners.while_refused, WORKLOADS)
    quota, admission = owners.refused
    told = {each["namespace"]: each for each in owners.while_refused["items"]}
    for space, name, words in ((quota, "full", "exceeded quota: full"), (admission, "barred", "violates PodSecurity")):
        assert told[space]["workload"] == {"kind": "Deployment", "name": name}
        assert told[space]["refused"]["maker"]["kind"] == "ReplicaSet"
        assert words in told[space]["refused"]["text"]
        line = next(line for line in owners.listed.splitlines() if f"{space}/{name}" in line)
        assert words in line
        metric = "podtimeline_workload_create_failures_total"
        counted = owners.operator.metric(metric, namespace=space, workload_kind="Deployment", workload=name)
        assert counted >= told[space]["refused"]["total"] > 1


def test_the_pod_that_comes_after_all_tells_of_the_refusals(owners: Owners) -> None:
    """Its request leg holds the whole wait, a restart of the operator included, and says why."""
    for space, words in zip(owners.refused, ("exceeded quota: full", "violates PodSecurity"), strict=True):
        items = [owners.items[uid] for uid in owners.waves["refused"] if owners.items[uid]["namespace"] == space]
        assert len(items) == 2
        for item in items:
            note = next(each for each in item["notes"] if each["reason"] == "FailedCreate")
            assert words in note["text"]
            assert note["count"] > 1
            assert asked(item) == "revision 1"
            in_order(item, ROLLOUT, OWNER, CREATED)
            assert longest(item) == "pod_creation"
            assert request(item)["pod_creation"] >= 10 * 10**9
            assert words in item["explanation"]


def test_nothing_is_refused_any_more(owners: Owners) -> None:
    """What was wanted has come."""
    told = json.loads(owners.operator.get("/api/v1/workloads"))
    assert {each["namespace"] for each in told["items"] if each["refused"]["now"]}.isdisjoint(owners.refused)


def test_the_phases_of_requests_are_counted_once_a_pod(owners: Owners) -> None:
    """Across the kill and the restart of the operator."""
    pods = [item for wave in owners.waves for item in owners.of(wave, "db")]
    for phase in ("predecessor", "replacement", "pod_creation"):
        labels = {"namespace": owners.space, "workload_kind": "StatefulSet", "workload": "db", "phase": phase}
        counted = owners.operator.metric("podtimeline_phase_duration_seconds_count", **labels)
        assert counted == sum(phase in request(item) for item in pods), phase

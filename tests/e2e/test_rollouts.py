"""Rollouts on a real cluster: a Deployment's, a StatefulSet's, a DaemonSet's and a Job's, and one that is held up."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner
from tests.e2e.clusters import eventually, kubectl, kubectl_json, namespace
from tests.e2e.processes import OperatorProcess
from tests.support.documents import ROLLOUT
from tests.support.sums import assert_whole, reached
from tests.support.truth import nanoseconds

from podtimeline.cli.main import main

pytestmark = [pytest.mark.e2e, pytest.mark.scenario]

HERE = Path(__file__).parent
WORKLOADS = {"web": "Deployment", "db": "StatefulSet", "agent": "DaemonSet", "report": "Job"}
STUCK = '{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"podtimeline.test/no-such:1"}]}}}}'


@dataclass(frozen=True)
class Rollouts:
    """What the operator tells of the second revision of each workload, and of a third one that cannot go on."""

    space: str
    operator: OperatorProcess
    done: dict[str, Any]
    first: Any
    stuck: Any


def told(operator: OperatorProcess, space: str, name: str, **query: str) -> Any:
    """The rollout of a workload by the operator's API."""
    return json.loads(operator.get(f"/api/v1/rollouts/{space}/{WORKLOADS[name]}/{name}", **query))


@pytest.fixture(scope="module")
def rollouts(tmp_path_factory: pytest.TempPathFactory, busybox: str) -> Iterator[Rollouts]:
    """Two revisions of everything, rolled out one after the other, then a revision whose image does not exist."""
    operator = OperatorProcess(tmp_path_factory.mktemp("operator"))
    with namespace("rollouts") as space:
        operator.start()
        try:
            for step in ("1", "2"):
                apply(space, "rollouts.yaml", IMAGE=busybox, STEP=step)
                if step == "1":
                    apply(space, "rollouts-job.yaml", IMAGE=busybox)
                for name in ("deploy/web", "sts/db", "ds/agent"):
                    kubectl("rollout", "status", "-n", space, name, "--timeout=120s")
            kubectl("wait", "-n", space, "--for=condition=Complete", "job/report", "--timeout=60s")
            done = eventually(lambda: complete(operator, space), seconds=60, what="every rollout is complete")
            first = told(operator, space, "web", revision=done["web"]["revisions"][1])
            kubectl("patch", "-n", space, "deploy/web", "--patch", STUCK)
            stuck = eventually(lambda: third(operator, space), seconds=60, what="the third revision is told")
            yield Rollouts(space, operator, done, first, stuck)
        finally:
            operator.stop()


def apply(space: str, file: str, **words: str) -> None:
    """Apply a file of this folder with words put in."""
    text = (HERE / file).read_text()
    for word, value in words.items():
        text = text.replace(word, value)
    kubectl("apply", "-n", space, "-f", "-", text=text)


def complete(operator: OperatorProcess, space: str) -> dict[str, Any]:
    """The rollouts of all workloads, failing while one is not complete."""
    found = {name: told(operator, space, name) for name in WORKLOADS}
    assert {name for name, each in found.items() if each["complete"] is None} == set()
    assert {name for name, each in found.items() if len(each["revisions"]) < 2} == {"report"}
    # What a workload was asked for is another stream, and may come after the pods that it led to.
    for each in found.values():
        unasked = [pod["timeline"]["name"] for pod in each["members"] if pod["current"] and pod["requested"] is None]
        assert each["workload"]["kind"] == "Job" or not unasked, unasked
    return found


def third(operator: OperatorProcess, space: str) -> Any:
    """The Deployment's third revision, once its first pod waits for its image."""
    found = told(operator, space, "web")
    assert len(found["revisions"]) == 3
    assert found["members"][-1]["timeline"]["phase"] in {"image_pull", "image_backoff"}
    return found


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_rollout_follows_the_schema_and_its_chain_sums_exactly(rollouts: Rollouts, name: str) -> None:
    """From the request to the completion, end to end, whatever the kind of the workload."""
    found = rollouts.done[name]
    jsonschema.validate(found, ROLLOUT)
    assert sum(each["durationNanoseconds"] for each in found["chain"]) == found["durationNanoseconds"]
    assert sum(each["durationNanoseconds"] for each in found["held"]) == found["durationNanoseconds"]
    assert [each["start"] for each in found["chain"][1:]] == [each["end"] for each in found["chain"][:-1]]
    assert (found["chain"][0]["start"], found["chain"][-1]["end"]) == (found["started"], found["complete"])


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_pod_of_a_rollout_sums_up_and_down(rollouts: Rollouts, name: str) -> None:
    """The legs of each pod that the rollout shows lie end to end."""
    for member in rollouts.done[name]["members"]:
        assert_whole(member["timeline"])


def test_a_deployment_surges_by_one_and_misses_none(rollouts: Rollouts) -> None:
    """As its strategy says: maxSurge 1, maxUnavailable 0."""
    found = rollouts.done["web"]
    assert (found["desired"], found["surge"], found["unavailable"]) == (3, 1, 0)
    assert len([each for each in found["members"] if each["current"]]) == 3
    assert len([each for each in found["members"] if not each["current"]]) == 3


def test_a_deployments_rollout_was_held_by_its_probes(rollouts: Rollouts) -> None:
    """Three pods one after the other, each not ready for two seconds: that is what people have to look at."""
    found = rollouts.done["web"]
    assert found["held"][0]["phase"] == "readiness_probe"
    assert len(found["held"][0]["pods"]) == 3
    assert "readiness probe" in found["explanation"]


def test_each_new_pod_was_made_once_the_one_before_was_ready(rollouts: Rollouts) -> None:
    """The order of the pods on the axis, by the bounds of their own milestones."""
    new = [each for each in rollouts.done["web"]["members"] if each["current"]]
    for before, after in itertools.pairwise(new):
        ready, created = (reached(each["timeline"])[mark, ""] for each, mark in ((before, "ready"), (after, "created")))
        assert nanoseconds(ready["earliest"]) <= nanoseconds(created["latest"])


def test_a_statefulset_was_held_by_the_pods_that_had_to_go(rollouts: Rollouts) -> None:
    """Its containers ignore SIGTERM for three seconds, and a pod's name is free only once it is gone."""
    found = rollouts.done["db"]
    assert [each["kind"] for each in found["chain"] if each["kind"] != "controller"] == [
        "termination",
        "startup",
        "termination",
        "startup",
    ]
    assert found["held"][0]["phase"] == "container_stop"
    assert (found["surge"], found["unavailable"]) == (0, 1)


def test_a_daemonset_replaces_one_node_after_the_other(rollouts: Rollouts) -> None:
    """As many pods as nodes that take it, which a tainted control plane does not, one of them missing at a time."""
    found = rollouts.done["agent"]
    nodes = kubectl_json("get", "daemonset", "-n", rollouts.space, "agent")["status"]["desiredNumberScheduled"]
    assert (found["desired"], found["surge"], found["unavailable"]) == (nodes, 0, 1)


def test_a_job_is_complete_when_its_last_pod_has_ended(rollouts: Rollouts) -> None:
    """Both pods ran for two seconds, one after the other."""
    found = rollouts.done["report"]
    assert [each["current"] for each in found["members"]] == [True, True]
    assert found["durationSeconds"] > 4
    ends = [nanoseconds(each["up"]) for each in found["members"]]
    assert nanoseconds(found["complete"]) == max(ends)


def test_an_older_revision_is_told_when_asked_for(rollouts: Rollouts) -> None:
    """The first one: nothing was there before, so nothing was unavailable."""
    assert rollouts.first["revision"] == rollouts.done["web"]["revisions"][1]
    assert rollouts.first["complete"] is not None
    assert rollouts.first["unavailable"] is None


def test_a_rollout_that_is_stuck_names_the_pod_it_waits_for(rollouts: Rollouts) -> None:
    """Its image does not exist: the rollout goes on and says so."""
    found = rollouts.stuck
    waiting = found["members"][-1]["timeline"]
    assert (found["complete"], found["desired"], found["surge"], found["unavailable"]) == (None, 3, 1, 0)
    assert f"{waiting['name']} not ready yet" in found["explanation"]


def test_the_command_draws_it(rollouts: Rollouts) -> None:
    """``podtimeline rollout`` shows each pod, the counts, and the sentence."""
    server = f"http://127.0.0.1:{rollouts.operator.api_port}"
    done = CliRunner().invoke(main, ["rollout", "sts/db", "-n", rollouts.space, "--server", server])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert [line[:6] for line in lines if line[:2] in {"+ ", "- "}] == ["- db-0", "- db-1", "+ db-1", "+ db-0"]
    assert lines[-1].startswith("It took")

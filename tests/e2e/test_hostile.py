"""Hostile Events, slices, annotations and statuses during a rollout: the operator stays, and tells every other pod.

Twice with one history: what comes in while the operator runs, and what its saved resourceVersion leads it to when it
starts again. Who posts the Events may do nothing else.
"""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from click.testing import CliRunner
from tests.e2e.clusters import eventually, kubectl, kubectl_json, namespace
from tests.e2e.hostile import (
    GRACES,
    UNREADABLE,
    Object,
    Posted,
    accepted,
    events,
    jobs,
    pods,
    post,
    slices,
    statuses,
    written_in_9999,
)
from tests.e2e.processes import OperatorProcess
from tests.e2e.support_chart import allowed
from tests.support.audit import HOSTILE
from tests.support.sums import assert_whole, reached

from podtimeline.cli.main import main

pytestmark = [pytest.mark.e2e, pytest.mark.scenario]

WAVES = ("1", "2")
LEAST = {"Event": 28, "EndpointSlice": 6, "Pod": 10, "Job": 3, "pod patch": 2, "endpointslice patch": 1}
"""How many objects of each kind the API server has to take, for a wave to be one."""
REFUSED = frozenset({"count", "huge", "year-10000", "elsewhere", "new-reason"})
"""Objects that Kubernetes is known to refuse (1.34, 1.37)."""

RIGHTS = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: writer}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: writer}
rules:
- {apiGroups: [""], resources: [events], verbs: [create]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: writer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: writer}
subjects: [{kind: ServiceAccount, name: writer}]
"""

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 4
  selector: {{matchLabels: {{app: web}}}}
  strategy: {{rollingUpdate: {{maxSurge: 1, maxUnavailable: 0}}}}
  template:
    metadata: {{labels: {{app: web}}, annotations: {{wave: "{wave}"}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: main
        image: {image}
        imagePullPolicy: IfNotPresent
        command: [sh, -c, "sleep 3; touch /tmp/up; sleep 3600"]
        readinessProbe: {{exec: {{command: [test, -f, /tmp/up]}}, periodSeconds: 1}}
        resources: {{requests: {{cpu: 1m, memory: 4Mi}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  selector: {{app: web}}
  ports: [{{port: 80, targetPort: 8080}}]
"""

SLEEPER = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {{name: main, image: {image}, imagePullPolicy: IfNotPresent, command: [sleep, "3600"]}}
"""


@dataclass(frozen=True)
class Life:
    """One life of the process: what was posted in it, and what it answered at its end."""

    wave: str
    posted: tuple[Posted, ...]
    rollout: frozenset[str]
    """Names of the pods that this life's rollout made."""
    victim: Any
    """The timeline of the pod of another namespace."""
    pods: dict[str, Any]
    rollouts: dict[str, Any]
    statuses: dict[str, int]
    metrics: dict[str, float]
    faults: list[Any]
    screens: dict[str, tuple[int, str]]
    """Exit code and output of each command."""
    ran: bool
    """Whether the process ran until it was asked to end."""
    code: int


@dataclass(frozen=True)
class Attack:
    """The two lives, the names of the attacked namespace's own, and all that the processes wrote."""

    space: str
    lives: dict[str, Life]
    written: str


@dataclass(frozen=True)
class Scene:
    """Where it happens."""

    operator: OperatorProcess
    space: str
    image: str
    foreign: Object
    """A pod of another namespace."""


@pytest.fixture(scope="module")
def attack(tmp_path_factory: pytest.TempPathFactory, busybox: str) -> Iterator[Attack]:
    """Two waves with one history; the second begins while the operator is down."""
    home = tmp_path_factory.mktemp("operator")
    operator = OperatorProcess(home)
    with namespace(HOSTILE) as space, namespace(f"{HOSTILE}-victim") as other:
        kubectl("apply", "-n", other, "-f", "-", text=SLEEPER.format(name="victim", image=busybox))
        scene = Scene(operator, space, busybox, kubectl_json("get", "pod/victim", "-n", other))
        kubectl("apply", "-n", space, "-f", "-", text=RIGHTS)
        assert not allowed("create", "pods", account=f"{space}:writer", namespace=space)
        kubectl("apply", "-n", space, "-f", "-", text=SLEEPER.format(name="target", image=busybox))
        rolled(scene, "0")
        try:
            operator.start()
            lives = {"1": lived(scene, "1", ())}
            missed = tuple(post(space, hostile_events(scene, "1-missed"), account="writer"))
            operator.start()
            lives["2"] = lived(scene, "2", missed)
        finally:
            if operator.running():
                operator.stop()
        written = [each.read_text(errors="strict") for each in (*home.glob("*.out"), *home.glob("*.err"))]
        yield Attack(space, lives, "".join(written))


def rolled(scene: Scene, wave: str) -> None:
    """Begin a rollout and wait until it is complete."""
    kubectl("apply", "-n", scene.space, "-f", "-", text=WEB.format(wave=wave, image=scene.image))
    kubectl("rollout", "status", "deployment/web", "-n", scene.space, "--timeout=180s")


def newest(space: str, kind: str) -> Any:
    """The youngest object of the Deployment's."""
    found = kubectl_json("get", kind, "-n", space, "-l", "app=web", "--sort-by=.metadata.creationTimestamp")
    return found["items"][-1]


def hostile_events(scene: Scene, wave: str) -> dict[str, Object]:
    """The Events of one wave."""
    pod, deployment = (kubectl_json("get", each, "-n", scene.space) for each in ("pod/target", "deployment/web"))
    return events(scene.space, wave, pod=pod, deployment=deployment, replicaset=newest(scene.space, "replicaset"))


def lived(scene: Scene, wave: str, missed: tuple[Posted, ...]) -> Life:
    """Attack during a rollout, wait until everything is told, ask for everything, and end the process."""
    operator, space = scene.operator, scene.space
    kubectl("apply", "-n", space, "-f", "-", text=WEB.format(wave=wave, image=scene.image))
    posted = attacked(scene, wave)
    kubectl("rollout", "status", "deployment/web", "-n", space, "--timeout=180s")
    made = frozenset(
        each["metadata"]["name"]
        for each in kubectl_json("get", "pods", "-n", space, "-l", "app=web")["items"]
        if each["metadata"]["annotations"]["wave"] == wave and "deletionTimestamp" not in each["metadata"]
    )
    eventually(lambda: told(operator, space, made), what="every pod of the rollout is told")
    removed(scene, wave)
    names = {f"{slug}-{wave}" for slug in accepted(posted, "Pod")}
    eventually(lambda: names <= {each["name"] for each in operator.pods(namespace=space)}, what="hostile pods are told")
    unread = len(accepted((*posted, *missed), "Event") & UNREADABLE)
    eventually(lambda: malformed(operator, "events") >= unread, what="what could not be read is counted")
    return asked(scene, wave, (*posted, *missed), made)


def attacked(scene: Scene, wave: str) -> tuple[Posted, ...]:
    """Post one wave."""
    space = scene.space
    pod = kubectl_json("get", "pod/target", "-n", space)
    posted = post(space, pods(space, wave, scene.image, pod)) + statuses(space, wave)
    posted += post(space, hostile_events(scene, wave), account="writer")
    posted += [*post(space, slices(space, wave, pod, scene.foreign)), written_in_9999(space, wave)]
    return tuple(posted + post(space, jobs(space, wave, scene.image)))


def removed(scene: Scene, wave: str) -> None:
    """Delete the pods with grace periods of centuries, then by force, until their removal is told."""
    space, names = scene.space, [f"{slug}-{wave}" for slug in GRACES]
    kubectl("wait", "-n", space, "--for=condition=Ready", "--timeout=120s", *(f"pod/{each}" for each in names))
    kubectl("delete", "pod", "-n", space, "--wait=false", *names)
    eventually(lambda: all(leaves(scene, each) for each in names), what="their deletion is told")
    kubectl("delete", "pod", "-n", space, "--force", "--grace-period=0", "--ignore-not-found", *names)
    eventually(lambda: all(gone(scene, each) for each in names), what="their removal is told")


def leaves(scene: Scene, name: str) -> bool:
    """Whether a pod is told to be deleted."""
    return scene.operator.pod(scene.space, name)["deletion"] is not None


def gone(scene: Scene, name: str) -> bool:
    """Whether a pod is told to be removed."""
    return ("object_removed", "") in reached(scene.operator.pod(scene.space, name))


def told(operator: OperatorProcess, space: str, names: frozenset[str]) -> bool:
    """Whether these pods are told up to their endpoint."""
    found = {each["name"] for each in operator.pods(namespace=space) if each["endpointSeconds"] is not None}
    return names <= found


def malformed(operator: OperatorProcess, stream: str) -> float:
    """How many objects of a stream could not be read."""
    return operator.metric("podtimeline_stream_malformed_total", stream=stream)


def asked(scene: Scene, wave: str, posted: tuple[Posted, ...], made: frozenset[str]) -> Life:
    """Everything that the operator answers, then its end."""
    operator, space = scene.operator, scene.space
    items = {each["name"]: each for each in operator.pods(namespace=space)}
    rollouts = {each: json.loads(operator.get(f"/api/v1/rollouts/{space}/{each}")) for each in ("Deployment/web",)}
    answered = statuses_of(operator, space, items)
    metrics = {stream: malformed(operator, stream) for stream in ("events", "endpointslices", "pods")}
    metrics |= {
        "quarantined": operator.metric("podtimeline_quarantined_pods"),
        "faults": operator.metric("podtimeline_faults_total", step="decode"),
        "foreign": operator.metric("podtimeline_mismatched_references_total", stream="endpointslices"),
    }
    found = json.loads(operator.get("/api/v1/faults"))["items"]
    drawn = screens(operator, space, items)
    ran = operator.running()
    victim = operator.pod(scene.foreign["metadata"]["namespace"], "victim")
    return Life(wave, posted, made, victim, items, rollouts, answered, metrics, found, drawn, ran, operator.stop())


def statuses_of(operator: OperatorProcess, space: str, names: dict[str, Any]) -> dict[str, int]:
    """The HTTP status of every path, of each pod and workload where it names one."""
    api, metrics = (f"http://127.0.0.1:{port}" for port in (operator.api_port, operator.port))
    urls = [f"{metrics}/{each}" for each in ("metrics", "healthz", "readyz", "openapi.json")]
    urls += [f"{api}/{each}" for each in ("openapi.json", "api/v1/faults", "api/v1/workloads", "api/v1/pods?limit=500")]
    urls += [f"{api}/api/v1/pods/{space}/{name}" for name in names]
    urls += [f"{api}/api/v1/pods?namespace={space}&order={order}" for order in ("newest", "slowest")]
    owners = {(each["workload"]["kind"], each["workload"]["name"]) for each in names.values()}
    urls += [f"{api}/api/v1/rollouts/{space}/{kind}/{name}" for kind, name in owners if kind in {"Deployment", "Job"}]
    return {url.partition("/")[2].partition("/")[2].partition("/")[2]: _status(url) for url in urls}


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            status: int = answer.status
            answer.read()
            return status
    except urllib.error.HTTPError as error:
        return error.code


def screens(operator: OperatorProcess, space: str, names: dict[str, Any]) -> dict[str, tuple[int, str]]:
    """What the commands print: of each pod, of the rollout, and of stuck pods."""
    commands = [["show", name, "-o", "wide"] for name in names]
    commands += [["show", "deploy/web", "-o", "wide"], ["rollout", "deploy/web"], ["stuck", "--longer", "1s"]]
    server = ["-n", space, "--server", f"http://127.0.0.1:{operator.api_port}"]
    found = {}
    for words in commands:
        done = CliRunner().invoke(main, [*words, *server], env={"COLUMNS": "160"})
        found[" ".join(words)] = done.exit_code, done.output
    return found


@pytest.fixture(params=WAVES)
def life(attack: Attack, request: pytest.FixtureRequest) -> Life:
    """Each of the two lives."""
    found: Life = attack.lives[request.param]
    return found


def test_the_api_server_took_enough_of_each_kind(life: Life) -> None:
    """What it refused, it gave a reason for, and is known to be refused: the rest reached the operator."""
    taken = {kind: len(accepted(life.posted, kind)) for kind in LEAST}
    assert {kind: count for kind, count in taken.items() if count < LEAST[kind]} == {}
    refused = {each.slug: each.refused for each in life.posted if each.refused is not None}
    assert set(refused) <= REFUSED, refused
    assert all(re.search(r"Error from server|is invalid", words) for words in refused.values()), refused


def test_the_process_never_ended(life: Life) -> None:
    """It ran until it was asked to end, and then ended with success."""
    assert (life.ran, life.code) == (True, 0)


def test_every_pod_of_the_rollout_is_told_with_its_start(life: Life) -> None:
    """Ready, with an endpoint, nothing partial, and phases that sum."""
    assert len(life.rollout) == 4
    for name in life.rollout:
        item = life.pods[name]
        assert (item["outcome"], item["partial"], item["error"]) == ("ready", [], None), name
        assert item["startupSeconds"] > 3, name
        assert item["requestedSeconds"] is not None, name
        assert_whole(item)
    found = life.rollouts["Deployment/web"]
    assert {each["timeline"]["name"] for each in found["members"] if each["current"]} == life.rollout
    assert found["complete"] is not None


def test_a_pod_of_another_namespace_is_told_as_if_nothing_had_been(life: Life) -> None:
    """The slices that name it are of a namespace that it is not in."""
    assert "hostile-" not in json.dumps(life.victim).replace("e2e-hostile-victim", "")
    assert life.victim["endpointSeconds"] is None
    assert_whole(life.victim)


def test_hostile_pods_are_shown(life: Life) -> None:
    """Each with what is known of it; what could not be read of one is said of that one only."""
    slugs = accepted(life.posted, "Pod")
    shown = {slug: life.pods[f"{slug}-{life.wave}"] for slug in slugs}
    for item in shown.values():
        assert_whole(item)
    assert {slug for slug, item in shown.items() if "malformed" in item["partial"]} == {"status-9999"}
    assert {slug for slug, item in shown.items() if item["error"] is not None} == set()
    assert {shown[slug]["deletion"]["graceSeconds"] for slug in GRACES} == set(GRACES.values())
    assert life.pods["target"]["outcome"] == "ready"


def test_every_path_answers(life: Life) -> None:
    """200, whatever it is asked about."""
    assert len(life.statuses) > 20
    assert {path: status for path, status in life.statuses.items() if status != 200} == {}


def test_the_metrics_tell_what_was_skipped(life: Life) -> None:
    """By stream and by step, with the pods of which something could not be read."""
    unread = len(accepted(life.posted, "Event") & UNREADABLE)
    assert life.metrics["events"] >= unread
    assert life.metrics["endpointslices"] >= 1
    assert life.metrics["pods"] >= 1
    assert life.metrics["quarantined"] >= int(life.wave)
    assert life.metrics["faults"] >= unread + 2
    assert life.metrics["foreign"] >= 1


def test_the_faults_are_listed_with_a_sample_of_each(life: Life) -> None:
    """What failed, where, how often, and in what."""
    decoded = [each for each in life.faults if each["step"] == "decode"]
    assert sum(each["count"] for each in decoded) == life.metrics["faults"]
    assert all(each["where"].startswith("podtimeline.") and each["sample"] for each in decoded)
    assert {each["subject"] for each in decoded} <= {"events", "endpointslices", "pods"}
    # A moment that 64 bits do not hold, and a reason, a path, a uid or a host that is too long.
    assert {"MalformedObject", "ValidationError"} <= {each["error"].partition(":")[0] for each in decoded}


def test_nothing_fails_but_what_was_read(life: Life) -> None:
    """What the decoders let through is applied, evaluated, committed, restored and rendered."""
    assert [each for each in life.faults if each["step"] != "decode"] == []


def test_the_terminal_draws_everything(life: Life) -> None:
    """Every command succeeds, and no stranger's word moves the cursor or turns the text around."""
    assert {words: done for words, done in life.screens.items() if done[0] != 0} == {}
    printed = "".join(output for _, output in life.screens.values())
    assert not re.search("[\x00\x1b\x07\u202e\u2028\u200b]", printed)
    assert f"status-digits-{life.wave}" in life.screens["stuck --longer 1s"][1]


def test_what_the_process_writes_can_be_read(attack: Attack) -> None:
    """Neither its log nor its lines hold what does not show."""
    assert not re.search("[\x00\x1b\x07\u202e\u2028\u200b]", attack.written)
    assert "Traceback" not in attack.written

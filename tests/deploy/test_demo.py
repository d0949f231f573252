"""The demo: its workloads, its Prometheus, and what it says, as far as that can be told without a cluster."""

import io
import json
import re
import socket
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from clusterkit.errors import ClusterError
from clusterkit.model import STATE_ROOT
from demokit import cluster, consent, demo, shop
from demokit.cluster import Cluster, Made
from demokit.prometheus import Prometheus, Target, configuration, free_port

OBJECTS: list[dict[str, Any]] = [each for each in yaml.safe_load_all(shop.manifests({})) if each is not None]
WORKLOADS = [each for each in OBJECTS if each["kind"] != "Service"]
KINDS = {"Deployment": "deploy", "Job": "job"}
each_workload = pytest.mark.parametrize("workload", WORKLOADS, ids=lambda each: each["metadata"]["name"])
ELSEWHERE = Cluster(made=Made.ELSEWHERE, name="", kubeconfig="/k", kubectl_path="/bin/kubectl", helm_path="/bin/helm")


def containers(workload: dict[str, Any]) -> list[dict[str, Any]]:
    """All containers of a workload's pods."""
    pod = workload["spec"]["template"]["spec"]
    return [*pod.get("initContainers", ()), *pod["containers"]]


def test_every_workload_is_shown_and_every_shown_one_is_there() -> None:
    """The list of what is shown and the manifests are two lists of the same."""
    there = {f"{KINDS[each['kind']]}/{each['metadata']['name']}" for each in WORKLOADS}
    assert {item.target for item in shop.ITEMS} == there


@each_workload
def test_workloads_meet_the_restricted_standard(workload: dict[str, Any]) -> None:
    """The shop runs in a namespace that enforces it."""
    pod = workload["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in containers(workload):
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        assert container["resources"]["requests"]


@each_workload
def test_workloads_use_only_images_that_the_demo_can_replace(workload: dict[str, Any]) -> None:
    """Where no registry is reached every image has to be a local one."""
    assert {container["image"] for container in containers(workload)} <= {shop.SMALL, shop.LARGE}


def test_local_images_take_the_place_of_all_public_ones() -> None:
    """No name of a public registry is left over."""
    text = shop.manifests({shop.SMALL: "local/small:1", shop.LARGE: "local/large:1"})
    assert set(re.findall(r"image: (\S+)", text)) == {"local/small:1", "local/large:1"}


def test_services_reach_the_pods_they_are_named_after() -> None:
    """Each Service's selector fits the pods of its workload and of no other."""
    for service in (each for each in OBJECTS if each["kind"] == "Service"):
        selector = service["spec"]["selector"].items()
        fitting = [each for each in WORKLOADS if selector <= each["spec"]["template"]["metadata"]["labels"].items()]
        assert [each["metadata"]["name"] for each in fitting] == [service["metadata"]["name"]]


def test_the_scrape_keeps_labels_and_goes_through_the_api_server() -> None:
    """The namespace of a followed pod must not be renamed; any cluster's API server serves the path."""
    target = Target(namespace="system", service="podtimeline")
    job = json.loads(configuration(target, proxy="127.0.0.1:1", interval=2))["scrape_configs"][0]
    assert job["honor_labels"] is True
    assert job["metrics_path"] == "/api/v1/namespaces/system/services/podtimeline:metrics/proxy/metrics"
    assert job["static_configs"] == [{"targets": ["127.0.0.1:1"]}]


def test_a_taken_port_is_not_fought_for() -> None:
    """Somebody's own Prometheus keeps its port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) not in {0, port}


def test_a_proxy_that_ends_at_once_is_told_with_its_words(tmp_path: Path) -> None:
    """A kubeconfig that leads nowhere shows as what kubectl says of it."""
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f"#!{sys.executable}\nraise SystemExit('no such context')\n")
    kubectl.chmod(0o755)
    watcher = Prometheus(tmp_path / "state")
    with pytest.raises(ClusterError, match=r"proxy exited: no such context|process .* exited immediately"):
        watcher.start(Target(namespace="a", service="b"), kubectl=[str(kubectl)], cache=tmp_path)
    watcher.stop()


def test_a_process_that_outlives_the_demo_is_told_its_cluster() -> None:
    """The demo's own cluster is in no environment; a list of kubeconfigs can only be there."""
    assert ELSEWHERE.kubectl_command == ["/bin/kubectl", "--kubeconfig=/k"]
    assert replace(ELSEWHERE, kubeconfig="/k:/l").kubectl_command == ["/bin/kubectl"]


def test_a_kubeconfig_tells_who_made_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images get onto the nodes of hack/cluster by its own tool, whatever the cluster's name."""
    monkeypatch.setattr(cluster, "_tools", lambda _made, **_: ("kubectl", "helm"))
    monkeypatch.setenv("KUBECONFIG", str(STATE_ROOT / "mine/kubeconfig"))
    found = cluster.given()
    assert found is not None
    assert (found.made, found.name) == (Made.HACK_CLUSTER, "mine")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("apiVersion: v1\ncurrent-context: kind-blue\nkind: Config\n", (Made.KIND, "blue")),
        ('{"kind": "Config",\n "current-context": "kind-blue"}', (Made.KIND, "blue")),
        ("contexts:\n- name: kind-blue\ncurrent-context: prod\n", (Made.ELSEWHERE, "")),
        ("kind: Config\n", (Made.ELSEWHERE, "")),
    ],
)
def test_a_kind_cluster_is_known_without_kubectl(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: tuple[Made, str]
) -> None:
    """By the context that counts, in whichever of the two formats, in the first of several files that names one."""
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "empty").write_text("kind: Config\n")
    (tmp_path / "config").write_text(text)
    assert cluster.maker(f"{tmp_path / 'missing'}:{tmp_path / 'empty'}:{tmp_path / 'config'}") == expected


def test_a_kind_that_is_there_with_docker_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a minute where building a cluster takes ten; without a daemon it is of no use."""
    monkeypatch.setenv("PATH", str(tmp_path))
    chosen = []
    for name, line in (("docker", "exit 0"), ("kind", "exit 0"), ("docker", "exit 1")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
        chosen.append(cluster.preferred())
    assert chosen == [Made.HACK_CLUSTER, Made.KIND, Made.HACK_CLUSTER]


def test_a_foreign_cluster_needs_a_pushed_image(tmp_path: Path) -> None:
    """The message says what to do instead of loading."""
    with pytest.raises(ClusterError, match="--image NAME:TAG"):
        ELSEWHERE.load(tmp_path / "image.tar")


def test_the_last_words_say_where_to_look_next() -> None:
    """Commands that can be copied, with the kubeconfig they need; Prometheus only when there is one."""
    without = demo.next_steps(ELSEWHERE, url=None)
    assert "export KUBECONFIG=/k PATH=/bin:$PATH" in without
    assert "hack/demo --down      # removes only what the demo created" in without
    assert "removes the cluster" in demo.next_steps(replace(ELSEWHERE, own=True), url=None)
    assert "Prometheus" not in without
    assert "http://127.0.0.1:9/graph" in demo.next_steps(ELSEWHERE, url="http://127.0.0.1:9")


@pytest.mark.parametrize("arguments", [["--keep", "--down"], ["--grafana"]])
def test_what_the_demo_does_not_offer_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and the usage on stderr."""
    with pytest.raises(SystemExit) as ended:
        demo.main(arguments)
    assert ended.value.code == 2
    assert "usage: hack/demo" in capsys.readouterr().err


@dataclass
class FakeTools:
    """kubectl and helm of a cluster that holds some namespaces; what they are told to do is noted."""

    namespaces: dict[str, dict[str, str]]
    roles: str = ""
    done: list[str] = field(default_factory=list)

    def run(self, command: list[str], *, env: dict[str, str], stdin: str | None = None) -> str:
        """Stands in for ``tools.run_told``."""
        assert env["KUBECONFIG"] == "/k"
        words = [Path(command[0]).name, *command[1:]]
        match words:
            case ["kubectl", "get", "namespace", name, *_]:
                labels = self.namespaces.get(name)
                return "" if labels is None else json.dumps({"metadata": {"name": name, "labels": labels}})
            case ["kubectl", "get", "clusterrole,clusterrolebinding", *_]:
                return self.roles
            case ["kubectl", "config", *_]:
                return "https://10.0.0.1:6443"
            case _:
                self.done.append(" ".join(words[:4]) + (f" {stdin}" if stdin else ""))
                return ""


OURS = {consent.LABEL: consent.VALUE}


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> FakeTools:
    """Somebody else's cluster, with a release and a namespace that look like the demo's of old."""
    fake = FakeTools({"shop": {}, "podtimeline-system": {}, consent.SYSTEM: OURS, consent.SHOP: OURS}, "clusterrole/x")
    monkeypatch.setattr(cluster, "run_told", fake.run)
    monkeypatch.setattr(demo, "given", lambda: ELSEWHERE)
    monkeypatch.setattr(demo, "prometheus", lambda: Prometheus(Path("/nowhere")))
    return fake


def test_a_foreign_cluster_is_not_touched_without_consent(
    tools: FakeTools, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nobody can be asked it takes --yes; what would be done is said."""
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert demo.main([]) == 2
    assert demo.main(["--down"]) == 2
    assert tools.done == []
    said = capsys.readouterr().err
    assert "https://10.0.0.1:6443" in said
    assert f"namespace {consent.SHOP}, with everything in it" in said
    assert "--yes" in said


@pytest.mark.parametrize(("answer", "exit_code", "things"), [("y\n", 0, 4), ("n\n", 1, 0), ("", 1, 0)])
def test_somebody_at_a_terminal_is_asked(
    tools: FakeTools, monkeypatch: pytest.MonkeyPatch, answer: str, exit_code: int, things: int
) -> None:
    """Anything but yes leaves all as it is."""
    terminal = io.StringIO(answer)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)
    assert demo.main(["--down"]) == exit_code
    assert len(tools.done) == things


def test_only_what_carries_the_label_is_removed(tools: FakeTools) -> None:
    """The release and the namespaces of the demo's own names; a namespace ``shop`` is somebody's."""
    assert demo.main(["--down", "--yes"]) == 0
    assert tools.done == [
        f"helm uninstall {demo.RELEASE} -n",
        f"kubectl delete namespace {consent.SHOP}",
        f"kubectl delete namespace {consent.SYSTEM}",
        "kubectl delete clusterrole,clusterrolebinding -l",
    ]


@pytest.mark.parametrize("arguments", [["--yes"], ["--down", "--yes"]])
def test_a_namespace_of_the_demos_name_that_is_somebody_elses_is_left_alone(
    tools: FakeTools, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """Neither used nor removed."""
    tools.namespaces[consent.SHOP] = {"team": "a"}
    assert demo.main(arguments) == 1
    assert tools.done == []
    assert f"namespace {consent.SHOP} does not belong to the demo" in capsys.readouterr().err


def test_its_own_cluster_is_taken_down_also_by_its_own_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``export KUBECONFIG=…`` and then --down removes the cluster that the demo made, and no other."""
    monkeypatch.setattr(cluster, "_tools", lambda _made, **_: ("kubectl", "helm"))
    monkeypatch.setattr(cluster, "mark", lambda _made: tmp_path / "mark")
    monkeypatch.setattr(demo, "prometheus", lambda: Prometheus(Path("/nowhere")))
    monkeypatch.setenv("KUBECONFIG", str(STATE_ROOT / cluster.NAME / "kubeconfig"))
    called: list[tuple[str, ...]] = []
    monkeypatch.setattr(cluster, "tool", lambda *words: called.append(words))
    monkeypatch.setattr(demo, "clear", lambda _cluster, *, yes: called.append(("clear", str(yes))))
    assert demo.main(["--down"]) == 0
    (tmp_path / "mark").touch()
    assert demo.main(["--down"]) == 0
    assert called == [("clear", "False"), ("cluster", "down", "--name", cluster.NAME)]

"""What the chart makes, for each of its ci values."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.helm import CHART, CI_VALUES, helm, notes, of_kind, only, pods, render, settings

from chartkit import rights
from podtimeline import __version__
from podtimeline.config import SPECS, Settings, load_settings

pytestmark = pytest.mark.chart
each_mode = pytest.mark.parametrize("values", CI_VALUES, ids=lambda path: path.stem.removesuffix("-values"))
READING = set(rights.VERBS)
READ = {(each.group, each.name) for each in rights.rights()}
OF_CLUSTER = {(each.group, each.name) for each in rights.rights() if not each.namespaced}
REVIEWS = {
    ("authentication.k8s.io", "tokenreviews", "create"),
    ("authorization.k8s.io", "subjectaccessreviews", "create"),
}


def granted_by(role: dict[str, Any]) -> set[tuple[str, str, str]]:
    """Group, resource and verb of all that a role grants."""
    return {(group, resource, verb) for rule in role["rules"] for group in rule["apiGroups"]
            for resource in rule["resources"] for verb in rule["verbs"]}  # fmt: skip


@each_mode
def test_every_mode_passes_lint(values: Path) -> None:
    """The linter has nothing to complain of, warnings included."""
    done = helm("lint", "--strict", str(CHART), "--values", str(values))
    assert done.code == 0, done.output + done.talk


@each_mode
def test_no_two_objects_share_a_name_and_all_carry_the_release(values: Path) -> None:
    """Each object is found by its labels and has its own identity."""
    objects = render(values)
    names = [(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in objects]
    assert len(names) == len(set(names))
    for each in objects:
        labels = each["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "release"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert labels["app.kubernetes.io/version"] == __version__


@each_mode
def test_rights_are_reading_of_what_is_followed_and_nothing_else(values: Path) -> None:
    """No verb but get, list and watch, no resource but the operator's own kinds, no wildcard; reviews where set."""
    objects = render(values)
    review = settings(objects)["access"] == "review"
    for role in of_kind(objects, "Role", "ClusterRole"):
        reading = {(group, resource) for group, resource, verb in granted_by(role) if verb in READING}
        of_cluster = set() if settings(objects)["namespaces"] else READ
        assert reading == (READ - OF_CLUSTER if role["kind"] == "Role" else of_cluster)
        writing = {right for right in granted_by(role) if right[2] not in READING}
        assert writing == (REVIEWS if review and role["kind"] == "ClusterRole" else set())
        assert all(set(rule) == {"apiGroups", "resources", "verbs"} for rule in role["rules"])


@each_mode
def test_every_binding_binds_its_role_to_the_account_of_the_pod(values: Path) -> None:
    """Roles and bindings pair up, and the operator's account is the only subject."""
    objects = render(values)
    account = only(objects, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"]
    roles = {(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"])
             for each in of_kind(objects, "Role", "ClusterRole")}  # fmt: skip
    bound = set()
    for binding in of_kind(objects, "RoleBinding", "ClusterRoleBinding"):
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": "system"}]
        bound.add((binding["roleRef"]["kind"], binding["metadata"].get("namespace"), binding["roleRef"]["name"]))
    assert bound == roles


@each_mode
def test_pods_meet_the_restricted_standard(values: Path) -> None:
    """Each field that the restricted Pod Security Standard asks for, in the operator's pod and in the test's."""
    for pod in pods(render(values)):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        assert all({"name", "configMap", "emptyDir", "persistentVolumeClaim"} >= each.keys()
                   for each in pod.get("volumes", ()))  # fmt: skip
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["privileged"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}


@each_mode
def test_pods_say_what_they_need_and_take_no_links(values: Path) -> None:
    """Requests and a memory limit are set; variables of Services cannot be mistaken for settings."""
    for pod in pods(render(values)):
        assert pod["enableServiceLinks"] is False
        for container in pod["containers"]:
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
            assert "memory" in container["resources"]["limits"]


@each_mode
def test_the_operator_is_one_writer_with_probes(values: Path) -> None:
    """The history has one writer: replaced, never rolled; and it is restarted where a restart helps."""
    spec = only(render(values), "Deployment")["spec"]
    container = spec["template"]["spec"]["containers"][0]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] == 30
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "metrics"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}
    assert "command" not in container


@each_mode
def test_mounts_name_volumes_and_the_history_lies_in_one(values: Path) -> None:
    """With a read-only root every path that is written to is a mount, and each mount has its volume."""
    objects = render(values)
    pod = only(objects, "Deployment")["spec"]["template"]["spec"]
    mounts = {mount["mountPath"]: mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
    assert set(mounts.values()) == {volume["name"] for volume in pod["volumes"]}
    path = settings(objects)["history"].removeprefix("sqlite:")
    assert path == ":memory:" or str(Path(path).parent) in mounts
    assert "/tmp" in mounts


def test_only_a_history_in_a_file_has_a_volume() -> None:
    """A store that is a server of its own needs none, whichever it is."""
    objects = render({"config": {"history": "elsewhere://host/db"}, "persistence": {"enabled": True}})
    volumes = only(objects, "Deployment")["spec"]["template"]["spec"]["volumes"]
    assert {volume["name"] for volume in volumes} == {"config", "tmp"}
    assert not [each for each in objects if each["kind"] == "PersistentVolumeClaim"]


@each_mode
def test_an_operator_that_is_not_ready_stays_reachable(values: Path) -> None:
    """It is not ready while the API server is away, which is when its metrics are looked at."""
    assert only(render(values), "Service")["spec"]["publishNotReadyAddresses"] is True


@each_mode
def test_the_service_reaches_the_operator_and_not_the_test(values: Path) -> None:
    """The Service's selector fits the operator's pod alone, and its ports lead to those it listens on."""
    objects = render(values)
    selector = only(objects, "Service")["spec"]["selector"].items()
    template_ = only(objects, "Deployment")["spec"]["template"]
    assert selector <= template_["metadata"]["labels"].items()
    assert not selector <= only(objects, "Pod")["metadata"]["labels"].items()
    ports = {each["name"]: str(each["containerPort"]) for each in template_["spec"]["containers"][0]["ports"]}
    told = settings(objects)
    assert ports == {
        "metrics": told["listen"].rpartition(":")[2],
        "http": told["api_listen"].rpartition(":")[2],
    }
    served = {each["name"]: each["targetPort"] for each in only(objects, "Service")["spec"]["ports"]}
    assert served == {"http": "http", "metrics": "metrics"}


@each_mode
def test_the_operator_accepts_its_settings(values: Path, tmp_path: Path) -> None:
    """What the chart writes is what the operator loads, value by value."""
    objects = render(values)
    written = settings(objects)
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(written))
    container = only(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    environment = {each["name"]: each["value"] for each in container["env"]}
    assert environment.pop("PODTIMELINE_CONFIG") == "/etc/podtimeline/config.yaml"
    loaded = load_settings({}, environment, file)
    given = (yaml.safe_load(values.read_text()) or {}).get("config", {})
    for name in SPECS:
        expected = given.get(name, getattr(Settings(), name))
        found: Any = getattr(loaded, name)
        assert (list(found) if isinstance(found, tuple) else found) == (
            list(expected) if isinstance(expected, tuple) else expected
        )


def test_defaults_watch_the_whole_cluster() -> None:
    """Without namespaces there is one ClusterRole, and no Role."""
    objects = render({})
    assert len(of_kind(objects, "ClusterRole", "ClusterRoleBinding")) == 2
    assert of_kind(objects, "Role", "RoleBinding") == []


def test_namespaces_take_the_place_of_cluster_wide_rights() -> None:
    """With namespaces there is a Role and a RoleBinding in each, and nothing cluster-wide."""
    objects = render({"config": {"namespaces": ["shop", "default"]}})
    assert of_kind(objects, "ClusterRole", "ClusterRoleBinding") == []
    for kind in ("Role", "RoleBinding"):
        assert {each["metadata"]["namespace"] for each in of_kind(objects, kind)} == {"shop", "default"}


def test_what_is_in_no_namespace_can_be_granted_beside_namespaces() -> None:
    """rbac.clusterScoped adds a ClusterRole to read nodes and volumes, and the pods of no other namespace."""
    objects = render({"config": {"namespaces": ["shop"]}, "rbac": {"clusterScoped": True}})
    role, binding = only(objects, "ClusterRole"), only(objects, "ClusterRoleBinding")
    assert {(group, resource) for group, resource, _ in granted_by(role)} == OF_CLUSTER
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert granted_by(only(objects, "Role")) == {right for right in granted_by(only(render({}), "ClusterRole"))
                                             if right[:2] not in OF_CLUSTER}  # fmt: skip


def test_foreign_rights_leave_the_chart_without_any() -> None:
    """rbac.create=false makes no role at all."""
    assert (
        of_kind(render({"rbac": {"create": False}}), "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding") == []
    )


def test_a_changed_setting_replaces_the_pod() -> None:
    """The operator reads its file once, so that a new file has to bring a new pod."""
    sums = [
        only(render({"config": {"linger_seconds": seconds}}), "Deployment")["spec"]["template"]["metadata"][
            "annotations"
        ]["checksum/config"]
        for seconds in (5, 5, 6)
    ]
    assert sums[0] == sums[1] != sums[2]


def test_large_whole_numbers_stay_whole() -> None:
    """All numbers are floats to helm; a million must not reach the operator as the text 1e+06."""
    assert settings(render({"config": {"sink_queue": 1_000_000}}))["sink_queue"] == 1_000_000


def test_unset_settings_are_left_to_the_operator() -> None:
    """A null takes a setting out of the file."""
    assert "linger_seconds" not in settings(render({"config": {"linger_seconds": None}}))


def test_two_releases_of_one_name_share_no_cluster_wide_object() -> None:
    """Cluster-wide names carry the namespace."""
    for kind in ("ClusterRole", "ClusterRoleBinding"):
        assert only(render({}), kind)["metadata"]["name"] == "system-release-podtimeline"


def test_labels_of_the_user_do_not_replace_the_selector() -> None:
    """Any podLabels that name a selector label would cut the Deployment from its pods."""
    objects = render({"podLabels": {"app.kubernetes.io/name": "other", "tier": "x"}, "service": {"labels": {"a": "b"}}})
    deployment = only(objects, "Deployment")["spec"]
    assert deployment["selector"]["matchLabels"].items() <= deployment["template"]["metadata"]["labels"].items()
    assert deployment["template"]["metadata"]["labels"]["tier"] == "x"
    assert only(objects, "Service")["metadata"]["labels"]["a"] == "b"


def test_scrapes_keep_the_namespace_of_the_followed_pod() -> None:
    """Without honorLabels Prometheus would put the operator's own namespace in its place."""
    objects = render(CHART / "ci/monitoring-values.yaml")
    assert [each["honorLabels"] for each in only(objects, "ServiceMonitor")["spec"]["endpoints"]] == [True]
    objects = render(CHART / "ci/podmonitor-values.yaml")
    assert [each["honorLabels"] for each in only(objects, "PodMonitor")["spec"]["podMetricsEndpoints"]] == [True]


def test_the_policy_lets_in_whom_it_names_and_the_test() -> None:
    """A helm test must not fail for the policy that the same release brings."""
    objects = render(CHART / "ci/monitoring-values.yaml")
    rules = {rule["ports"][0]["port"]: rule["from"] for rule in only(objects, "NetworkPolicy")["spec"]["ingress"]}
    labels = only(objects, "Pod")["metadata"]["labels"].items()
    assert {port: next(iter(peers[0])) for port, peers in rules.items()} == {
        "metrics": "namespaceSelector",
        "http": "ipBlock",
    }
    for peers in rules.values():
        assert len(peers) == 2
        assert peers[1]["podSelector"]["matchLabels"].items() <= labels


def test_the_policy_can_close_the_api_alone() -> None:
    """Each port has peers of its own; where none are named everybody may connect."""
    values = {"networkPolicy": {"enabled": True, "apiFrom": [{"podSelector": {}}]}}
    rules = {rule["ports"][0]["port"]: rule for rule in only(render(values), "NetworkPolicy")["spec"]["ingress"]}
    assert "from" not in rules["metrics"]
    assert rules["http"]["from"][0] == {"podSelector": {}}


@pytest.mark.parametrize("monitor", ["ServiceMonitor", "PodMonitor"])
def test_what_is_scraped_is_the_port_of_the_metrics(monitor: str) -> None:
    """The API's port serves none."""
    values = CHART / f"ci/{'monitoring' if monitor == 'ServiceMonitor' else 'podmonitor'}-values.yaml"
    spec = only(render(values), monitor)["spec"]
    endpoints = spec.get("endpoints") or spec["podMetricsEndpoints"]
    assert [(each["port"], each["path"]) for each in endpoints] == [("metrics", "/metrics")]


def test_reviews_need_a_right_that_is_in_no_namespace() -> None:
    """With namespaces the ClusterRole has nothing else; without them it has that on top."""
    within = only(render({"config": {"namespaces": ["shop"], "access": "review"}}), "ClusterRole")
    assert granted_by(within) == REVIEWS
    everywhere = only(render({"config": {"access": "review"}}), "ClusterRole")
    assert granted_by(everywhere) - granted_by(only(render({}), "ClusterRole")) == REVIEWS


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, ("every pod of the cluster", "lost with the pod", "podtimeline show")),
        ({"config": {"namespaces": ["shop"]}}, ("the pods of shop",)),
        ({"config": {"history": "sqlite::memory:"}}, ("lost when the process ends",)),
        ({"rbac": {"create": False}}, ("grant get, list and watch to",)),
        ({}, ("Everyone who can connect to port 8081 can read the API", ":8080/metrics")),
        ({"config": {"access": "review"}}, ("port-forward", "PODTIMELINE_TOKEN")),
    ],
)
def test_notes_say_what_to_look_at_next(values: dict[str, Any], words: tuple[str, ...], tmp_path: Path) -> None:
    """The notes fit what was installed."""
    told = notes(values, scratch=tmp_path)
    assert [each for each in words if each not in told] == []

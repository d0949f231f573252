"""The configuration that clusters are started with."""

import json
import tomllib
from pathlib import Path

import pytest

from clusterkit import bootstrap, cgroups, cli, controlplane, kind, kwok, network, node, packages, pki
from clusterkit.cgroups import Tree
from clusterkit.model import Addresses, Files, Kubernetes
from clusterkit.run import describe_failure

_NODE = Files.of("test").node(2)


def test_the_audit_log_has_whole_requests_where_pods_change_and_names_everyone_else() -> None:
    """The first rule that fits wins: what has a part in pods' ways in full, leases not at all, the rest by name."""
    rules = json.loads(controlplane.audit_policy())["rules"]
    assert rules[0]["level"] == "RequestResponse"
    whole = {each["group"]: set(each["resources"]) for each in rules[0]["resources"]}
    assert {"pods/binding", "pods/status", "nodes/status"} <= whole[""]
    assert whole["discovery.k8s.io"] == {"endpointslices"}
    assert {"replicasets", "deployments"} <= whole["apps"]
    assert "get" not in rules[0]["verbs"]
    assert rules[-1] == {"level": "Metadata"}


@pytest.mark.parametrize("release", list(Kubernetes))
def test_each_kubelet_has_its_own_group_and_tolerates_the_machine(release: Kubernetes) -> None:
    """Pods of two clusters never share a control group, and an old or full machine does not stop them."""
    settings = json.loads(node.kubelet_config(_NODE, tree=Tree("test"), release=release))
    assert settings["cgroupRoot"] == "/podtimeline-test/node-2"
    assert settings["failCgroupV1"] is False
    assert settings["clusterDNS"] == [Addresses.DNS]


@pytest.mark.parametrize("release", list(Kubernetes))
def test_a_kubelet_speaks_json_only_where_somebody_reads_along(release: Kubernetes) -> None:
    """A proxy that shifts its stamps cannot read protobuf, the default; nothing else differs."""
    usual = json.loads(node.kubelet_config(_NODE, tree=Tree("test"), release=release))
    readable = json.loads(node.kubelet_config(_NODE, tree=Tree("test"), release=release, readable=True))
    assert "contentType" not in usual
    assert readable == usual | {"contentType": "application/json"}


def test_pods_of_a_node_get_addresses_of_that_node() -> None:
    """The recorder stands in front of Debian's plugin, with the range that routes lead to this node."""
    (plugin,) = json.loads(node.cni_config(_NODE))["plugins"]
    assert plugin["ipam"]["ranges"] == [[{"subnet": Addresses.pods(2)}]]
    assert plugin["recordedPlugin"].endswith("/bridge")
    assert plugin["recordedTo"] == "/run/truth/cni.jsonl"


def test_containerd_pulls_from_the_clusters_registry() -> None:
    """The registry's made-up name leads to plain HTTP inside the cluster's network."""
    plugins = tomllib.loads(node.CONTAINERD)["plugins"]
    images = plugins["io.containerd.cri.v1.images"]
    assert images["pinned_images"]["sandbox"] == node.PAUSE
    assert Path(images["registry"]["config_path"]).name == "registries"
    assert plugins["io.containerd.cri.v1.runtime"]["restrict_oom_score_adj"] is True
    assert tomllib.loads(node.REGISTRY)["server"] == "http://10.200.0.1:5000"


def test_only_the_registrys_answers_are_slowed_down() -> None:
    """The limit is a class for one TCP source port; whatever it does not match passes untouched."""
    queue, limited, matching = network.shaping("port", rate="5mbit")
    assert "default" not in queue
    assert limited[-4:] == ["rate", "5mbit", "ceil", "5mbit"]
    assert matching[matching.index("sport") + 1] == "5000"


def test_certificates_name_users_groups_and_hosts_as_kubernetes_reads_them() -> None:
    """A kubelet is known by CN and O, and its server certificate by the address it is called at."""
    client, server = pki.node_identities(_NODE)
    assert client.subject == "/O=system:nodes/CN=system:node:node-2"
    assert "clientAuth" in client.extensions
    assert "serverAuth" in server.extensions
    assert "DNS:node-2,IP:10.200.0.12" in server.extensions


def test_a_kubeconfig_carries_its_certificates(tmp_path: Path) -> None:
    """One file is all that a client needs."""
    for name in ("ca.crt", "admin.crt", "admin.key"):
        (tmp_path / name).write_text(name)
    text = pki.kubeconfig(tmp_path, identity="admin", server="https://127.0.0.1:1", cluster="test")
    document = json.loads(text)
    assert document["current-context"] == "podtimeline-test"
    assert document["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:1"
    assert set(document["users"][0]["user"]) == {"client-certificate-data", "client-key-data"}


def test_dns_is_a_service_with_one_endpoint() -> None:
    """The slice belongs to the Service by its label, and both speak UDP and TCP."""
    labels = bootstrap.dns_slice()["metadata"]["labels"]  # type: ignore[index]
    assert labels["kubernetes.io/service-name"] == "kube-dns"
    assert bootstrap.dns_service()["spec"]["clusterIP"] == Addresses.DNS  # type: ignore[index]


def test_a_volume_belongs_to_its_node() -> None:
    """A local volume is only offered to pods of the node whose disk it is on."""
    text = json.dumps(bootstrap.volume(_NODE, number=3))
    assert '"path": "/var/lib/volumes/3"' in text
    assert '"values": ["node-2"]' in text


def test_simulated_nodes_take_only_pods_that_were_meant_for_them() -> None:
    """A taint keeps every other pod on the real nodes."""
    assert kwok.node(7)["metadata"]["name"] == "kwok-7"  # type: ignore[index]
    assert kwok.node(7)["spec"]["taints"][0]["effect"] == "NoSchedule"  # type: ignore[index]


_V1 = "cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0\n"
_V2 = "cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n"


def test_both_kinds_of_control_groups_are_recognised() -> None:
    """The hierarchies with controllers of their own come first, and a mount seen twice counts once."""
    found = cgroups.parse_mounts(_V2 + "proc /proc proc rw 0 0\n" + _V1 + _V1)
    assert [str(one.mount) for one in found] == ["/sys/fs/cgroup/pids", "/sys/fs/cgroup/unified"]
    assert "pids" in found[0].controllers


def test_a_full_disk_is_called_by_its_name() -> None:
    """Whatever program reports it, the advice is the same."""
    line = describe_failure(["go", "build"], "write /a: no space left on device")
    assert "the disk is full" in line
    assert "\n" not in line


def test_a_failed_program_is_told_in_one_line() -> None:
    """The last line of its talk is the one that matters."""
    assert describe_failure(["/usr/bin/tc"], "first\n\nlast\n") == "tc failed: last"
    assert describe_failure(["tc"], "") == "tc failed: no output"


def test_every_command_tells_what_it_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    """The help lists each command once, with a sentence."""
    with pytest.raises(SystemExit) as done:
        cli.parser().parse_args(["--help"])
    assert done.value.code == 0
    assert {"up", "down", "truth", "pull-rate"} <= set(capsys.readouterr().out.split())


def test_a_wrong_command_exits_with_two() -> None:
    """Usage errors are told apart from failures by the exit code."""
    with pytest.raises(SystemExit) as done:
        cli.parser().parse_args(["pull-rate"])
    assert done.value.code == 2
    assert cli.main(["up", "--nodes", "0"]) == 2
    assert cli.main(["up", "--kubernetes", "1.2"]) == 2


def test_kind_gets_a_kubeconfig_of_its_own() -> None:
    """The user's own kubeconfig is left alone, and the cluster has the shape of ours."""
    words = kind.words(kind.parser().parse_args(["--name", "test", "create"]))
    assert words[words.index("--kubeconfig") + 1].endswith("kind-test.kubeconfig")
    assert kind.CONFIG.read_text().count("role: worker") == 2


def test_a_machine_without_docker_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """hack/kind names the alternative that needs no Docker."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert kind.main(["create"]) == 1
    assert "hack/cluster" in capsys.readouterr().err


def test_the_packages_are_looked_for_by_files_that_only_they_bring(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A package counts as missing exactly as long as its file is not there."""
    proof = tmp_path / "proof"
    monkeypatch.setattr(packages, "NEEDED", {"some-package": str(proof)})
    assert packages.missing() == ["some-package"]
    proof.touch(mode=0o755)
    assert packages.missing() == []

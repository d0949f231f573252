"""Names, versions and addresses of local clusters."""

import ipaddress

import pytest

from clusterkit.errors import UsageError
from clusterkit.model import MAX_NODES, Addresses, Files, Kubernetes, Spec


@pytest.mark.parametrize("text", ["1.37", "v1.37", "1.37.2", "v1.37.2"])
def test_a_release_goes_by_its_usual_spellings(text: str) -> None:
    """A release is found by its line and by its full version, with and without the v."""
    assert Kubernetes.named(text) is Kubernetes.V1_37


def test_an_unknown_release_is_refused_with_the_known_ones() -> None:
    """A release that is not offered is refused, and the message lists those that are."""
    with pytest.raises(UsageError, match=r"1\.37, 1\.34"):
        Kubernetes.named("1.20")


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "a" * 33, "../etc", "a b"])
def test_a_name_that_cannot_be_a_directory_or_a_group_is_refused(name: str) -> None:
    """A cluster's name becomes paths and groups, so nothing else than plain words is taken."""
    with pytest.raises(UsageError):
        Spec(name=name, nodes=1, kubernetes=Kubernetes.V1_37)


@pytest.mark.parametrize("nodes", [-1, 0, MAX_NODES + 1])
def test_a_number_of_nodes_out_of_range_is_refused(nodes: int) -> None:
    """Too few and too many nodes are a usage error, which exits with 2."""
    with pytest.raises(UsageError) as refusal:
        Spec(name="a", nodes=nodes, kubernetes=Kubernetes.V1_37)
    assert refusal.value.exit_code == 2


def test_every_node_has_its_own_addresses_inside_the_clusters_ranges() -> None:
    """No two nodes share an address or a pod range, and all lie where routes and kube-proxy expect them."""
    indices = range(1, MAX_NODES + 1)
    nodes = [ipaddress.ip_address(Addresses.node(index)) for index in indices]
    pods = [ipaddress.ip_network(Addresses.pods(index)) for index in indices]
    assert len(set(nodes)) == len(set(pods)) == MAX_NODES
    assert all(node in ipaddress.ip_network(Addresses.NODES) for node in nodes)
    assert all(network.subnet_of(ipaddress.ip_network(Addresses.PODS)) for network in pods)  # type: ignore[arg-type]


def test_the_clusters_ranges_do_not_overlap() -> None:
    """Nodes, pods and Services are told apart by their address alone."""
    ranges = [ipaddress.ip_network(text) for text in (Addresses.NODES, Addresses.PODS, Addresses.SERVICES)]
    assert not any(one.overlaps(other) for one in ranges for other in ranges if one is not other)
    assert ipaddress.ip_address(Addresses.DNS) in ranges[2]


def test_two_clusters_share_no_file() -> None:
    """Everything of a cluster lies below directories that carry its name."""
    one, other = Files.of("one"), Files.of("other")
    for path in (one.kubeconfig, one.audit, one.netns("node-1"), one.node(1).cni_log, one.events("node-1")):
        assert path.is_relative_to(one.base)
        assert not path.is_relative_to(other.base)
    assert one.memory != other.memory

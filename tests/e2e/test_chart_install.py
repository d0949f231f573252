"""The chart on a real cluster: installed, upgraded, tested, uninstalled, in a namespace that enforces `restricted`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.e2e.clusters import kubectl, kubectl_json
from tests.e2e.support_chart import Release, allowed, gone, installed, leftovers, operator_image, restricted_namespace
from tests.support.helm import CI_VALUES, render

from podtimeline.sources.registry import KINDS

pytestmark = pytest.mark.e2e
FOREIGN = "monitoring.coreos.com/v1"
"""The Prometheus operator's kinds, which a plain cluster does not know."""
RESOURCES = tuple(kind.resource for kind in KINDS)
FOLLOWED = tuple(f"{each.name}.{each.group}".rstrip(".") for each in RESOURCES if each.namespaced)
CLUSTER_SCOPED = tuple(f"{each.name}.{each.group}".rstrip(".") for each in RESOURCES if not each.namespaced)


@pytest.fixture(scope="module")
def image(kubeconfig: str) -> tuple[str, str]:
    """The operator's image, on every node."""
    assert kubeconfig
    return operator_image()


@pytest.fixture
def space() -> Iterator[str]:
    """A namespace for the operator."""
    with restricted_namespace("e2e-chart") as name:
        yield name


def running(space: str) -> str:
    """The name of the operator's pod."""
    found = kubectl_json("get", "pods", "-n", space, "-l", "app.kubernetes.io/name=podtimeline")["items"]
    assert len(found) == 1
    return str(found[0]["metadata"]["name"])


def settings(release: Release) -> dict[str, Any]:
    """The operator's file as the cluster has it."""
    found = kubectl_json("get", "configmap", release.full_name, "-n", release.namespace)
    loaded = yaml.safe_load(found["data"]["config.yaml"])
    assert isinstance(loaded, dict)
    return loaded


def test_the_whole_life_of_a_release(space: str, image: tuple[str, str]) -> None:
    """Installed, it follows pods; upgraded, it is replaced; helm test passes; uninstalled, nothing is left."""
    release = Release(name="whole", namespace=space, image=image)
    with installed(release, {}):
        first = running(space)
        assert [each["name"] for each in release.pods(namespace=space)] == [first]
        release.test()
        told = release.install({"config": {"log_level": "debug"}, "podAnnotations": {"e2e.example.com/change": "1"}})
        assert "podtimeline show" in told.output
        assert running(space) != first
        assert settings(release)["log_level"] == "debug"
        release.test()
    gone("whole")
    assert kubectl("get", "secrets,configmaps,pods,leases", "-n", space, "-o", "name").split() == [
        "configmap/kube-root-ca.crt"
    ]


def test_the_history_on_a_claim_survives_the_pod(space: str, image: tuple[str, str]) -> None:
    """A replaced operator goes on with what its predecessor knew of pods that are gone by then."""
    classes = kubectl_json("get", "storageclasses")["items"]
    annotation = "storageclass.kubernetes.io/is-default-class"
    if not any(each["metadata"].get("annotations", {}).get(annotation) == "true" for each in classes):
        pytest.skip("the cluster has no default StorageClass")
    release = Release(name="claimed", namespace=space, image=image)
    values: dict[str, Any] = {
        "persistence": {"enabled": True, "size": "1Gi"},
        "config": {"retention_bytes": 500_000_000},
    }
    with installed(release, values):
        first = running(space)
        release.install({**values, "podAnnotations": {"e2e.example.com/change": "1"}})
        second = running(space)
        assert second != first
        known = {each["name"]: each for each in release.pods(namespace=space)}
        assert {first, second} <= known.keys()
        assert known[first]["ended"]
    gone("claimed")


def test_without_cluster_wide_rights_it_follows_its_namespaces_only(space: str, image: tuple[str, str]) -> None:
    """The namespaced mode works with a Role, and the API server refuses its account all else."""
    release = Release(name="own", namespace=space, image=image)
    with installed(release, {"config": {"namespaces": [space]}}):
        release.test()
        assert {each["namespace"] for each in release.pods()} == {space}
        account = f"{space}:{release.full_name}"
        for resource in FOLLOWED:
            for verb in ("get", "list", "watch"):
                assert allowed(verb, resource, account=account, namespace=space), (verb, resource)
                assert not allowed(verb, resource, account=account, namespace="kube-system"), (verb, resource)
        for resource in CLUSTER_SCOPED:
            assert not allowed("get", resource, account=account, namespace=space), resource
        assert not [each for each in leftovers("own") if each.startswith("clusterrole")]
    gone("own")


def test_the_operator_may_only_read(space: str, image: tuple[str, str]) -> None:
    """The API server itself says what the account may do."""
    release = Release(name="reader", namespace=space, image=image)
    with installed(release, {}):
        account = f"{space}:{release.full_name}"
        for resource in (*FOLLOWED, *CLUSTER_SCOPED):
            assert allowed("watch", resource, account=account, namespace="kube-system"), resource
            for verb in ("create", "update", "patch", "delete", "deletecollection"):
                assert not allowed(verb, resource, account=account, namespace=space), (verb, resource)
        for resource in ("secrets", "configmaps", "serviceaccounts"):
            assert not allowed("get", resource, account=account, namespace=space), resource
        for part in ("log", "exec"):
            assert not allowed("get", "pods", "--subresource", part, account=account, namespace=space), part


@pytest.mark.parametrize("values", CI_VALUES, ids=lambda path: path.stem.removesuffix("-values"))
def test_the_api_server_takes_every_object_of_every_mode(values: Path, space: str) -> None:
    """Each rendered object passes the API's own validation, without a warning."""
    given = yaml.safe_load(values.read_text()) or {}
    if given.get("config", {}).get("namespaces"):
        given["config"]["namespaces"] = [space]
    objects = [each for each in render(given) if each["apiVersion"] != FOREIGN]
    for each in objects:
        if "namespace" in each["metadata"]:
            each["metadata"]["namespace"] = space
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    words = ["apply", "--dry-run=server", "--validate=strict", "--warnings-as-errors", "-f", "-"]
    taken = kubectl(*words, text=listed)
    assert taken.count("server dry run") == len(objects)

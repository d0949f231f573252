"""The operator installed by the real helm, in a namespace of its own that enforces the restricted standard."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.e2e.clusters import eventually, kubectl
from tests.support.helm import CHART, Done, helm

from demokit import cluster, image

PULLED = "E2E_OPERATOR_IMAGE"
"""On a cluster of somebody else's: the operator's image in a registry that the cluster pulls from."""


def operator_image() -> tuple[str, str]:
    """Repository and tag of an image of this very source that the nodes have."""
    given = os.environ.get(PULLED)
    if given is None:
        given = f"podtimeline:{image.source_key()}"
        found = cluster.given()
        assert found is not None
        found.load(image.build(tag=given))
    repository, _, tag = given.rpartition(":")
    return repository, tag


@contextmanager
def restricted_namespace(name: str) -> Iterator[str]:
    """A namespace that refuses, and warns of, pods that are not restricted; gone afterwards."""
    kubectl("create", "namespace", name)
    kubectl(
        "label", "namespace", name, *(f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn"))
    )
    try:
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait", "--timeout=120s")


@dataclass(frozen=True, slots=True)
class Release:
    """One installation of the chart."""

    name: str
    namespace: str
    image: tuple[str, str]

    @property
    def full_name(self) -> str:
        """The name of the Deployment, the Service and their like."""
        return f"{self.name}-podtimeline"

    def install(self, values: Mapping[str, Any]) -> Done:
        """Install or upgrade, and wait until the operator has read everything once."""
        repository, tag = self.image
        given = {**values, "image": {"repository": repository, "tag": tag}}
        words = ["upgrade", "--install", self.name, str(CHART), "--namespace", self.namespace]
        done = helm(*words, "--values", "-", "--wait", "--timeout", "3m", stdin=json.dumps(given))
        assert done.code == 0, done.talk + self.words()
        return done

    def test(self) -> Done:
        """Run the chart's own test."""
        done = helm("test", self.name, "--namespace", self.namespace, "--timeout", "2m")
        assert done.code == 0, done.output + done.talk + self.words()
        return done

    def uninstall(self) -> None:
        """Take it away again and wait until its pod is gone."""
        done = helm("uninstall", self.name, "--namespace", self.namespace, "--wait", "--ignore-not-found")
        assert done.code == 0, done.talk

    def get(self, path: str) -> str:
        """The body of a GET, through the API server's service proxy."""
        port = "http" if path.startswith("/api/") else "metrics"
        return kubectl(
            "get", "--raw", f"/api/v1/namespaces/{self.namespace}/services/{self.full_name}:{port}/proxy{path}"
        )

    def pods(self, **query: str) -> list[Any]:
        """The timelines on the first page of an answer."""
        words = "&".join(f"{key}={value}" for key, value in query.items())
        found = json.loads(self.get(f"/api/v1/pods?{words}"))["items"]
        assert isinstance(found, list)
        return found

    def words(self) -> str:
        """What the operator and its namespace have said last, for a failure's message."""
        log = kubectl("logs", f"deployment/{self.full_name}", "-n", self.namespace, "--tail=20", check=False)
        events = kubectl("get", "events", "-n", self.namespace, "--sort-by=.lastTimestamp", check=False)
        return f"\n--- log\n{log}\n--- events\n{events[-2000:]}"


@contextmanager
def installed(release: Release, values: Mapping[str, Any]) -> Iterator[Release]:
    """The chart, installed for as long as it is looked at."""
    try:
        release.install(values)
        yield release
    finally:
        release.uninstall()


def leftovers(instance: str) -> list[str]:
    """Every object of any listable kind, in any namespace, that carries a release's label."""
    kinds = kubectl("api-resources", "--verbs=list", "-o", "name").split()
    wanted = [
        kind for kind in kinds if not kind.startswith(("events", "componentstatuses")) and "metrics.k8s.io" not in kind
    ]
    label = f"app.kubernetes.io/instance={instance}"
    return kubectl("get", ",".join(wanted), "-A", "-l", label, "-o", "name", "--ignore-not-found").split()


def allowed(verb: str, resource: str, *more: str, account: str, namespace: str) -> bool:
    """Whether the API server would let the account do it."""
    words = ["auth", "can-i", verb, resource, *more, f"--as=system:serviceaccount:{account}", "-n", namespace]
    return kubectl(*words, check=False).strip() == "yes"


def gone(instance: str) -> None:
    """Wait until nothing of a release is left."""
    eventually(lambda: not leftovers(instance), seconds=60, what=f"nothing of {instance} is left")

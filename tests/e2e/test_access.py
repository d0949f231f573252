"""``access: review`` with the real API server: two service accounts, of which one may ``get pods`` in one namespace."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from tests.e2e.clusters import ROOT, eventually, kubectl, kubectl_json, namespace
from tests.e2e.processes import OperatorProcess, free_port
from tests.e2e.support_chart import Release, allowed, installed, operator_image, restricted_namespace

pytestmark = pytest.mark.e2e

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: web}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {{name: main, image: {image}, imagePullPolicy: IfNotPresent, command: [sleep, "3600"]}}
"""


class Space(NamedTuple):
    """A namespace with a pod, and the tokens of an account that may get its pods and of one that may not."""

    name: str
    reader: str
    stranger: str


@pytest.fixture
def space(busybox: str) -> Iterator[Space]:
    """Rights by a Role of the namespace, as a cluster's administrator grants them."""
    with namespace("e2e-access") as name:
        kubectl("apply", "-n", name, "-f", "-", text=POD.format(image=busybox))
        for account in ("reader", "stranger"):
            kubectl("create", "serviceaccount", account, "-n", name)
        kubectl("create", "role", "pods", "--verb=get", "--resource=pods", "-n", name)
        kubectl("create", "rolebinding", "reader", "--role=pods", f"--serviceaccount={name}:reader", "-n", name)
        kubectl("wait", "-n", name, "--for=condition=Ready", "--timeout=120s", "pod/web")
        tokens = [kubectl("create", "token", account, "-n", name).strip() for account in ("reader", "stranger")]
        yield Space(name, *tokens)


def answered(url: str, token: str | None = None) -> tuple[int, Any]:
    """Status and body of a GET with that token."""
    request = urllib.request.Request(url, headers={} if token is None else {"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


@pytest.mark.parametrize("operator", [{"access": "review"}], indirect=True)
def test_the_api_answers_whom_the_api_server_grants_get_pods(operator: OperatorProcess, space: Space) -> None:
    """In the namespace that is asked for; what is taken away ends a few seconds later."""
    operator.start()
    pod, pods = operator.url(f"/api/v1/pods/{space.name}/web"), operator.url("/api/v1/pods")
    eventually(lambda: answered(pod, space.reader)[0] == 200, what="the reader reads its pod")
    assert answered(pod, space.reader)[1]["name"] == "web"
    assert answered(f"{pods}?namespace={space.name}", space.reader)[0] == 200
    refused = {
        "no token": answered(pod),
        "a made-up token": answered(pod, "made-up"),
        "the stranger": answered(pod, space.stranger),
        "another namespace": answered(f"{pods}?namespace=kube-system", space.reader),
        "all namespaces": answered(pods, space.reader),
    }
    assert {why: status for why, (status, _) in refused.items()} == {
        "no token": 401, "a made-up token": 401, "the stranger": 403, "another namespace": 403, "all namespaces": 403,
    }  # fmt: skip
    assert f"system:serviceaccount:{space.name}:stranger may not" in refused["the stranger"][1]["detail"]
    assert operator.status("/metrics") == operator.status("/readyz") == 200
    kubectl("delete", "rolebinding", "reader", "-n", space.name)
    eventually(lambda: answered(pod, space.reader)[0] == 403, seconds=60, what="the right is gone")


@contextmanager
def forwarded(release: Release) -> Iterator[str]:
    """The address of a port-forward to the API."""
    port = free_port()
    words = ["kubectl", "port-forward", "-n", release.namespace, f"service/{release.full_name}", f"{port}:http"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        url = f"http://127.0.0.1:{port}"
        eventually(
            lambda: process.poll() is None and _answers(f"{url}/openapi.json"), seconds=30, what="a port-forward"
        )
        yield url
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _answers(url: str) -> bool:
    try:
        return answered(url)[0] == 200
    except OSError:
        return False


def cli(*words: str, token: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``podtimeline`` with the cluster's kubeconfig, which has a right to everything."""
    environment = (
        os.environ | {"PYTHONPATH": str(ROOT / "operator")} | ({} if token is None else {"PODTIMELINE_TOKEN": token})
    )
    return subprocess.run(
        [sys.executable, "-m", "podtimeline", *words],
        env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_the_command_line_reaches_it_by_port_forward_and_token(space: Space) -> None:
    """The chart grants the reviews; the service proxy passes no token on, and the refusal says what to do."""
    with restricted_namespace("e2e-access-operator") as own:
        release = Release(name="review", namespace=own, image=operator_image())
        with installed(release, {"config": {"access": "review", "namespaces": [space.name]}}):
            account = f"{own}:{release.full_name}"
            for resource in ("tokenreviews.authentication.k8s.io", "subjectaccessreviews.authorization.k8s.io"):
                assert allowed("create", resource, account=account, namespace=own), resource
            release.test()
            proxied = cli("show", "web", "-n", space.name, "--operator-namespace", own)
            assert proxied.returncode == 1
            assert "answered 401" in proxied.stderr
            assert "port-forward" in proxied.stderr
            with forwarded(release) as url:
                show = ("show", "web", "-n", space.name, "--server", url)
                drawn = eventually(lambda: _succeeded(cli(*show, token=space.reader)), seconds=60, what="it is drawn")
                assert f"{space.name}/web" in drawn
                refused = cli(*show, token=space.stranger)
                assert (refused.returncode, "answered 403" in refused.stderr) == (1, True)
                assert cli(*show).returncode == 1
            ports = kubectl_json("get", "service", release.full_name, "-n", own)["spec"]["ports"]
            assert {each["name"] for each in ports} == {"http", "metrics"}


def _succeeded(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout

"""Every way to an image on a real cluster: a registry of little bandwidth, and one that wants to know who asks.

The pods are in ``images.yaml``.
"""

import base64
import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.e2e.clusters import ROOT, Need, eventually, hack_cluster, kubectl, namespace, needs, own_name
from tests.e2e.nodes import Node
from tests.e2e.processes import OperatorProcess
from tests.support.pulls import CHECKS, STUCK, Items
from tests.support.sums import reached

from clusterkit.model import Addresses

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.scenario,
    needs(Need.REGISTRY),
]
PORT = 5001
PRIVATE = f"private.podtimeline.test:{PORT}"
KEEPER, PASSWORD = "keeper", "open-sesame"
HTPASSWD = "keeper:$2y$05$abcdefghijklmnopqrstuutXu9KzOt.1yBoZUeFWoT/914/JfszCO\n"
"""The password as bcrypt has it: the only scheme that the registry takes."""
SIZES = {"one": 6, "two": 6, "shared": 1, "twin": 3, "private": 1, "secret": 1}
"""Megabytes of the images that are in the registry from the beginning."""


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory, busybox: str) -> Iterator[Items]:
    """All pods at once; then what some of them miss comes."""
    home = tmp_path_factory.mktemp("images")
    operator = OperatorProcess(tmp_path_factory.mktemp("operator"))
    with ExitStack() as stack:
        space = stack.enter_context(namespace("e2e-images"))
        for name, megabytes in SIZES.items():
            hack_cluster("push", str(made(home, name, megabytes)), f"{space}/{name}:1")
        stack.enter_context(private_registry(home))
        stack.enter_context(Node(2).configured(serializeImagePulls=False))
        keep(space, "guessed")
        operator.start()
        stack.callback(operator.stop)
        hack_cluster("pull-rate", "16mbit")
        stack.callback(hack_cluster, "pull-rate", "off")
        kubectl("apply", "-n", space, "-f", "-", text=manifests(space, busybox))
        bring(operator, space, home)
        yield eventually(lambda: settled(operator, space), what="every pod has its image, or waits for it")


def made(home: Path, name: str, megabytes: int, reference: str = "image:1") -> Path:
    """An image of a shell and of so many megabytes that nobody has seen before."""
    archive = home / f"{name}.tar"
    hack_cluster("image", reference, str(archive), "--random-mb", str(megabytes))
    return archive


@contextmanager
def private_registry(home: Path) -> Iterator[None]:
    """A second registry over the first one's images, which wants a password, and is known to node 1."""
    (home / "htpasswd").write_text(HTPASSWD)
    storage = Path(hack_cluster("kubeconfig").strip()).parent / "registry"
    settings = {
        "version": "0.1",
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(storage)}},
        "http": {"addr": f"{Addresses.CONTROL_PLANE}:{PORT}"},
        "auth": {"htpasswd": {"realm": "private", "path": str(home / "htpasswd")}},
    }
    (home / "registry.json").write_text(json.dumps(settings))
    where = f"http://{Addresses.CONTROL_PLANE}:{PORT}"
    hosts = Node(1).file(f"kubernetes/registries/{PRIVATE}")
    hosts.mkdir()
    (hosts / "hosts.toml").write_text(f'server = "{where}"\n[host."{where}"]\n  capabilities = ["pull", "resolve"]\n')
    command = ["hack/cluster", "exec", "--name", own_name(), "--", "docker-registry", "serve"]
    process = subprocess.Popen([*command, str(home / "registry.json")], cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)
        (hosts / "hosts.toml").unlink()
        hosts.rmdir()


def keep(space: str, password: str) -> None:
    """The secret that a pod shows to the private registry."""
    auth = base64.b64encode(f"{KEEPER}:{password}".encode()).decode()
    config = {"auths": {PRIVATE: {"username": KEEPER, "password": password, "auth": auth}}}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "keeper", "namespace": space},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": json.dumps(config)},
    }
    kubectl("apply", "-f", "-", text=json.dumps(secret))


def manifests(space: str, image: str) -> str:
    """The pods of ``images.yaml``, with what they all have in common."""
    text = (ROOT / "tests/e2e/images.yaml").read_text()
    for word, value in (("HERE", space), ("REGISTRY", Addresses.REGISTRY), ("PRIVATE", PRIVATE), ("IMAGE", image)):
        text = text.replace(word, value)
    pods = list(yaml.safe_load_all(text))
    for spec in (each["spec"] for each in pods):
        spec["terminationGracePeriodSeconds"] = 1
        spec.setdefault("nodeSelector", {"kubernetes.io/hostname": "node-1"})
        for container in spec["containers"]:
            container["command"] = ["sleep", "3600"]
    return yaml.safe_dump_all(pods)


def timelines(operator: OperatorProcess, space: str) -> dict[str, Any]:
    """What the operator tells of each pod now."""
    return {each["name"]: each for each in operator.pods(namespace=space)}


def bring(operator: OperatorProcess, space: str, home: Path) -> None:
    """Once each has been refused: push, load, and tell the password."""
    waiting = ("late", "loaded", "wrong-credentials")

    def refused() -> bool:
        known = timelines(operator, space)
        return all(name in known and ("last_pull_failure", "main") in reached(known[name]) for name in waiting)

    eventually(refused, what="what is not there was asked for")
    hack_cluster("push", str(made(home, "late", 1)), f"{space}/late:1")
    hack_cluster("load", str(made(home, "loaded", 1, f"podtimeline.test/{space}:1")))
    keep(space, PASSWORD)


def settled(operator: OperatorProcess, space: str) -> dict[str, Any]:
    """All timelines, once every start is over but those that cannot be."""
    items = timelines(operator, space)
    waiting = {name: each["outcome"] for name, each in items.items() if each["outcome"] != "ready"}
    assert waiting == dict.fromkeys(STUCK, "starting")
    for name in STUCK:
        assert ("last_pull_failure", "main") in reached(items[name])
    return items


@pytest.mark.parametrize("check", CHECKS)
def test_each_way_to_an_image_is_told(items: Items, check: str) -> None:
    """Milestones, their order, the exact sum, figures and words: see ``tests.support.pulls``."""
    CHECKS[check](items)

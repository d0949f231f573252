"""Pods of one template are read once, and each is told what is its own."""

import json
from typing import Any

import msgspec
import pytest

from podtimeline.model.pods import PodFacts
from podtimeline.sources.pods.reading import Reading
from podtimeline.sources.pods.specs import pod_facts
from podtimeline.sources.pods.templates import MAX_TEMPLATE, Template, pod_template
from podtimeline.sources.pods.wire import Pod


def pod(spec: dict[str, Any] | bytes, name: str = "web-1") -> Pod:
    """A pod with that spec."""
    raw = spec if isinstance(spec, bytes) else json.dumps(spec, separators=(",", ":")).encode()
    metadata = b'{"uid":"u","name":"%s","namespace":"shop","creationTimestamp":"2026-11-23T19:17:01Z"}' % name.encode()
    status = b'{"conditions":[{"type":"PodScheduled","status":"True"}]}' if b'"nodeName"' in raw else b"{}"
    return msgspec.json.decode(b'{"metadata":%s,"spec":%s,"status":%s}' % (metadata, raw, status), type=Pod)


def spec(
    token: str, *, image: str = "web:1", source: dict[str, Any] | None = None, node: str | None = None
) -> dict[str, Any]:
    """A spec with one container, and a volume that the API server would name for the token."""
    volume = f"kube-api-access-{token}"
    mounts = [{"name": volume, "mountPath": "/token"}]
    container = {"name": "web", "image": image, "volumeMounts": mounts}
    bound = {} if node is None else {"nodeName": node}
    return {**bound, "volumes": [{"name": volume, **(source or {"projected": {}})}], "containers": [container]}


def template(content: dict[str, Any]) -> Template:
    """The template of a pod with that spec."""
    return pod_template(pod(content))


def facts(content: dict[str, Any], name: str = "web-1") -> PodFacts:
    """What the pod of that spec is described by."""
    shown = pod(content, name)
    return pod_facts(shown, pod_template(shown))


def test_pods_that_differ_in_what_the_api_server_makes_up_share_a_template() -> None:
    """The token's volume has a name of its own in each pod, and each pod has its node."""
    first = template(spec("x7k2p"))
    bound = template(spec("b2c3d", node="node-1"))

    assert template(spec("9zzzz")) is first
    assert template(spec("f4g5h", node="node-2")) is bound
    assert first.containers[0].name == "web"


def test_pods_that_differ_in_anything_else_do_not() -> None:
    """Another image is another template."""
    assert template(spec("x7k2p", image="web:2")).containers[0].image == "web:2"
    assert template(spec("x7k2p", image="web:3")).containers[0].image == "web:3"


@pytest.mark.parametrize("node", ["node-1", "node-2"])
def test_each_pod_has_its_own_node(node: str) -> None:
    """What was left out of the template is read from the pod."""
    reading = Reading(pod(spec("x7k2p", node=node)), arrived=1, live=True, known=frozenset())

    assert reading.template.containers
    assert reading.node_name == node


def test_a_pod_that_is_not_bound_has_no_node() -> None:
    """Nor does one of its siblings lend it one."""
    reading = Reading(pod(spec("x7k2p")), arrived=1, live=True, known=frozenset())

    assert reading.template.containers
    assert reading.node_name is None


@pytest.mark.parametrize("token", ["x7k2p", "9zzzz"])
def test_a_volume_that_only_looks_like_the_tokens_keeps_its_name(token: str) -> None:
    """Whoever writes a pod may give any volume such a name."""
    (volume,) = facts(spec(token, source={"persistentVolumeClaim": {"claimName": "data"}})).volumes

    assert (volume.name, volume.claim, volume.mounted) == (f"kube-api-access-{token}", "data", True)


@pytest.mark.parametrize("token", ["x7k2p", "9zzzz"])
@pytest.mark.parametrize("word", ["restartPolicy", "schedulerName"])
def test_no_word_of_a_spec_is_taken_from_another_pod(word: str, token: str) -> None:
    """A scheduler may have any name."""
    told = facts(spec(token) | {word: f"kube-api-access-{token}"})

    assert f"kube-api-access-{token}" in {told.scheduler, told.restart_policy}


@pytest.mark.parametrize("name", ["web-1", "web-2"])
def test_the_claim_of_an_ephemeral_volume_is_named_after_its_pod(name: str) -> None:
    """Though the pods have the spec in common."""
    own = spec("x7k2p", source={"projected": {}})
    own["volumes"].append({"name": "scratch", "ephemeral": {}})

    assert [each.claim for each in facts(own, name).volumes] == [f"{name}-scratch"]


def test_a_large_spec_is_read_each_time() -> None:
    """What is kept for templates is bounded."""
    large = spec("x7k2p", image="web:" + "9" * MAX_TEMPLATE)

    assert template(large) == template(large)
    assert template(large) is not template(large)

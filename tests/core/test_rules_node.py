"""What a node does before a container runs: each finding quotes its evidence, and needs it."""

import pytest
from tests.support.findings import accepted, created, found, networked, only, proofs, started
from tests.support.lives import WEB, Life, at, facts, named, ordinary, watched

from podtimeline.core.findings import FindingKind as Kind
from podtimeline.core.instants import SECOND, Source, exactly
from podtimeline.core.milestones import Milestone, Phase
from podtimeline.core.peers import PeerPull, Peers, PeerSandbox, PeerStart
from podtimeline.core.pods import ContainerKind, ContainerSpec, VolumeSpec

CLAIM = VolumeSpec("data", "persistentVolumeClaim", "data-web-1")
CONFIG = VolumeSpec("settings", "configMap")


def pulling(pod_facts: object = None) -> Life:
    """A pod whose image is being pulled since the first second."""
    life = networked(pod_facts)  # type: ignore[arg-type]
    return life.saw(Milestone.PULL_STARTED, exactly(Source.EVENT_NAME, at(1), observed=at(1)), subject="web")


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ('MountVolume.SetUp failed for volume "settings" : configmap "shop-settings" not found', "configmap shop-sett"),
        ('MountVolume.SetUp failed for volume "tls" : secret "shop-tls" not found', "create the secret shop-tls"),
        (
            "MountVolume.SetUp failed: references non-existent config key: couldn't find key url in ConfigMap shop/web",
            "add the key url to the ConfigMap shop/web",
        ),
    ],
)
def test_what_is_missing_is_named(text: str, advice: str) -> None:
    """Not only that the mount failed: what to create."""
    life = accepted(facts(WEB, volumes=(CONFIG,))).noted("FailedMount", 5, text, count=4)
    finding = only(life.saw(Milestone.LAST_MOUNT_FAILURE, named(5)), Kind.MISSING_CONFIG)
    assert advice in finding.advice
    assert found(life, Kind.VOLUME_MOUNT) is None


def test_what_is_missing_is_named_whatever_else_was_said() -> None:
    """Neither other words of the same volume nor those of another one take the place of what to create."""
    life = accepted(facts(WEB, volumes=(CONFIG,))).saw(Milestone.LAST_MOUNT_FAILURE, named(6))
    life.noted("FailedMount", 4, 'configmap "settings" not found', subject="config")
    life.noted("FailedMount", 5, "failed to sync configmap cache: timed out", subject="config")
    life.noted("FailedMount", 6, "failed to sync configmap cache: timed out", subject="kube-api-access-x")
    finding = only(life, Kind.MISSING_CONFIG)
    assert finding.text == 'FailedMount: configmap "settings" not found'
    assert found(life, Kind.VOLUME_MOUNT) is None


def test_a_missing_key_of_a_variable_is_named() -> None:
    """The container's own waiting reason tells."""
    life = pulling().saw(Milestone.PULLED, named(3), subject="web")
    life.noted("CreateContainerConfigError", 9, "couldn't find key url in Secret shop/web", subject="web")
    finding = only(life, Kind.MISSING_CONFIG)
    assert "add the key url to the Secret shop/web" in finding.advice
    assert "status CreateContainerConfigError" in proofs(finding)
    assert found(life, Kind.CONTAINER_ERROR) is None


def test_a_mount_that_fails_otherwise_is_quoted() -> None:
    """In the kubelet's words."""
    life = accepted(facts(WEB, volumes=(CLAIM,))).saw(Milestone.LAST_MOUNT_FAILURE, named(5))
    assert found(life, Kind.VOLUME_MOUNT) is None
    life.noted("FailedMount", 5, "rpc error: code = Internal desc = fsck found errors", count=4)
    assert only(life, Kind.VOLUME_MOUNT).text.startswith("FailedMount (4 times): rpc error")
    assert found(life, Kind.MISSING_CONFIG) is None


def test_a_volume_that_is_attached_is_named() -> None:
    """With its claim, and what the attacher said."""
    life = accepted(facts(WEB, volumes=(CLAIM,)))
    assert found(life, Kind.VOLUME_ATTACH) is None
    life.saw(Milestone.ATTACHED, watched(20), subject="data").saw(Milestone.IP_ASSIGNED, watched(21))
    life.noted("FailedAttachVolume", 4, "Multi-Attach error for volume pvc-1: already used by pod web-0")
    finding = only(life, Kind.VOLUME_ATTACH)
    assert "volume data (claim data-web-1) was being attached" in finding.text
    assert "Multi-Attach error" in finding.text


def test_a_sandbox_that_fails_is_quoted() -> None:
    """In the words of the CNI plugin."""
    life = accepted()
    assert found(life, Kind.SANDBOX_RETRIES) is None
    life.noted("FailedCreatePodSandBox", 9, "plugin type=bridge failed (add): no free addresses", count=5)
    life.saw(Milestone.LAST_SANDBOX_FAILURE, named(9))
    assert "no free addresses" in only(life, Kind.SANDBOX_RETRIES).text


def sandboxes(*seconds: float, claims: bool = False) -> tuple[PeerSandbox, ...]:
    """Sandboxes of other pods."""
    return tuple(PeerSandbox(f"shop/{index}", round(each * SECOND), claims) for index, each in enumerate(seconds))


def slow(pod_facts: object = None) -> Life:
    """A pod whose sandbox took ten seconds."""
    return accepted(pod_facts).saw(Milestone.IP_ASSIGNED, watched(10.5))  # type: ignore[arg-type]


def test_a_sandbox_slower_than_its_peers_is_found() -> None:
    """Only what it took longer than they did counts."""
    finding = only(slow(), Kind.SLOW_SANDBOX, peers=Peers(sandboxes=sandboxes(0.5, 0.6, 0.7)))
    assert finding.duration == round(9.4 * SECOND)
    assert "other sandboxes of node-1 took 600ms" in finding.text
    assert found(slow(), Kind.SLOW_SANDBOX) is None
    assert found(slow(), Kind.SLOW_SANDBOX, peers=Peers(sandboxes=sandboxes(9, 10, 8))) is None


def test_claims_make_a_sandbox_slow_where_pods_without_them_are_quick() -> None:
    """Nothing says when a mount succeeds: the comparison does."""
    pod = facts(WEB, volumes=(CLAIM,))
    quick = Peers(sandboxes=(*sandboxes(0.5, 0.6), *sandboxes(12, claims=True)))
    finding = only(slow(pod), Kind.SLOW_MOUNT, peers=quick)
    assert "mounting data-web-1" in finding.text
    assert finding.duration == round(9.5 * SECOND)
    assert "2 sandboxes (without claims, same node): median 500ms" in proofs(finding)
    assert found(slow(), Kind.SLOW_MOUNT, peers=quick) is None
    assert found(slow(pod), Kind.SLOW_SANDBOX, peers=quick) is None


def test_a_node_whose_network_is_slow_is_found() -> None:
    """Where all sandboxes of the node take long, the pod is not to blame."""
    compared = Peers(sandboxes=sandboxes(9, 10, 11), elsewhere=sandboxes(0.5, 0.6, 0.7))
    finding = only(slow(), Kind.SLOW_NODE_NETWORK, peers=compared)
    assert "sandboxes of node-1 take 10.0s, those of other nodes 600ms" in finding.text
    assert found(slow(), Kind.SLOW_NODE_NETWORK, peers=Peers(sandboxes=sandboxes(9, 10, 11))) is None
    mounting = Peers(sandboxes=sandboxes(9, 10, 11, claims=True), elsewhere=sandboxes(0.5, 0.6, 0.7))
    assert found(slow(), Kind.SLOW_NODE_NETWORK, peers=mounting) is None


def test_a_queued_pull_names_those_ahead() -> None:
    """Where peers tell; else that it waited."""
    assert only(ordinary(), Kind.IMAGE_QUEUE).text == "it waited behind other pulls of the node"
    ahead = PeerPull("shop/model-1", "registry.test/model:1", at(0), at(1.5), SECOND, 100 << 20)
    after = PeerPull("shop/late", "registry.test/late:1", at(30), at(31), SECOND, 100 << 20)
    finding = only(ordinary(), Kind.IMAGE_QUEUE, peers=Peers(pulls=(ahead, after)))
    assert finding.text == "it waited behind registry.test/model:1 of shop/model-1 (1.00s)"
    assert finding.duration == SECOND
    assert "late" not in proofs(finding)


def test_a_pull_that_did_not_wait_has_no_queue() -> None:
    """The message gives both figures."""
    life = networked().saw(Milestone.PULLED, named(3), subject="web").pulled("web", pull=2, waiting=2)
    assert found(life, Kind.IMAGE_QUEUE) is None


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ('failed to pull image "x": x: not found', "no such image"),
        ('failed to pull image "x": 401 Unauthorized', "imagePullSecrets"),
        ('failed to pull image "x": dial tcp: lookup registry: no such host', "cannot talk to the registry"),
        ('failed to pull image "x": lookup r.test on 10.96.0.10:53: server misbehaving', "cannot talk to the registry"),
        ('Failed to apply default image tag "X:": couldn\'t parse image name: invalid reference format', "parsed"),
        ('Container image "x" is not present with pull policy of Never', "load the image"),
        ('failed to pull image "x": toomanyrequests: you have reached your limit', "limits pulls"),
        ('failed to pull image "x": something odd', "read the failure"),
    ],
)
def test_a_failing_pull_tells_what_to_correct(text: str, advice: str) -> None:
    """Wrong name, credentials, registry: each has another remedy."""
    life = pulling().noted("Failed", 5, text, subject="web").saw(Milestone.LAST_PULL_FAILURE, named(5), subject="web")
    finding = only(life, Kind.IMAGE_BACKOFF)
    assert advice in finding.advice
    assert text in finding.text
    assert found(pulling(), Kind.IMAGE_BACKOFF) is None


def test_the_cause_of_a_failing_pull_is_quoted_not_its_repetition() -> None:
    """BackOff and "Error: ImagePullBackOff" say nothing that leads anywhere."""
    life = pulling().noted("ErrImagePull", 5, 'failed to pull image "x": x: not found', subject="web")
    life.noted("Failed", 20, "Error: ImagePullBackOff", subject="web", count=9)
    life.noted("BackOff", 21, 'Back-off pulling image "x"', subject="web", count=9)
    finding = only(life, Kind.IMAGE_BACKOFF)
    assert finding.text.startswith("ErrImagePull: failed to pull")
    assert "no such image" in finding.advice


def test_a_slow_pull_is_compared_with_the_nodes_others() -> None:
    """A registry that is slow shows against other pulls of the same node."""
    quick = [PeerPull(f"shop/{i}", "i", at(0), at(1), SECOND, 200 << 20) for i in range(3)]
    always = ContainerSpec("web", ContainerKind.MAIN, "registry.test/web:1", pull_policy="Always")
    life = started(always)
    finding = only(life, Kind.SLOW_PULL, peers=Peers(pulls=tuple(quick)))
    assert "30.0 MiB at 30.0 MiB/s, where other pulls of node-1 reached 200.0 MiB/s" in finding.text
    assert "imagePullPolicy Always" in finding.text
    assert "slower than others" in finding.advice
    alone = only(life, Kind.SLOW_PULL)
    assert "other pulls" not in alone.text
    assert "make the image smaller" in alone.advice


def test_a_cached_image_is_no_slow_pull() -> None:
    """There was none."""
    life = networked().saw(Milestone.PULLED, named(3), subject="web")
    assert found(life.saw(Milestone.CONTAINER_CREATED, named(3.1), subject="web"), Kind.IMAGE_QUEUE) is None


def test_a_container_that_cannot_be_made_quotes_the_runtime() -> None:
    """Command not found, security context, mounts."""
    life = pulling().saw(Milestone.PULLED, named(3), subject="web")
    assert found(life, Kind.CONTAINER_ERROR) is None
    life.noted("CreateContainerError", 9, 'failed to generate spec: "/none" does not exist', subject="web")
    finding = only(life, Kind.CONTAINER_ERROR)
    assert "/none" in finding.text
    assert finding.open


def test_an_image_that_the_node_had_before_is_told_of() -> None:
    """It was pulled again: by policy, or because it was collected."""
    before = PeerPull("shop/elder", "registry.test/web:1", at(-90), at(-80), SECOND, 30 << 20)
    assert "shop/elder had pulled the same image" in proofs(
        only(ordinary(), Kind.SLOW_PULL, peers=Peers(pulls=(before,)))
    )
    other = PeerPull("shop/elder", "registry.test/other:1", at(-90), at(-80), SECOND, 30 << 20)
    assert "shop/elder" not in proofs(only(ordinary(), Kind.SLOW_PULL, peers=Peers(pulls=(other,))))


def test_a_node_on_which_many_pods_start_is_busy() -> None:
    """Three and more at the same time: it is not this pod's own doing."""
    crowd = tuple(PeerStart(f"shop/{index}", at(0), at(20)) for index in range(4))
    late = created().saw(Milestone.SCHEDULED, watched(1), detail="node-1").saw(Milestone.KUBELET_ACCEPTED, watched(9))
    finding = found(late, Kind.BUSY_NODE, peers=Peers(starts=crowd))
    assert finding is not None
    assert (finding.phase, finding.duration) == (Phase.KUBELET_ADMISSION, 8 * SECOND)
    assert finding.text == "4 other pods were starting on node-1 at the time"
    assert "shop/0, shop/1, shop/2 and 1 more" in proofs(finding)
    assert found(late, Kind.BUSY_NODE, peers=Peers(starts=crowd[:2])) is None
    over = tuple(PeerStart(f"shop/{index}", at(-20), at(0)) for index in range(4))
    assert found(late, Kind.BUSY_NODE, peers=Peers(starts=over)) is None
    short = tuple(PeerStart(f"shop/{index}", at(2), at(4)) for index in range(4))
    assert found(late, Kind.BUSY_NODE, peers=Peers(starts=short)) is None


def test_what_has_a_reason_of_its_own_is_not_put_down_to_a_busy_node() -> None:
    """A mount that fails would fail on an idle node too."""
    crowd = Peers(starts=tuple(PeerStart(f"shop/{index}", at(0), at(60)) for index in range(4)))
    life = accepted(facts(WEB, volumes=(CONFIG,)))
    assert found(life, Kind.BUSY_NODE, peers=crowd) is not None
    life.noted("FailedMount", 5, 'configmap "shop-settings" not found', count=4)
    assert found(life, Kind.BUSY_NODE, peers=crowd) is None

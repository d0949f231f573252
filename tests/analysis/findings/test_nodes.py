"""What a node does before a container runs: each finding quotes its evidence, and needs it."""

import pytest
from tests.support.findings import accepted, created, found, networked, only, proofs, started
from tests.support.lives import WEB, Life, at, facts, named, ordinary, watched

from podtimeline.analysis.findings.peers import PeerPull, Peers, PeerSandbox, PeerStart
from podtimeline.analysis.findings.rules import FindingKind as Kind
from podtimeline.model.instants import SECOND, Source, exactly
from podtimeline.model.milestones import Milestone, Phase
from podtimeline.model.pods import ContainerKind, ContainerSpec, VolumeSpec

CLAIM = VolumeSpec("data", "persistentVolumeClaim", "data-web-1")
CONFIG = VolumeSpec("settings", "configMap")
NO_ADDRESS = 'plugin type="host-local" failed (add): no IP addresses available in range set: 10.0.0.1-10.0.0.2'


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
            'MountVolume.SetUp failed for volume "settings" : configmap references non-existent config key: app.yaml',
            "add the key app.yaml",
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
    life.noted(
        "FailedMount", 5, "failed to sync configmap cache: timed out waiting for the condition", subject="config"
    )
    life.noted(
        "FailedMount",
        6,
        "failed to sync configmap cache: timed out waiting for the condition",
        subject="kube-api-access-x",
    )
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
    life.noted("FailedCreatePodSandBox", 9, NO_ADDRESS, count=5)
    life.saw(Milestone.LAST_SANDBOX_FAILURE, named(9))
    finding = only(life, Kind.SANDBOX_RETRIES)
    assert NO_ADDRESS in finding.text
    assert "no free address" in finding.advice


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
    assert only(ordinary(), Kind.IMAGE_QUEUE).text == "waited for other pulls of the node"
    ahead = PeerPull("shop/model-1", "registry.test/model:1", at(0), at(1.5), SECOND, 100 << 20)
    after = PeerPull("shop/late", "registry.test/late:1", at(30), at(31), SECOND, 100 << 20)
    finding = only(ordinary(), Kind.IMAGE_QUEUE, peers=Peers(pulls=(ahead, after)))
    assert finding.text == "waited for registry.test/model:1 of shop/model-1 (1.00s)"
    assert finding.duration == SECOND
    assert "late" not in proofs(finding)


def test_a_pull_that_did_not_wait_has_no_queue() -> None:
    """The message gives both figures."""
    life = networked().saw(Milestone.PULLED, named(3), subject="web").pulled("web", pull=2, waiting=2)
    assert found(life, Kind.IMAGE_QUEUE) is None


@pytest.mark.parametrize(
    ("reason", "text", "advice"),
    [
        ("Failed", 'Failed to pull image "x": failed to resolve reference "x": x: not found', "no such image"),
        ("Failed", 'Failed to pull image "x": dial tcp: lookup r.test: no such host', "cannot reach the registry"),
        ("Failed", 'Failed to pull image "x": something odd', "read the error"),
        ("ErrImageNeverPull", 'Container image "x" is not present with pull policy of Never', "load the image"),
        ("InspectFailed", 'Failed to inspect image "x": rpc error: code = Unknown desc = odd', "read the error"),
        ("SignatureValidationFailed", "image pull failed for x because the signature validation failed", "signature"),
    ],
)
def test_a_failing_pull_tells_what_to_correct(reason: str, text: str, advice: str) -> None:
    """Wrong name, registry, policy: each has another remedy, and what nobody knows is quoted."""
    life = pulling().noted(reason, 5, text, subject="web").saw(Milestone.LAST_PULL_FAILURE, named(5), subject="web")
    finding = only(life, Kind.IMAGE_BACKOFF)
    assert advice in finding.advice
    assert text in finding.text
    assert found(pulling(), Kind.IMAGE_BACKOFF) is None


def test_a_missing_pull_secret_goes_before_what_follows_from_it() -> None:
    """The kubelet names the secret that it did not find; without it the registry refuses."""
    life = pulling().saw(Milestone.LAST_PULL_FAILURE, named(5), subject="web")
    life.noted("Failed", 5, 'Failed to pull image "x": failed to authorize: 401 Unauthorized', subject="web")
    secret = "Unable to retrieve some image pull secrets (regcred); attempting to pull the image may not succeed."
    life.noted("FailedToRetrieveImagePullSecret", 4, secret, count=9)
    finding = only(life, Kind.IMAGE_BACKOFF)
    assert finding.advice == "create the secret regcred in the pod's namespace, or correct imagePullSecrets"
    assert finding.text.startswith("FailedToRetrieveImagePullSecret (9 times): Unable to retrieve")
    assert "401 Unauthorized" in finding.text
    assert "event FailedToRetrieveImagePullSecret: 9 times" in proofs(finding)


def test_a_missing_pull_secret_is_no_reason_where_the_registry_says_another() -> None:
    """Many pods name a secret that does not exist and pull public images; it is told, and not as the cause."""
    life = pulling().noted("FailedToRetrieveImagePullSecret", 4, "Unable to retrieve some image pull secrets (regcred)")
    assert found(life, Kind.IMAGE_BACKOFF) is None
    life.noted("Failed", 5, 'Failed to pull image "x": x: not found', subject="web")
    finding = only(life, Kind.IMAGE_BACKOFF)
    assert "no such image" in finding.advice
    assert finding.text.startswith("Failed: Failed to pull image")
    assert "regcred" in proofs(finding)


def test_one_error_in_several_places_is_evidence_once() -> None:
    """The kubelet says it in the status of the attempt, of the back-off, and in an Event."""
    error = 'failed to resolve reference "x": x: not found'
    life = pulling().noted("ErrImagePull", 5, error, subject="web")
    life.noted("BackOff", 6, 'Back-off pulling image "x"', subject="web", count=9)
    life.noted("ImagePullBackOff", 7, f'Back-off pulling image "x": ErrImagePull: {error}', subject="web")
    told = proofs(only(life, Kind.IMAGE_BACKOFF))
    assert told.count(error) == 1
    assert "status ImagePullBackOff" in told


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
    quick = [PeerPull(f"shop/{i}", f"i{i}", at(0), at(1), SECOND, 200 << 20) for i in range(3)]
    always = ContainerSpec("web", ContainerKind.MAIN, "registry.test/web:1", pull_policy="Always")
    life = started(always)
    finding = only(life, Kind.SLOW_PULL, peers=Peers(pulls=tuple(quick)))
    assert "30.0 MiB at 30.0 MiB/s, while other pulls of node-1 reached 200.0 MiB/s" in finding.text
    assert "imagePullPolicy Always" in finding.text
    assert "slower than others" in finding.advice
    alone = only(life, Kind.SLOW_PULL)
    assert "other pulls" not in alone.text
    assert "make the image smaller" in alone.advice


def test_a_check_of_a_present_image_is_no_throughput() -> None:
    """With Always the registry is asked, in tenths of a second, and the size of the whole image is reported."""
    life = networked().saw(Milestone.PULL_STARTED, exactly(Source.EVENT_NAME, at(1), observed=at(1)), subject="web")
    life.saw(Milestone.PULLED, named(1.3), subject="web").pulled("web", pull=0.3, waiting=0.3, size=800 << 20)
    pulls = [PeerPull(f"shop/{i}", f"i{i}", at(0), at(9), 9 * SECOND, 200 << 20) for i in range(3)]
    finding = only(life, Kind.SLOW_PULL, peers=Peers(pulls=tuple(pulls)), now=3)
    assert finding.text == "registry.test/web:1, 800.0 MiB"
    before = PeerPull("shop/elder", "registry.test/web:1", at(-90), at(-80), 9 * SECOND, 800 << 20)
    again = only(ordinary(), Kind.SLOW_PULL, peers=Peers(pulls=(*pulls, before)))
    assert again.text == "registry.test/web:1, 30.0 MiB, which the node had pulled before"
    assert "IfNotPresent" in again.advice


def test_a_cached_image_is_no_slow_pull() -> None:
    """There was none."""
    life = networked().saw(Milestone.PULLED, named(3), subject="web")
    assert found(life.saw(Milestone.CONTAINER_CREATED, named(3.1), subject="web"), Kind.IMAGE_QUEUE) is None


def test_a_container_that_cannot_be_made_quotes_the_runtime() -> None:
    """Command not found, security context, mounts."""
    life = pulling().saw(Milestone.PULLED, named(3), subject="web")
    assert found(life, Kind.CONTAINER_ERROR) is None
    life.noted(
        "CreateContainerError",
        9,
        'failed to generate spec: path "/none" is mounted on "/" but it is not a shared mount',
        subject="web",
    )
    finding = only(life, Kind.CONTAINER_ERROR)
    assert "/none" in finding.text
    assert finding.open


def test_the_first_words_of_a_failure_stand_where_the_last_only_follow_from_them() -> None:
    """After a time-out the runtime still holds the container's name, and says so at each retry."""
    life = pulling().saw(Milestone.PULLED, named(3), subject="web")
    reserved = 'failed to reserve container name "web_0": name "web_0" is reserved for "a1"'
    life.noted("CreateContainerError", 9, "context deadline exceeded", subject="web")
    life.noted("CreateContainerError", 12, reserved, subject="web")
    life.noted("Failed", 9, "Error: context deadline exceeded", subject="web")
    life.noted("Failed", 30, f"Error: {reserved}", subject="web", count=7)
    finding = only(life, Kind.CONTAINER_ERROR)
    assert finding.text == (
        f"CreateContainerError: context deadline exceeded; since then: CreateContainerError: {reserved}"
    )
    assert "load and the disk of the node" in finding.advice
    assert "context deadline exceeded" in proofs(finding)


def test_the_last_words_of_a_failure_stand_where_they_are_a_cause() -> None:
    """What failed at first may be mended: the first words stay as evidence."""
    life = pulling().saw(Milestone.PULLED, named(3), subject="web")
    life.noted("RunContainerError", 9, "context deadline exceeded", subject="web")
    life.noted("RunContainerError", 20, 'exec: "serve": executable file not found in $PATH', subject="web")
    finding = only(life, Kind.CONTAINER_ERROR)
    assert finding.text == 'RunContainerError: exec: "serve": executable file not found in $PATH'
    assert "correct command" in finding.advice
    assert "status RunContainerError: context deadline exceeded" in proofs(finding)


def test_a_known_cause_stands_before_later_words_that_nobody_knows() -> None:
    """Both are told."""
    life = accepted().saw(Milestone.LAST_SANDBOX_FAILURE, named(9))
    life.noted("FailedCreatePodSandBox", 3, NO_ADDRESS)
    life.noted("FailedCreatePodSandBox", 9, "Failed to create pod sandbox: something odd")
    finding = only(life, Kind.SANDBOX_RETRIES)
    assert "no IP addresses available" in finding.text.partition("; since then: ")[0]
    assert finding.text.endswith("; since then: FailedCreatePodSandBox: Failed to create pod sandbox: something odd")
    assert "no free address" in finding.advice


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
    late = created().saw(Milestone.SCHEDULED, watched(1), detail="node-1").saw(Milestone.KUBELET_ADMITTED, watched(9))
    finding = found(late, Kind.BUSY_NODE, peers=Peers(starts=crowd))
    assert finding is not None
    assert (finding.phase, finding.duration) == (Phase.KUBELET_ADMISSION, 8 * SECOND)
    assert finding.text == "4 other pods were starting on node-1 at the same time"
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

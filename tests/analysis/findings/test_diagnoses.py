"""Messages lead to what to try, as the programs write them that the table cites."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from podtimeline.analysis.findings.diagnoses import (
    DIAGNOSES,
    NORMAL,
    Topic,
    advice_of,
    diagnose,
    of_image,
    rank,
    without_image,
)
from podtimeline.model.milestones import Phase
from podtimeline.sources.events.decode import INCIDENTS, TELLING

REPOSITORY, TAG = "registry.test/shop/web", "1.2"
RESOLVE = 'failed to pull and unpack image "{image}": failed to resolve reference "{image}": '
PULLS = {
    'rpc error: code = NotFound desc = failed to pull and unpack image "{image}": no match for platform in manifest: '
    "not found": "no variant for the node's architecture",
    "no matching manifest for linux/arm64/v8 in the manifest list entries": "no variant for the node's architecture",
    'choosing image instance: no image found in manifest list for architecture "arm64", variant "v8", OS "linux"': (
        "no variant for the node's architecture"
    ),
    RESOLVE + "{image}: not found": "no such image",
    "reading manifest {tag} in {repository}: manifest unknown": "no such image",
    "manifest for {image} not found: manifest unknown: manifest unknown": "no such image",
    RESOLVE + "pull access denied, repository does not exist or may require authorization: server message: "
    "insufficient_scope: authorization failed": "image's name first, then imagePullSecrets",
    "initializing source docker://{image}: reading manifest {tag} in {repository}: requested access to the resource is "
    "denied": "image's name first, then imagePullSecrets",
    RESOLVE + "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to "
    "https://registry.test/token?scope=repository%3Ashop%2Fweb%3Apull: 401 Unauthorized": "none were sent",
    RESOLVE + "failed to authorize: failed to fetch oauth token: unexpected status from GET request to "
    "https://registry.test/token: 401 Unauthorized: unauthorized: authentication required": "registry and "
    "credentials in the secret",
    RESOLVE + "unexpected status from HEAD request to https://registry.test/v2/web/manifests/{tag}: 403 Forbidden": (
        "registry and credentials in the secret"
    ),
    RESOLVE + "unexpected status from HEAD request to https://registry.test/v2/web/manifests/{tag}: 429 Too Many "
    "Requests": "limits pulls",
    "reading manifest {tag} in {repository}: toomanyrequests: You have reached your pull rate limit.": "limits pulls",
    RESOLVE + 'failed to do request: Head "https://registry.test/v2/web/manifests/{tag}": dial tcp: lookup '
    "registry.test on 10.96.0.10:53: no such host": "cannot reach the registry",
    RESOLVE + 'failed to do request: Head "https://registry.test/v2/web/manifests/{tag}": dial tcp: lookup '
    "registry.test on 10.96.0.10:53: server misbehaving": "cannot reach the registry",
    RESOLVE + 'failed to authorize: failed to fetch anonymous token: Get "https://registry.test/token": dial tcp '
    "10.0.0.9:443: i/o timeout": "cannot reach the registry",
    RESOLVE + 'failed to do request: Head "https://registry.test/v2/web/manifests/{tag}": tls: failed to verify '
    "certificate: x509: certificate signed by unknown authority": "trust the registry's certificate",
    RESOLVE + 'failed to do request: Head "https://registry.test/v2/web/manifests/{tag}": http: server gave HTTP '
    "response to HTTPS client": "serves plain HTTP",
    RESOLVE + "unexpected status from HEAD request to https://registry.test/v2/web/manifests/{tag}: 503 Service "
    "Unavailable": "a server error",
    'failed to pull and unpack image "{image}": failed to extract layer sha256:5f1c: write /usr/lib/libx: no space '
    "left on device": "disk is full",
    "pull QPS exceeded": "registryPullQPS",
    RESOLVE + 'not implemented: media type "application/vnd.docker.distribution.manifest.v1+prettyjws" is no longer '
    "supported since containerd v2.0": "obsolete manifest format",
}
"""What a runtime answers to a pull, and words of the advice."""
WORDS = st.sampled_from(
    ["not-found", "denied", "unauthorized", "no-such-host", "timeout", "401", "404", "429", "503", "x509", "eof", "tls"]
)
NAMES = st.builds("/".join, st.lists(WORDS, min_size=1, max_size=3))
HOSTS = st.sampled_from(["", "docker.io/", "registry.test/", "denied.test:5000/"])


def said(error: str, *, repository: str = REPOSITORY, tag: str = TAG) -> str:
    """What the kubelet says of a pull that failed so (image_manager.go, pullImage)."""
    image = f"{repository}:{tag}"
    return f'Failed to pull image "{image}": ' + error.format(image=image, repository=repository, tag=tag)


@pytest.mark.parametrize(("error", "advice"), PULLS.items())
def test_a_pull_that_fails_leads_to_its_remedy(error: str, advice: str) -> None:
    """The special goes before the general: nearly every refusal says "not found" or "authorization" somewhere."""
    for reason, text in (("Failed", said(error)), ("ErrImagePull", said(error).partition(": ")[2])):
        row = diagnose(reason, text, image=f"{REPOSITORY}:{TAG}")
        assert row is not None
        assert row.topic is Topic.IMAGE
        assert advice in advice_of(row, text)


@given(st.sampled_from(sorted(PULLS)), HOSTS, NAMES, WORDS)
@example("reading manifest {tag} in {repository}: manifest unknown", "", "x509", "1.2")
def test_the_name_of_an_image_is_no_reason(error: str, host: str, name: str, tag: str) -> None:
    """An image may be named after any error: what the message says of it is the same."""
    repository = host + name
    text = said(error, repository=repository, tag=tag)
    assert diagnose("Failed", text, image=f"{repository}:{tag}") is diagnose("Failed", said(error))


def test_a_reference_is_left_out_in_every_form() -> None:
    """As the pod names it, in full, by digest, apart, and in URLs; what only resembles it stays."""
    text = (
        'image "denied": docker.io/library/denied:latest docker.io/library/denied@sha256:0a1b denied:latest '
        "docker://denied:latest https://denied.test/v2/denied/manifests/latest manifest latest in docker.io/denied: "
        "denied-not, denied: requested"
    )
    assert without_image(text, "denied") == (
        'image "IMAGE": IMAGE IMAGE IMAGE URL URL manifest TAG in IMAGE: denied-not, denied: requested'
    )


@pytest.mark.parametrize(
    ("reason", "text", "advice"),
    [
        ("ErrImageNeverPull", 'Container image "x" is not present with pull policy of Never', "load the image"),
        (
            "InspectFailed",
            'Failed to apply default image tag "X:": couldn\'t parse image name "X:": invalid reference format',
            "malformed",
        ),
        ("InvalidImageName", "", "malformed"),
        ("SignatureValidationFailed", "image pull failed for x because the signature validation failed", "signature"),
        ("RegistryUnavailable", "image pull failed for x because the registry is unavailable", "cannot be reached"),
        (
            "FailedToRetrieveImagePullSecret",
            "Unable to retrieve some image pull secrets (regcred, b); attempting to pull the image may not succeed.",
            "create the secret regcred, b in",
        ),
        (
            "FailedMount",
            'MountVolume.SetUp failed for volume "a" : configmap "web" not found',
            "create the configmap web",
        ),
        (
            "CreateContainerConfigError",
            "couldn't find key url in Secret shop/web",
            "add the key url to the Secret shop/web",
        ),
        (
            "FailedMount",
            'MountVolume.SetUp failed for volume "a" : configmap references non-existent config key: app.yaml',
            "add the key app.yaml",
        ),
        ("CreateContainerError", "context deadline exceeded", "runtimeRequestTimeout"),
        (
            "Failed",
            (
                "Error: kubelet may be retrying requests that are timing out in CRI-O due to system load: "
                "context deadline exceeded: error reserving ctr name a for id 1"
            ),
            "still working on an earlier request",
        ),
        (
            "CreateContainerConfigError",
            'container has runAsNonRoot and image will run as root (pod: "web-1_shop(1)", container: web)',
            "runAsUser",
        ),
        (
            "RunContainerError",
            (
                "failed to create shim task: OCI runtime create failed: runc create "
                'failed: unable to start container process: exec: "serve": executable file not found in $PATH: unknown'
            ),
            "correct command and args",
        ),
        ("RunContainerError", "exec /serve: exec format error", "another architecture"),
        (
            "FailedCreatePodSandBox",
            (
                'Failed to create pod sandbox: failed to setup network for sandbox "1a": '
                'plugin type="host-local" failed (add): no IP addresses available in range set: '
                "10.244.1.1-10.244.1.254"
            ),
            "no free address",
        ),
        (
            "NetworkNotReady",
            (
                "network is not ready: container runtime network not ready: reason:NetworkPluginNotReady"
                " message:Network plugin returns error: cni plugin not initialized"
            ),
            "plugin's DaemonSet",
        ),
        (
            "FailedCreatePodSandBox",
            ('Failed to create pod sandbox: failed to get sandbox runtime: no runtime for "kata" is configured'),
            "RuntimeClass",
        ),
        (
            "FailedPrepareDynamicResources",
            "Failed to prepare dynamic resources: prepare dynamic resources: DRA driver gpu.test is not registered",
            "not registered with this node's kubelet",
        ),
        (
            "FailedPrepareDynamicResources",
            "Failed to prepare dynamic resources: NodePrepareResources failed for ResourceClaim gpu: no device",
            "ResourceClaims",
        ),
        (
            "VolumePermissionChangeInProgress",
            "Setting volume ownership for 1/volumes/pvc-1, processed 200000 files.",
            "OnRootMismatch",
        ),
        (
            "Failed",
            "error making pod data directories: mkdir /var/lib/kubelet/pods/1: read-only file system",
            "root directory",
        ),
    ],
)
def test_other_messages_lead_to_their_remedy(reason: str, text: str, advice: str) -> None:
    """Each is quoted as its program writes it."""
    assert advice in advice_of(diagnose(reason, text), text)


def test_one_reason_of_two_subjects_is_told_apart_by_the_kubelets_first_words() -> None:
    """``Failed`` is of a pull, a creation or a start; a container's error may name its image."""
    assert of_image("Failed", '(combined from similar events): Failed to pull image "x": EOF')
    assert of_image("BackOff", 'Back-off pulling image "x"')
    assert not of_image("Failed", "Error: container has runAsNonRoot and image will run as root")
    assert not of_image("BackOff", "Back-off restarting failed container web in pod web-1_shop(1)")
    row = diagnose("Failed", "Error: context deadline exceeded")
    assert row is not None
    assert row.topic is Topic.CONTAINER


def test_each_row_is_reached() -> None:
    """A row behind a more general one of the same reasons would never be used."""
    for index, row in enumerate(DIAGNOSES):
        general = [each for each in DIAGNOSES[:index] if not each.pattern.pattern and each.topic is row.topic]
        assert row.reasons - {reason for each in general for reason in each.reasons}, row
        assert row.source
        assert (row.topic is Topic.NONE) == (row.phases == ())
        assert rank(row) == index < rank(None)


def test_a_message_that_nobody_knows_has_no_row() -> None:
    """It is quoted without advice of its own."""
    assert diagnose("PolicyViolation", "policy x: validation error") is None
    assert advice_of(None, "x") == ""


def test_what_is_noted_of_normal_events_is_no_warning() -> None:
    """The reasons that intake notes beside Warnings are the ones that core knows as such."""
    assert TELLING | set(INCIDENTS) <= NORMAL
    assert not NORMAL & {
        reason for row in DIAGNOSES for reason in row.reasons if row.topic in {Topic.POD, Topic.SANDBOX}
    }


def test_what_is_true_of_many_pods_explains_no_wait() -> None:
    """A resolv.conf with four name servers is reported for each pod of the node."""
    row = diagnose("DNSConfigForming", "Nameserver limits were exceeded, some nameservers have been omitted")
    assert row is not None
    assert Phase.SANDBOX not in row.phases


def test_of_a_message_of_any_length_the_beginning_and_the_end_are_read() -> None:
    """Errors name their cause at the end; a message may be written by anybody, to make the reading slow."""
    row = diagnose("Failed", f'Failed to pull image "x": {"exec: a.a" * 100_000}: x509: unknown authority')
    assert row is not None
    assert row is diagnose("ErrImagePull", "x509: unknown authority")
    assert diagnose("RunContainerError", "exec: " * 200_000) is diagnose("RunContainerError", "odd")

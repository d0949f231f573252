"""What kubelet and registry say leads to the cause: inputs after public bug reports, with the right answers."""

from typing import Any

import pytest
from tests.support.captures import played
from tests.support.reasons import assert_sound

CASES = (
    "container-create-times-out", "image-checked-again", "image-name-misspelt", "image-of-another-platform",
    "kubelet-cannot-prepare-resources", "probe-output-hostile", "pull-secret-missing", "sandbox-cannot-be-removed",
)  # fmt: skip


def first(item: Any, phase: str) -> Any:
    """The finding about a phase that ranks first."""
    return next(each for each in item["findings"] if each["phase"] == phase)


def evidence(finding: Any) -> str:
    """All that a finding rests on, a line each."""
    return "\n".join(f"{each['source']}: {each['text']}" for each in finding["evidence"])


@pytest.mark.parametrize("case", CASES)
def test_findings_are_sound(case: str) -> None:
    """The legs sum, findings are ranked, and each rests on something."""
    for item in played(f"cases/{case}").values():
        assert_sound(item)


def test_the_kubelets_words_stand_for_resources_that_cannot_be_prepared() -> None:
    """Neither volumes nor the network: the DRA driver is not registered (kubernetes/kubernetes#131957)."""
    item = played("cases/kubelet-cannot-prepare-resources")["gpu-1"]
    finding = first(item, "sandbox")
    assert finding["kind"] == "warning_event"
    assert finding["durationSeconds"] > 80
    assert "FailedPrepareDynamicResources (7 times): Failed to prepare dynamic resources" in item["explanation"]
    assert "DRA driver is not registered" in finding["advice"]
    assert [each["kind"] for each in item["findings"] if each["phase"] == "sandbox"] == ["warning_event"]


def test_a_cleanup_that_goes_on_quotes_what_the_kubelet_cannot_do() -> None:
    """The CNI plugin refuses to remove the sandbox's network (projectcalico/calico#5712)."""
    item = played("cases/sandbox-cannot-be-removed")["prometheus-1"]
    finding = first(item, "cleanup")
    assert finding["kind"] == "warning_event"
    assert finding["open"]
    assert finding["text"].startswith("FailedKillPod (25 times): error killing pod")
    assert "CNI plugin cannot remove the pod's network" in finding["advice"]
    assert "in cleanup: FailedKillPod (25 times)" in item["explanation"]
    assert first(item, "container_stop")["kind"] == "slow_stop"


def test_a_secret_that_does_not_exist_is_to_be_created() -> None:
    """The kubelet names it in an Event of the pod (kubernetes/website#41897)."""
    finding = first(played("cases/pull-secret-missing")["private-1"], "image_backoff")
    assert "create the secret regcred" in finding["advice"]
    assert "event FailedToRetrieveImagePullSecret: 9 times" in evidence(finding)
    assert "401 Unauthorized" in finding["text"]


@pytest.mark.parametrize("name", ["operator-1", "operator-2"])
def test_an_image_without_the_nodes_architecture_is_no_missing_image(name: str) -> None:
    """Containerd's text ends in "not found", Docker's does not (FoundationDB/fdb-kubernetes-operator#2294)."""
    finding = first(played("cases/image-of-another-platform")[name], "image_backoff")
    assert "no variant for the node's architecture" in finding["advice"]


def test_checks_of_a_present_image_are_no_throughput() -> None:
    """Three pods ask for what the node has, in 0.3 s; the one pull that moves an image is not slow beside them."""
    items = played("cases/image-checked-again")
    pulled = first(items["new-1"], "image_pull")
    assert pulled["text"] == "registry.example/new:1, 572.2 MiB at 71.5 MiB/s, imagePullPolicy Always"
    assert "other pulls" not in pulled["text"] + evidence(pulled)
    assert "make the image smaller" in pulled["advice"]
    for name in ("old-0", "old-1", "old-2"):
        (pull,) = items[name]["pulls"]
        assert (pull["sizeBytes"], pull["bytesPerSecond"]) == (800_000_000, None)


def test_the_first_words_of_a_container_that_cannot_be_made_are_the_cause() -> None:
    """CreateContainer timed out; that its name is reserved follows from it (containerd/containerd#4604)."""
    item = played("cases/container-create-times-out")["db-1"]
    finding = first(item, "container_create")
    assert finding["kind"] == "container_error"
    cause, _, since = finding["text"].partition("; since then: ")
    assert cause == "CreateContainerError: context deadline exceeded"
    assert "is reserved for" in since
    assert "did not answer within the kubelet's runtimeRequestTimeout" in finding["advice"]


def test_a_page_of_a_probes_output_is_shortened_in_the_sentence() -> None:
    """It stands in full in the evidence, once."""
    item = played("cases/probe-output-hostile")["html-1"]
    finding = first(item, "readiness_probe")
    assert len(item["explanation"]) < 1000
    assert " … " in finding["text"]
    assert evidence(finding).count("x" * 1500) == 1


def test_a_misspelt_image_of_docker_hub_is_a_wrong_name_or_missing_credentials() -> None:
    """Docker Hub answers "denied" to both (kubernetes/kubernetes#84272)."""
    finding = first(played("cases/image-name-misspelt")["typo-1"], "image_backoff")
    assert "check the image's name first, then imagePullSecrets" in finding["advice"]

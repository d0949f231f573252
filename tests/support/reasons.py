"""What has to be found out about each pod of ``tests/e2e/findings.yaml``, wherever its timeline comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema
from tests.support.documents import TIMELINE
from tests.support.sums import assert_whole

from podtimeline.analysis.findings.rules import RULES

_TIMELINES = jsonschema.Draft202012Validator(TIMELINE)


@dataclass(frozen=True, slots=True)
class Reason:
    """The kind of a finding, words of its text, of its evidence and of its advice, and its least length in seconds.

    The least length leaves room for a busy machine, and for ends that are known to the second only.
    """

    kind: str
    text: str
    evidence: str
    advice: str
    seconds: float = 1.0


GOING = ("slow-stop", "hooked", "deaf")
"""Pods that are deleted once they are ready."""
PULLED = ("pull-0", "pull-1")
READY = ("probe-delay", "probe-period", "inits", "post-start", *PULLED)
REASONS: Mapping[str, Reason] = {
    "probe-delay": Reason(
        "probe_delay", "initialDelaySeconds is 6", "initialDelaySeconds 6, periodSeconds 1", "lower initialDelaySec", 5
    ),
    "probe-period": Reason("failing_probe", "Readiness probe failed: still cold", "periodSeconds 9", "waits for", 5),
    "inits": Reason("init_dominates", "two", "finished of two", "in parallel", 7),
    "post-start": Reason("post_start", "the postStart hook of main", "lifecycle.postStart", "what the hook does", 4),
    "no-registry": Reason("image_backoff", "failed to", "registry.nowhere", "cannot reach the registry"),
    "bad-name": Reason("image_backoff", "InvalidImageName", "invalid reference", "is malformed"),
    "never-pulled": Reason("image_backoff", "ErrImageNeverPull", "not present with pull policy", "load the image"),
    "no-secret": Reason("missing_config", "FailedMount", 'secret "web-tls" not found', "create the secret web-tls"),
    "no-key": Reason(
        "missing_config", "CreateContainerConfigError", "couldn't find key url", "add the key url to the C"
    ),
    "no-command": Reason("container_error", "/no/such/binary", "/no/such/binary", "command"),
    "deadlocked": Reason("crash_loop", "exit code 137", "of main ended with exit code 137", "add a startupProbe"),
    "pull-0": Reason("slow_pull", "imagePullPolicy Always", "event Pulled", "", 3),
    "pull-1": Reason("slow_pull", "imagePullPolicy Always", "event Pulled", "", 3),
    "slow-stop": Reason("slow_stop", "with exit code 0 (its grace period is 20 s)", "killing of main", "SIGTERM"),
    "hooked": Reason("pre_stop", "the preStop hook of main", "lifecycle.preStop of main", "shorten the preStop"),
    "deaf": Reason(
        "grace_ran_out", "within its grace period of 3 s", "deletionGracePeriodSeconds: 3", "handle SIGTERM"
    ),
}


def found(item: Any, kind: str) -> Any:
    """The finding of that kind; where there is none, what was found instead fails the test."""
    kinds = [each["kind"] for each in item["findings"]]
    assert kind in kinds, (item["name"], kinds, item["explanation"])
    return item["findings"][kinds.index(kind)]


def assert_told(item: Any, reason: Reason) -> None:
    """Assert that the reason is found, with its evidence and advice, and that the sentence says it."""
    finding = found(item, reason.kind)
    proofs = "\n".join(f"{each['source']}: {each['text']}" for each in finding["evidence"])
    assert reason.text in finding["text"], (item["name"], finding["text"])
    assert reason.evidence in proofs, (item["name"], proofs)
    assert reason.advice in finding["advice"], (item["name"], finding["advice"])
    assert finding["durationSeconds"] >= reason.seconds, (item["name"], finding["durationSeconds"])
    # Of two pulls the later waits as long as it pulls: the sentence tells of the longer of the two.
    assert finding["text"] in item["explanation"] or item["name"] in PULLED, (item["name"], item["explanation"])


def assert_sound(item: Any) -> None:
    """Assert what holds for the findings of any pod: the schema, evidence, the order, and that the legs sum."""
    _TIMELINES.validate(item)
    assert_whole(item)
    rows = [rule.kind for rule in RULES]
    order = [
        (each["share"] is None, -each["durationNanoseconds"], rows.index(each["kind"])) for each in item["findings"]
    ]
    assert order == sorted(order), item["name"]
    assert all(each["evidence"] for each in item["findings"]), item["name"]


def assert_queued(items: Mapping[str, Any]) -> None:
    """Assert that of two pulls of one node the later waited behind the other one, and says so by its name."""
    waits = {name: [each for each in items[name]["findings"] if each["kind"] == "image_queue"] for name in PULLED}
    (late,) = (name for name in PULLED if waits[name])
    (other,) = (name for name in PULLED if name != late)
    (wait,) = waits[late]
    assert f"of {items[other]['namespace']}/{other} (" in wait["text"], wait["text"]
    assert wait["durationSeconds"] > 1
    assert "peers" in [each["source"] for each in wait["evidence"]]


def assert_earlier(item: Any) -> None:
    """Assert that the range in which a success could have come earlier ends at the last look that failed."""
    finding = found(item, "probe_period")
    assert "periodSeconds is 9, and the last probe failed" in finding["text"]
    assert 1 < finding["durationSeconds"] <= 9

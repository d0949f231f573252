"""What containers, their Events and the kubelet did in cases from real life, with their right answers."""

from typing import Any

import pytest
from tests.support.captures import played
from tests.support.starts import befell, codes, found, lengths, longest, words
from tests.support.sums import assert_whole, reached
from tests.support.truth import nanoseconds


def case(slug: str) -> dict[str, Any]:
    """The timelines of a case by the pods' names; all of them sum."""
    items = played(f"cases/{slug}")
    for item in items.values():
        assert_whole(item)
    return items


def kinds(item: Any) -> list[str]:
    """The kinds of what is found, in order."""
    return [each["kind"] for each in item["findings"]]


def advice(item: Any) -> str:
    """All that is advised."""
    return "\n".join(each["advice"] for each in item["findings"])


def last(item: Any) -> tuple[str, str, bool]:
    """The last phase of the start: its name, its subject, and whether it goes on."""
    phase = item["phases"][-1]
    return phase["phase"], phase["subject"], phase["open"]


def total(item: Any) -> float:
    """The seconds of the start."""
    return float(item["totalNanoseconds"] / 1e9)


def test_a_plain_start() -> None:
    """A control: nothing that is read of special starts changes an ordinary one."""
    item = case("plain-start")["web-1"]
    phases = ["scheduling", "kubelet_admission", "sandbox", "image_pull", "container_create", "container_start"]
    assert [each["phase"] for each in item["phases"]] == [*phases, "status_report"]
    assert longest(item) == ("image_pull", "app")
    assert round(total(item), 2) == 4.80
    assert kinds(item)[0] == "slow_pull"


@pytest.mark.parametrize(
    ("slug", "name", "reason", "why"),
    [
        ("kubelet-rejects-outofcpu", "calc-7", "OutOfcpu", "Node didn't have enough resource: cpu, requested: 4000"),
        ("rejected-then-status-unknown", "pinned-1", "SMTAlignmentError", "requested 3 cpus not multiple cpus"),
    ],
)
def test_a_rejected_pod_never_started(slug: str, name: str, reason: str, why: str) -> None:
    """Its start is over at the rejection, however long the object stays and whatever a kubelet makes of it."""
    item = case(slug)[name]
    assert item["outcome"] == "failed"
    assert last(item) == ("kubelet_admission", "", False)
    assert total(item) < 1
    assert {"kubelet_admitted", "initialized", "started"}.isdisjoint(milestone for milestone, _ in reached(item))
    assert reached(item)["terminal_phase", ""]["source"] == "event_name"
    assert (item["missing"], item["runs"]) == ([], [])
    words(item, f"rejected by the kubelet: {reason}", why)
    assert kinds(item)[0] == "rejected"
    assert {"event " + reason, "status"} <= {each["source"] for each in item["findings"][0]["evidence"]}
    assert "kubectl logs" not in advice(item)
    assert {"report_lag", "unexplained", "failed"}.isdisjoint(kinds(item))


def test_how_a_container_ended_that_the_kubelet_lost_is_unknown() -> None:
    """The node rebooted while the pod was to go: its exit code 137 is the kubelet's, not SIGKILL's."""
    item = case("status-unknown-after-deletion")["web-1"]
    assert reached(item)["finished", "app"]["at"] is None
    phases = [(each["phase"], each["subject"]) for each in item["leaving"]]
    assert phases == [("termination_pending", ""), ("unexplained", "app")]
    (run,) = item["runs"]
    assert (run["exitCode"], run["finished"], run["reason"]) == (None, None, "ContainerStatusUnknown")
    (stop,) = item["stops"]
    assert (stop["ended"], stop["exitCode"], stop["graceExceeded"]) == (None, None, None)
    assert stop["reason"] == "ContainerStatusUnknown"
    words(item, "when and how app ended is unknown")
    assert "grace_ran_out" not in kinds(item)
    assert "137" not in item["explanation"]
    assert "SIGTERM" not in advice(item)


def test_an_image_volume_is_pulled_before_any_container() -> None:
    """Its Events name no container: they are told of the volume, and so is a failure."""
    items = case("image-volume")
    item = items["llm-1"]
    assert longest(item) == ("image_pull", "volume model")
    assert lengths(item)["image_pull", "volume model"] == pytest.approx(95, abs=0.1)
    assert lengths(item)["kubelet_sync", "app"] < 0.2
    (pull,) = [each for each in item["pulls"] if each["container"] == "volume model"]
    assert (pull["image"], pull["sizeBytes"]) == ("registry.example/models/llm:7b", 7_100_000_000)
    words(item, "image pull of volume model", "registry.example/models/llm:7b")
    failing = items["llm-2"]
    assert last(failing) == ("image_backoff", "volume model", True)
    words(failing, "image back-off of volume model", "not found")
    assert "the registry has no such image" in advice(failing)


def test_a_native_sidecar_holds_readiness_up() -> None:
    """It counts for the pod's readiness as main containers do: its probe is what the pod waits for."""
    items = case("sidecar-readiness")
    late, never = items["shop-late"], items["shop-never"]
    assert longest(late) == ("readiness_probe", "proxy")
    assert lengths(late)["readiness_probe", "proxy"] == pytest.approx(40.5, abs=0.1)
    assert last(never) == ("readiness_probe", "proxy", True)
    for item in (late, never):
        words(item, "readiness probe of proxy", "HTTP probe failed with statuscode: 503")
        assert ("status_report", "") not in lengths(item)
        assert "kubeAPIQPS" not in advice(item)
        assert {"app"} == {each["subject"] for each in item["parallel"]}


def test_what_is_said_of_a_debug_container_is_not_the_pods() -> None:
    """The pod waits for its readiness probe, with its Events or without them (the control)."""
    item, control = (case(f"debug-container{more}")["slow-1"] for more in ("", "-without-events"))
    assert last(item) == ("readiness_probe", "app", True)
    assert "busybx" not in str(item)
    assert item["findings"] == control["findings"]
    assert item["milestones"] == control["milestones"]
    assert item["explanation"] == control["explanation"]
    assert kinds(control) == ["long_phase", "crash_loop"]
    assert codes(control, "app") == [1, None]


def test_init_containers_that_run_again_are_told_apart_from_the_lost_sandbox() -> None:
    """The loss costs up to the first one's second start; from then on that one runs, and then the other one."""
    item = case("init-containers-again")["job-1"]
    told = lengths(item)
    assert longest(item) == ("crash_loop", "migrate")
    assert told["crash_loop", "migrate"] == pytest.approx(69.8, abs=0.3)
    assert told["init_run", "fetch"] == pytest.approx(10.9 + 11, abs=0.3)
    assert told["init_run", "migrate"] == pytest.approx(5.9, abs=0.3)
    found(item, "crash_loop", "migrate ended with an unknown exit code (Unknown), after SandboxChanged")
    assert codes(item, "fetch") == [0, 0]
    assert codes(item, "migrate") == [None, 0]
    assert total(item) == pytest.approx(100.3, abs=0.1)


def test_a_restart_of_all_containers_by_rule() -> None:
    """The exit code asked for it: the run before, the init container's second run and the probe have their times."""
    item = case("restart-all-containers")["train-0"]
    told = lengths(item)
    assert told["crash_loop", "app"] == pytest.approx(25.7, abs=0.3)
    assert told["init_run", "setup"] == pytest.approx(5.0 + 5.0, abs=0.3)
    assert told["readiness_probe", "app"] == pytest.approx(5.7, abs=0.3)
    words(item, "exit code 88", "a rule restarted all containers of the pod (RestartAllContainers)")
    loop = next(each for each in item["findings"] if each["kind"] == "crash_loop")
    assert "condition AllContainersRestarting" in {each["source"] for each in loop["evidence"]}
    assert "restartPolicyRules" in loop["advice"]


def test_a_success_threshold_is_most_of_a_readiness_probe() -> None:
    """Two of three periods are what the spec asks for: only the rest could have come earlier."""
    item = case("success-threshold")["thr-1"]
    threshold, period = (
        next(each for each in item["findings"] if each["kind"] == kind) for kind in ("probe_threshold", "probe_period")
    )
    assert threshold["durationNanoseconds"] == 20_000_000_000
    assert 1_000_000_000 <= period["durationNanoseconds"] < 1_100_000_000
    words(item, "successThreshold is 3", "2 more successes after the first one took up to 20.0s")
    assert "find out what the application waits for" not in advice(item)


def test_an_address_that_moves_between_slices_drains_once() -> None:
    """A control: the slice that held the address at the deletion is the one that let go of it."""
    item = case("address-moves-between-slices")["web-1"]
    (drain,) = item["drains"]
    assert drain["subject"] == "demo/web/web-b"
    assert drain["lagNanoseconds"] < 200_000_000
    assert "traffic_lost" not in kinds(item)


def test_a_readiness_gate_without_a_time() -> None:
    """A control: its lastTransitionTime is null, live as listed."""
    items = case("readiness-gate-without-time")
    assert {name: longest(item)[0] for name, item in items.items()} == dict.fromkeys(items, "readiness_gates")
    assert lengths(items["lb-live"])["readiness_gates", ""] == pytest.approx(40.3, abs=0.1)


def test_a_lost_node_is_a_late_kill() -> None:
    """A control: evicted by its taint, the pod waits for its node's kubelet to come back."""
    item = case("node-lost")["web-1"]
    assert item["deletion"]["cause"] == "taint"
    assert [each["phase"] for each in item["leaving"]] == ["termination_pending", "container_stop", "cleanup"]
    assert kinds(item)[0] == "late_kill"
    assert befell(item) == ["not_ready"]


def test_a_status_that_jumps_to_ready_is_unexplained() -> None:
    """A control: a node without a kubelet reports no step between."""
    item = case("status-jumps-to-ready")["fake-1"]
    assert item["outcome"] == "ready"
    assert "unexplained" in {each["phase"] for each in item["phases"]}
    created, ready = (nanoseconds(reached(item)[name, ""]["at"]) for name in ("created", "ready"))
    assert item["startupNanoseconds"] == ready - created

"""What the timelines of the pods of ``tests/e2e/containers.yaml`` have to tell, live or from their capture."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from tests.support.sums import assert_whole, in_order, reached
from tests.support.truth import nanoseconds

GATE, SETTER = "podtimeline.test/registered", "target-health-controller"
MESH = "Add eth0 [10.244.9.9/24] from mesh"
Items = Mapping[str, Any]


def lengths(item: Any) -> dict[tuple[str, str], float]:
    """The seconds of each phase of the start, by name and subject."""
    found: dict[tuple[str, str], float] = {}
    for each in item["phases"]:
        key = (each["phase"], each["subject"])
        found[key] = found.get(key, 0) + each["durationSeconds"]
    return found


def longest(item: Any) -> tuple[str, str]:
    """The phase that took most of the start."""
    return max(lengths(item).items(), key=lambda each: each[1])[0]


def codes(item: Any, container: str = "main") -> list[int | None]:
    """How each run of a container ended, ``None`` where it has not."""
    return [each["exitCode"] for each in item["runs"] if each["container"] == container]


def befell(item: Any) -> list[str]:
    """The incidents, in order."""
    return [each["incident"] for each in item["incidents"]]


def words(item: Any, *expected: str) -> None:
    """Assert that the explanation holds the words."""
    missing = [each for each in expected if each not in item["explanation"]]
    assert missing == [], item["explanation"]


def found(item: Any, phase: str, *expected: str) -> None:
    """Assert that what is found of a phase holds the words; on a slow machine another phase may be the longest."""
    texts = [each["text"] for each in item["findings"] if each["phase"] == phase]
    missing = [each for each in expected if not any(each in text for text in texts)]
    assert missing == [], (item["name"], texts, item["explanation"])


def sums(items: Items) -> None:
    """Whatever a pod went through, each leg lies end to end and sums exactly, and instants are inside their bounds."""
    for item in items.values():
        assert_whole(item)
        assert item["missing"] == [], item["name"]


def crash_loop(items: Items) -> None:
    """Each run before readiness has its exit code; the time up to the run that got ready is the loop's."""
    item = items["crashing"]
    in_order(item, ("created", ""), ("kubelet_admitted", ""), ("started", "main"))
    in_order(item, ("started", "main"), ("last_started", "main"), ("container_ready", "main"), ("ready", ""))
    assert codes(item)[:2] == [3, 4]
    assert longest(item) == ("crash_loop", "main")
    words(item, "crash loop of main", "exit code 3", "exit code 4")


def init_restart(items: Items) -> None:
    """An init container that failed once loops, then works, and only then the main one starts."""
    item = items["init-retried"]
    in_order(item, ("started", "migrate"), ("last_started", "migrate"), ("finished", "migrate"), ("initialized", ""))
    in_order(item, ("finished", "migrate"), ("started", "main"), ("ready", ""))
    assert codes(item, "migrate") == [9, 0]
    assert lengths(item)["init_run", "migrate"] > 1.4
    assert lengths(item)["crash_loop", "migrate"] > 0.5
    found(item, "crash_loop", "migrate ended with exit code 9")


def sidecar(items: Items) -> None:
    """A native sidecar that failed once loops, then its startup probe is waited for; the main one comes after it."""
    item = items["sidecar-retried"]
    assert {each["name"]: each["kind"] for each in item["containers"]} == {"proxy": "sidecar", "main": "main"}
    in_order(item, ("started", "proxy"), ("last_started", "proxy"), ("startup_probe_passed", "proxy"))
    in_order(item, ("startup_probe_passed", "proxy"), ("started", "main"), ("ready", ""))
    assert codes(item, "proxy")[0] == 5
    assert lengths(item)["startup_probe", "proxy"] > 1
    assert ("crash_loop", "proxy") in lengths(item)


def slow_hook(items: Items) -> None:
    """While a postStart hook runs the kubelet starts no other container of the pod, and reports nothing."""
    item = items["hook-slow"]
    in_order(item, ("started", "first"), ("started", "second"), ("container_ready", "first"), ("ready", ""))
    assert lengths(item)["post_start", "first"] > 3.5
    # The hook holds up the report of the very container that it belongs to: that is the report's lag.
    assert reached(item)["started", "first"]["lagSeconds"] > 3.5
    assert reached(item)["container_ready", "first"]["lagSeconds"] is None
    found(item, "post_start", "postStart hook of first")


def failing_hook(items: Items) -> None:
    """A postStart hook that fails has its container killed and started again."""
    item = items["hook-fails"]
    in_order(item, ("started", "main"), ("last_started", "main"), ("ready", ""))
    assert {"FailedPostStartHook"} <= {each["reason"] for each in item["notes"]}
    assert len(codes(item)) == 2
    assert ("crash_loop", "main") in lengths(item)
    found(item, "crash_loop", "FailedPostStartHook")


def probes(items: Items) -> None:
    """Startup and readiness probes have a phase each, and the words of each are kept."""
    item = items["probed"]
    in_order(item, ("started", "main"), ("startup_probe_passed", "main"), ("container_ready", "main"), ("ready", ""))
    assert lengths(item)["startup_probe", "main"] > 1.5
    assert lengths(item)["readiness_probe", "main"] > 1.5
    said = {each["firstText"] for each in item["notes"] if each["reason"] == "Unhealthy"}
    assert any("Startup probe failed: warming up" in each for each in said), said
    assert any("Readiness probe failed: the cache is cold" in each for each in said), said
    told = {each["phase"]: each["text"] for each in item["findings"] if each["kind"] == "failing_probe"}
    assert {phase: "warming up" in text for phase, text in told.items()} == {
        "startup_probe": True,
        "readiness_probe": False,
    }


def liveness(items: Items) -> None:
    """A liveness probe that fails before readiness kills a run; its words say why."""
    item = items["unlively"]
    in_order(item, ("started", "main"), ("last_started", "main"), ("ready", ""))
    assert codes(item)[0] == 137
    found(item, "crash_loop", "Liveness probe failed: deadlocked", "exit code 137")


def gate(items: Items) -> None:
    """The time between the containers' readiness and the gate is the gate's, and who opened it is known."""
    item = items["gated"]
    in_order(item, ("containers_ready", ""), ("readiness_gate", GATE), ("ready", ""))
    assert reached(item)["readiness_gate", GATE]["detail"] == SETTER
    found(item, "readiness_gates", GATE, SETTER)


def sandbox_retries(items: Items) -> None:
    """Attempts to make a sandbox that failed are counted, with the plugin's words, up to the one that did not."""
    item = items["flaky-network"]
    in_order(item, ("kubelet_admitted", ""), ("last_sandbox_failure", ""), ("ip_assigned", ""), ("started", "main"))
    assert longest(item) == ("sandbox_retries", "")
    (note,) = [each for each in item["notes"] if each["reason"] == "FailedCreatePodSandBox"]
    assert note["count"] == 2
    words(item, "sandbox retries", "no address left in the pool", "2 times")


def no_runtime(items: Items) -> None:
    """A pod that never gets a sandbox is stuck there, and says why."""
    item = items["no-runtime"]
    assert (item["outcome"], item["phase"]) == ("starting", "sandbox_retries")
    assert ("last_sandbox_failure", "") in reached(item)
    words(item, 'no runtime for "no-such-handler" is configured')


def families(items: Items) -> None:
    """A pod's addresses are told with their families."""
    told = reached(items["dual-stack"])["ip_assigned", ""]["detail"]
    assert told.count("(IPv4)") == told.count("(IPv6)") == 1
    assert reached(items["gated"])["ip_assigned", ""]["detail"].endswith(" (IPv4)")


def interface(items: Items) -> None:
    """Multus stamps each interface that it adds: the address is known to the nanosecond, and whose network it is of."""
    item = items["meshed"]
    in_order(item, ("kubelet_admitted", ""), ("ip_assigned", ""), ("pulled", "main"))
    assert reached(item)["ip_assigned", ""]["source"] == "event_name"
    assert MESH in {each["text"] for each in item["notes"] if each["reason"] == "AddedInterface"}


def resize(items: Items) -> None:
    """A resize in place is an incident, with what was asked for."""
    item = items["resized"]
    assert befell(item) == ["resized"]
    assert '"cpu":"20m"' in item["incidents"][0]["text"]
    _after_ready(item)


def flap(items: Items) -> None:
    """Readiness that is lost and back is two incidents; what was said then explains no start."""
    item = items["flapping"]
    assert befell(item) == ["not_ready", "ready_again"]
    _after_ready(item)
    found(item, "readiness_probe", "loading")
    assert "database" not in item["explanation"]
    assert any("lost its database" in each["text"] for each in item["notes"])


def lost_sandbox(items: Items) -> None:
    """A sandbox that dies later is an incident; one that dies before readiness is part of the start."""
    item = items["sandbox-lost"]
    assert "sandbox_changed" in befell(item)
    _after_ready(item)
    assert {each["phase"] for each in item["phases"]}.isdisjoint({"crash_loop", "sandbox_retries"})
    early = items["sandbox-lost-early"]
    in_order(early, ("started", "main"), ("last_started", "main"), ("ready", ""))
    assert "sandbox_changed" not in befell(early)
    # Events are best effort: where the kubelet's did not come, the end of the run is told all the same.
    told = {each["reason"] for each in early["notes"]} & {"SandboxChanged"}
    found(early, "crash_loop", *told)


def reboot(items: Items) -> None:
    """The kubelet that finds another boot id says so of its node: its pods lived through it."""
    item = items["rebooted"]
    assert {"node_rebooted", "sandbox_changed"} <= set(befell(item))
    told = next(each for each in item["incidents"] if each["incident"] == "node_rebooted")
    assert "node-2 has been rebooted" in told["text"]
    _after_ready(item)


def squeezed(items: Items) -> None:
    """A critical pod that was bound to a full node has the kubelet evict one that is less so: its words say who."""
    item = items["squeezed"]
    assert item["outcome"] == "ready"
    assert (item["ended"]["succeeded"], item["ended"]["reason"]) == (False, "Preempting")
    assert "critical pod" in item["ended"]["text"]
    assert item["deletion"]["cause"] == "node_pressure"
    assert "critical pod" in item["deletion"]["text"]
    in_order(item, ("ready", ""), ("finished", "main"), ("deletion_requested", ""), ("object_removed", ""))
    in_order(items["critical"], ("kubelet_admitted", ""), ("started", "main"), ("ready", ""))


def rejection(items: Items) -> None:
    """What the kubelet does not admit never starts: its start is over, and there are no logs to read."""
    item = items["rejected"]
    assert (item["outcome"], item["phase"]) == ("failed", None)
    assert (item["phases"][-1]["phase"], item["phases"][-1]["open"]) == ("kubelet_admission", False)
    assert ("kubelet_admitted", "") not in reached(item)
    assert reached(item)["terminal_phase", ""]["source"] == "event_name"
    words(item, "rejected by the kubelet: OutOfcpu", "cpu")
    assert not any("kubectl logs" in each["advice"] for each in item["findings"])


def late_sidecar(items: Items) -> None:
    """A native sidecar's readiness probe holds the pod up, and its words say so."""
    item = items["sidecar-late"]
    in_order(item, ("started", "proxy"), ("container_ready", "main"), ("container_ready", "proxy"), ("ready", ""))
    assert lengths(item)["readiness_probe", "proxy"] > 3.5
    assert longest(item) == ("readiness_probe", "proxy")
    found(item, "readiness_probe", "the mesh is not there yet")


def success_threshold(items: Items) -> None:
    """The kubelet asks for several successes in a row: that is what most of the wait is for."""
    item = items["thrice"]
    told = next(each for each in item["findings"] if each["kind"] == "probe_threshold")
    waited = lengths(item)["readiness_probe", "main"]
    assert told["durationNanoseconds"] / 1e9 == pytest.approx(min(4.0, waited))
    assert waited > 1.5


def _after_ready(item: Any) -> None:
    """Assert that what befell the pod came after a start that was over, and is no part of it."""
    ready = nanoseconds(reached(item)["ready", ""]["at"])
    assert all(nanoseconds(each["at"]) > ready for each in item["incidents"]), item["name"]
    assert nanoseconds(item["phases"][-1]["end"]) == ready
    assert item["outcome"] == "ready"


CHECKS: dict[str, Callable[[Items], None]] = {
    each.__name__: each
    for each in (
        sums, crash_loop, init_restart, sidecar, slow_hook, failing_hook, probes, liveness, gate, sandbox_retries,
        no_runtime, families, interface, resize, flap, lost_sandbox, reboot,
        squeezed,
    )
}  # fmt: skip
LIVE: dict[str, Callable[[Items], None]] = {
    each.__name__: each for each in (rejection, late_sidecar, success_threshold)
}
"""What the captures have no pod for."""

"""The API server fails on purpose: the operator never exits, never hot-loops, and loses nothing.

A fault-injecting proxy stands between the operator and the real API server; every request goes through it, those of
kopf too.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.clusters import eventually, kubectl, namespace
from tests.e2e.processes import OperatorProcess
from tests.support.fault_proxy import Fault, FaultKind, FaultProxy, Target

from podtimeline.kube.connection import from_kubeconfig

pytestmark = pytest.mark.e2e

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {{name: main, image: {image}, imagePullPolicy: IfNotPresent, command: [sleep, "3600"]}}
"""


@dataclass
class Trouble:
    """An operator that reaches the real API server through a proxy only."""

    proxy: FaultProxy
    operator: OperatorProcess
    image: str
    space: str

    async def start(self) -> None:
        """Start the operator without blocking the proxy's loop."""
        await asyncio.to_thread(self.operator.start)

    async def create(self, *names: str) -> None:
        """Create pods and wait until the API says they are ready."""
        text = "---".join(POD.format(name=name, image=self.image) for name in names)
        await asyncio.to_thread(kubectl, "apply", "-n", self.space, "-f", "-", text=text)
        pods = [f"pod/{name}" for name in names]
        await asyncio.to_thread(kubectl, "wait", "-n", self.space, "--for=condition=Ready", "--timeout=120s", *pods)

    async def delete(self, name: str) -> None:
        """Delete a pod and wait until it is gone."""
        await asyncio.to_thread(kubectl, "delete", "pod", name, "-n", self.space, "--wait=true")

    async def told(self, **outcomes: str) -> dict[str, Any]:
        """Wait until the operator tells these outcomes of these pods, and return their timelines by name."""

        def look() -> dict[str, Any]:
            items = {item["name"]: item for item in self.operator.pods(namespace=self.space)}
            seen = {name: item["outcome"] for name, item in items.items()}
            assert seen == outcomes, seen
            return items

        return await asyncio.to_thread(eventually, look, seconds=150, what=f"it tells {outcomes}")

    def requests(self) -> int:
        """How many requests the proxy has seen."""
        return sum(self.proxy.requests.values())


@pytest.fixture
async def trouble(kubeconfig: str, busybox: str, tmp_path: Path, request: Any) -> AsyncIterator[Trouble]:
    """A proxy before the real API server, an operator behind it, and a namespace of the test's own."""
    async with FaultProxy(from_kubeconfig(kubeconfig, None)) as proxy:
        operator = OperatorProcess(tmp_path, api_url=proxy.url, page_size="5")
        name = "e2e-" + request.node.callspec.id if hasattr(request.node, "callspec") else "e2e-faults"
        with namespace(name.replace("_", "-")) as space:
            yield Trouble(proxy, operator, busybox, space)
        if operator.running():
            await asyncio.to_thread(operator.stop)


SHORT = {
    "gone_in_the_stream": Fault(FaultKind.ERROR_EVENT, code=410, times=3),
    "gone_as_a_status": Fault(FaultKind.STATUS, code=410, times=3),
    "error_with_another_code": Fault(FaultKind.ERROR_EVENT, code=500, times=3),
    "cut_in_a_line": Fault(FaultKind.CUT, after=2, times=3),
    "torn_in_a_line": Fault(FaultKind.ABORT, after=2, times=3),
    "expired_continue": Fault(FaultKind.STATUS, Target.CONTINUE, code=410, times=3),
}


@pytest.mark.parametrize("name", sorted(SHORT))
async def test_a_passing_fault_loses_nothing(trouble: Trouble, name: str) -> None:
    """Pods created and deleted around the fault are all told, and the one that went is told as gone."""
    fault = SHORT[name]
    fault.hits = 0
    trouble.proxy.add(fault)
    await trouble.start()
    await trouble.create("stays", "goes")
    await trouble.delete("goes")
    await trouble.create("late")
    items = await trouble.told(stays="ready", goes="ready", late="ready")
    assert any(each["milestone"] == "object_removed" for each in items["goes"]["milestones"])
    assert fault.hits > 0
    assert trouble.operator.running()
    assert trouble.proxy.methods == {"GET"}


async def test_a_pod_that_vanished_while_the_stream_was_cut_is_reconciled(trouble: Trouble) -> None:
    """Nobody saw it go: after the next complete list it is gone, and told as partly unobserved."""
    await trouble.start()
    await trouble.create("goes")
    await trouble.told(goes="ready")
    outage = trouble.proxy.add(Fault(FaultKind.STATUS, Target.ANY, code=500, times=None))
    trouble.proxy.drop_all()
    await trouble.delete("goes")
    trouble.proxy.lift(outage)
    gone = trouble.proxy.add(Fault(FaultKind.STATUS, code=410, resource="pods", times=1))

    def look() -> Any:
        item = next(item for item in trouble.operator.pods(namespace=trouble.space) if item["name"] == "goes")
        return item if any(each["milestone"] == "object_removed" for each in item["milestones"]) else None

    item = await asyncio.to_thread(eventually, look, what="it is told as gone")
    assert gone.hits == 1
    assert "gap" in item["partial"]


async def test_minutes_of_refusal_end_nothing_and_lose_nothing(trouble: Trouble) -> None:
    """Two minutes of 403 and 500 on every request: the process lives, asks seldom, and catches up."""
    await trouble.start()
    await trouble.create("before")
    await trouble.told(before="ready")
    for code in (403, 500):
        outage = trouble.proxy.add(Fault(FaultKind.STATUS, Target.ANY, code=code, times=None))
        trouble.proxy.drop_all()
        asked = trouble.requests()
        await trouble.create(f"during-{code}")
        await asyncio.sleep(60)
        assert trouble.operator.running()
        assert trouble.requests() - asked < 300
        trouble.proxy.lift(outage)
    await trouble.told(before="ready", **{"during-403": "ready", "during-500": "ready"})
    assert trouble.proxy.methods == {"GET"}


async def test_watches_that_are_closed_at_once_make_no_hot_loop(trouble: Trouble) -> None:
    """Twenty seconds of watches that end as they begin cost tens of requests, not thousands."""
    await trouble.start()
    closing = trouble.proxy.add(Fault(FaultKind.CLOSE, times=None))
    trouble.proxy.drop_all()
    asked = trouble.requests()
    await asyncio.sleep(20)
    assert trouble.requests() - asked < 400
    trouble.proxy.lift(closing)
    await trouble.create("after")
    await trouble.told(after="ready")
    assert trouble.operator.running()


async def test_a_stream_that_stalls_is_noticed_and_reconnected(trouble: Trouble) -> None:
    """Nothing comes any more and nobody says so: within two minutes the stream is opened again."""
    trouble.proxy.add(Fault(FaultKind.STALL, resource="pods", times=1))
    await trouble.start()
    await trouble.create("unseen")
    await trouble.told(unseen="ready")
    assert trouble.operator.running()

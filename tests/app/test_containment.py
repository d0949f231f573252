"""A defect that one pod's content brings about stays with that pod, wherever on the way it lies."""

import json
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.support.objects import CREATED_NS, pod, ready_pod
from tests.support.whole import Whole

from podtimeline import codec, evaluation
from podtimeline.analysis import resolved as view
from podtimeline.analysis.findings import explain
from podtimeline.codec import PackingCodec
from podtimeline.model import timeline
from podtimeline.model.instants import SECOND
from podtimeline.ports import Stream
from podtimeline.quarantine import Operation
from podtimeline.render import document
from podtimeline.store.sqlite import search, writing
from podtimeline.tracking import tracker as tracking
from podtimeline.tracking.batches import evaluate

BAD, GOOD = "uid-bad", "uid-good"
Patch = Callable[[pytest.MonkeyPatch], None]


def failing(original: Callable[..., Any], where: Callable[..., bool]) -> Callable[..., Any]:
    """The function, with a defect for what ``where`` finds in its arguments."""

    def broken(*args: Any, **kwargs: Any) -> Any:
        if where(*args):
            raise ZeroDivisionError("a defect")
        return original(*args, **kwargs)

    return broken


def of_bad(first: Any, *_: Any) -> bool:
    """Whether the first argument is, or belongs to, the pod with the defect."""
    for name in ("uid", "state"):
        first = getattr(first, name, first)
    return bool(getattr(first, "uid", first) == BAD)


DEFECTS: dict[Operation, Patch] = {
    Operation.APPLY: lambda patch: patch.setattr(tracking, "apply_all", failing(timeline.apply_all, of_bad)),
    Operation.EVALUATE: lambda patch: patch.setattr(evaluation, "view", failing(view.view, of_bad)),
    Operation.COMMIT: lambda patch: patch.setattr(writing, "_observed", failing(writing._observed, of_bad)),
    Operation.RENDER: lambda patch: patch.setattr(document, "findings", failing(explain.findings, of_bad)),
}


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[Whole]:
    """An operator with an empty history."""
    with ThreadPoolExecutor(1) as thread:
        made = Whole(tmp_path / "history", thread, now=CREATED_NS)
        yield made
        made.close()


def say(whole: Whole) -> None:
    """Two pods are created and get ready."""
    for body in (pod("bad"), pod("good"), ready_pod("bad"), ready_pod("good")):
        whole.time += SECOND
        whole.read("pods", json.dumps(body).encode(), listed=False, kind=b"MODIFIED")


async def shown(whole: Whole) -> dict[str, dict[str, Any]]:
    """The documents of all pods by uid; the metrics are scraped, too."""
    async with whole.served() as (metrics, api):
        assert (await metrics.get("/metrics")).status == 200
        page = await (await api.get("/api/v1/pods")).json()
        return {each["uid"]: each for each in page["items"]}


@pytest.mark.parametrize("step", DEFECTS)
async def test_a_defect_stays_with_its_pod(whole: Whole, step: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other pod is told as ever, commits and scrapes go on, and the fault is counted with a sample."""
    with monkeypatch.context() as patch:
        DEFECTS[step](patch)
        say(whole)
        await whole.commit()
        found = await shown(whole)
    assert (found[GOOD]["outcome"], found[GOOD]["error"], found[GOOD]["partial"]) == ("ready", None, [])
    assert whole.quarantine.counts[step] > 0
    assert {each.error for each in whole.quarantine.faults if each.step is step} == {"ZeroDivisionError: a defect"}
    assert all(each.sample for each in whole.quarantine.faults)


async def test_a_pod_that_cannot_be_evaluated_is_shown_as_such_until_it_can(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its milestones are named without their times; the gauge counts it; a later evaluation tells all of it."""
    with monkeypatch.context() as patch:
        DEFECTS[Operation.EVALUATE](patch)
        say(whole)
        await whole.commit()
        bad = (await shown(whole))[BAD]
        assert whole.tracker.situation().quarantined == 1
    assert (bad["outcome"], bad["name"]) == ("unknown", "bad")
    assert "could not be evaluated" in bad["explanation"]
    assert {each["at"] for each in bad["milestones"]} == {None}
    assert (await shown(whole))[BAD]["outcome"] == "ready"
    whole.read("pods", json.dumps(ready_pod("bad", status={"podIPs": []})).encode(), listed=False, kind=b"DELETED")
    await whole.commit()
    await shown(whole)
    assert whole.tracker.situation().quarantined == 0


async def test_a_pod_of_which_a_version_could_not_be_read_is_counted_before_and_after_a_restart(
    whole: Whole, tmp_path: Path
) -> None:
    """Its record says so, and so does the gauge as soon as that is written."""
    unreadable = pod("bad", status={"startTime": "9999-12-31T23:59:59Z"})
    whole.read("pods", json.dumps(unreadable).encode(), listed=False, kind=b"ADDED")
    say(whole)
    await whole.commit()
    assert whole.tracker.situation().quarantined == 1
    assert (await shown(whole))[BAD]["partial"] == ["malformed"]
    whole.close()
    with ThreadPoolExecutor(1) as thread:
        again = Whole(tmp_path / "history", thread, now=whole.time)
        assert again.tracker.situation().quarantined == 1
        again.close()


async def test_a_pod_that_goes_bad_while_a_commit_is_out_stays_counted(whole: Whole) -> None:
    """The commit knows the pod only as it was when the batch was drained."""
    whole.read("pods", json.dumps(pod("bad")).encode(), listed=False, kind=b"ADDED")
    batch = whole.tracker.drain(whole.time)
    unreadable = pod("bad", status={"startTime": "9999-12-31T23:59:59Z"})
    whole.read("pods", json.dumps(unreadable).encode(), listed=False, kind=b"MODIFIED")
    whole.tracker.committed(evaluate(batch, PackingCodec(), whole.quarantine))
    assert whole.tracker.situation().quarantined == 1


async def test_a_record_that_cannot_be_written_spoils_no_commit(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where the store itself has a defect: then records are written one by one."""
    with monkeypatch.context() as patch:
        observe = writing.Transaction._observe
        patch.setattr(writing.Transaction, "_observe", failing(observe, lambda _, record: of_bad(record)))
        say(whole)
        assert await whole.committer.commit()
    assert {each.state.uid for each in whole.store.restore().records} == {GOOD}
    assert whole.quarantine.counts[Operation.COMMIT] == 1


async def test_a_row_that_cannot_be_read_stops_no_restart(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pod is shown by what the columns say, and pods are listed again since only that tells the rest."""
    say(whole)
    whole.tracker.versions.reached(Stream.PODS, "7")
    await whole.commit()
    whole.close()
    unreadable = [True, False]
    monkeypatch.setattr(search, "unpack", failing(codec.unpack, lambda _: bool(unreadable) and unreadable.pop(0)))
    with ThreadPoolExecutor(1) as thread:
        again = Whole(tmp_path / "history", thread, now=whole.time)
        assert again.tracker.versions.version(Stream.PODS) is None
        found = await shown(again)
        assert {uid: each["name"] for uid, each in found.items()} == {BAD: "bad", GOOD: "good"}
        assert again.quarantine.counts[Operation.RESTORE] == 1
        again.close()


async def test_a_pod_of_which_one_word_cannot_be_joined_lives_on(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is flagged, and closed in its time; nothing of it stays behind."""
    with monkeypatch.context() as patch:
        DEFECTS[Operation.APPLY](patch)
        whole.read("pods", json.dumps(pod("bad")).encode(), listed=False, kind=b"ADDED")
    say(whole)
    await whole.commit()
    assert (await shown(whole))[BAD]["partial"] == ["malformed"]
    whole.read("pods", json.dumps(ready_pod("bad")).encode(), listed=False, kind=b"DELETED")
    for _ in range(3):
        whole.time += 1000 * SECOND
        await whole.commit()
    assert len(whole.tracker) == 1

"""Pods that start or leave are saved as observed, evaluated when that is over, and answered for from memory."""

import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.support.objects import CREATED_NS, pod, ready_pod
from tests.support.whole import Whole

from podtimeline import evaluation
from podtimeline.analysis import resolved
from podtimeline.analysis.resolved import Outcome
from podtimeline.model.instants import SECOND

LONG = 1000 * SECOND
"""After which every wait of the tracker is over."""


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[Whole]:
    """An operator with an empty history."""
    with ThreadPoolExecutor(1) as thread:
        made = Whole(tmp_path / "history", thread, now=CREATED_NS)
        yield made
        made.close()


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The uids of the pods that are evaluated, in order."""
    uids: list[str] = []

    def counting(timeline: Any, *, now: int) -> Any:
        uids.append(timeline.uid)
        return resolved.view(timeline, now=now)

    monkeypatch.setattr(evaluation, "view", counting)
    return uids


async def seen(whole: Whole, body: Any, *, kind: bytes = b"MODIFIED") -> None:
    """One version of a pod, and a commit."""
    whole.time += SECOND
    whole.read("pods", json.dumps(body).encode(), listed=False, kind=kind)
    await whole.commit()


async def names(whole: Whole, query: str) -> list[str]:
    """The names of the pods that a search finds."""
    async with whole.served() as (_, api):
        answer = await api.get(f"/api/v1/pods?{query}")
        assert answer.status == 200, await answer.text()
        return sorted(each["name"] for each in (await answer.json())["items"])


async def test_a_pod_is_evaluated_when_its_start_is_over_and_when_it_is_gone(
    whole: Whole, evaluated: list[str]
) -> None:
    """Not at the commits in between: a pod of a busy cluster changes in each of them."""
    await seen(whole, pod("web-1"), kind=b"ADDED")
    await seen(whole, ready_pod("web-1"))
    assert evaluated == []
    whole.time += LONG
    await whole.commit()
    assert evaluated == ["uid-web-1"]
    leaving = ready_pod("web-1", metadata={"deletionTimestamp": "2026-11-23T20:00:30Z"})
    await seen(whole, leaving)
    await seen(whole, leaving, kind=b"DELETED")
    assert evaluated == ["uid-web-1"]
    whole.time += 60 * SECOND
    await whole.commit()
    assert evaluated == ["uid-web-1", "uid-web-1"]


async def test_a_search_by_outcome_or_phase_finds_pods_that_start(whole: Whole) -> None:
    """The history does not know how far they are: the tracker is asked."""
    await seen(whole, pod("waits"), kind=b"ADDED")
    await seen(whole, pod("runs"), kind=b"ADDED")
    await seen(whole, ready_pod("runs"))
    assert await names(whole, f"outcome={Outcome.STARTING}") == ["waits"]
    assert await names(whole, f"outcome={Outcome.READY}") == ["runs"]
    assert await names(whole, "phase=scheduling") == ["waits"]
    assert await names(whole, "phase=image_pull") == []
    assert await names(whole, "order=slowest") == ["runs", "waits"]


async def test_a_search_by_outcome_finds_pods_whose_start_is_not_committed_as_over_yet(whole: Whole) -> None:
    """Between the tracker's word and the commit neither of the two would tell of them."""
    await seen(whole, ready_pod("runs"), kind=b"ADDED")
    whole.time += LONG
    whole.tracker.tick(whole.time)
    assert await names(whole, f"outcome={Outcome.READY}") == ["runs"]


async def test_what_was_observed_of_a_pod_that_starts_survives_a_restart(whole: Whole, tmp_path: Path) -> None:
    """Its state is complete although nobody has evaluated it: the start is told and counted after the restart."""
    await seen(whole, pod("web-1"), kind=b"ADDED")
    await seen(whole, ready_pod("web-1"))
    whole.close()
    with ThreadPoolExecutor(1) as thread:
        again = Whole(tmp_path / "history", thread, now=whole.time)
        again.time += LONG
        await again.commit()
        assert await names(again, f"outcome={Outcome.READY}") == ["web-1"]
        assert again.committer.numbers.told == 1
        again.close()

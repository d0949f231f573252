"""The event loop only copies, a few records at a time; what computes is in a thread, and few at once."""

import asyncio
import threading

import pytest
from tests.support.lives import facts, ordinary
from tests.support.saved import checkpoint, saved
from tests.web.worlds import World, api_of

from podtimeline.analysis.resolved import ResolvedTimeline, view
from podtimeline.model.timeline import Timeline
from podtimeline.web.lane import JOB, SLICE, Lane, Worker
from podtimeline.web.responses import RequestRefused


class Turns:
    """Counts what is done between two turns of the event loop."""

    def __init__(self) -> None:
        self.done = [0]
        self._running = True

    async def run(self) -> None:
        """Begin to count anew each time that the loop comes round."""
        while self._running:
            self.done.append(0)
            await asyncio.sleep(0)

    def stop(self) -> None:
        """End."""
        self._running = False


async def test_a_page_of_500_is_copied_in_slices_and_evaluated_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No turn of the loop copies more than a slice, and none evaluates anything."""
    world, turns, loop = World(), Turns(), threading.get_ident()
    world.store.commit(checkpoint(*(saved(f"uid-{number}", name=f"web-{number}") for number in range(500))))
    timeline = ordinary(facts()).timeline()
    threads: list[int] = []

    def live(_: str) -> Timeline:
        turns.done[-1] += 1
        return timeline

    def evaluated(told: Timeline, *, now: int) -> ResolvedTimeline | None:
        threads.append(threading.get_ident())
        return view(told, now=now)

    monkeypatch.setattr("podtimeline.evaluation.view", evaluated)
    world.live = live
    counting = asyncio.create_task(turns.run())
    async with api_of(world) as client:
        body = await (await client.get("/api/v1/pods?limit=500")).json()
    turns.stop()
    await counting
    assert len(body["items"]) == len(threads) == sum(turns.done) == 500
    assert max(turns.done) <= SLICE
    assert loop not in threads
    assert len(set(threads)) == 1


async def test_a_job_is_short_so_that_others_have_their_turn() -> None:
    """A scrape that comes in the middle of a page is done before the page is."""
    worker, done = Worker(), list[str]()
    page = asyncio.create_task(worker.each(range(5 * JOB), lambda number: done.append(f"page {number}")))
    await asyncio.sleep(0)
    await worker.run(lambda: done.append("scrape"))
    await page
    worker.close()
    assert done.index("scrape") in {JOB, 2 * JOB}
    assert [each for each in done if each != "scrape"] == [f"page {number}" for number in range(5 * JOB)]


async def test_a_lane_is_as_wide_as_it_says() -> None:
    """Who comes later waits, and who comes when many wait already is refused with words."""
    lane, inside, most = Lane(width=2, waiting=3), 0, 0
    go = asyncio.Event()

    async def ask() -> None:
        nonlocal inside, most
        async with lane.turn():
            inside += 1
            most = max(most, inside)
            await go.wait()
            inside -= 1

    asked = [asyncio.create_task(ask()) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(RequestRefused, match="try again") as refused:
        await ask()
    go.set()
    await asyncio.gather(*asked)
    await ask()
    assert (refused.value.status, most) == (503, 2)


async def test_a_request_that_fails_leaves_its_place() -> None:
    """Otherwise the API would fall silent one fault after the other."""
    lane = Lane(width=1, waiting=0)
    for _ in range(3):
        with pytest.raises(RuntimeError, match="broken"):
            async with lane.turn():
                raise RuntimeError("broken")

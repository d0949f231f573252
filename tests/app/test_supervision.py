"""Tasks that must not end."""

import asyncio

from podtimeline.app.supervision import Supervisor


async def _forever() -> None:
    await asyncio.Event().wait()


async def _fails() -> None:
    raise ValueError("a defect")


async def test_a_task_that_ended_is_named_while_the_process_ends() -> None:
    """An end that hangs must fail the liveness probe; tasks that were cancelled in order are none that ended."""
    supervisor, told = Supervisor(), asyncio.Event()
    supervisor.start("stream", _forever())
    supervisor.start("commits", _fails())
    assert not supervisor.ended
    supervisor.watch(told.set)
    await told.wait()
    assert supervisor.ended == ("commits",)
    await supervisor.cancel(lambda name: name == "stream")
    await supervisor.finished()
    assert supervisor.ended == ("commits",)


async def test_a_stop_in_order_names_nobody() -> None:
    """The wish to stop is no failure of any task."""
    supervisor, told = Supervisor(), asyncio.Event()
    supervisor.start("stream", _forever())
    supervisor.watch(told.set)
    await asyncio.sleep(0)
    await supervisor.cancel(lambda _: True)
    await supervisor.finished()
    assert not supervisor.ended
    assert not told.is_set()

"""Long steps beside each other: linking, downloading and packing leave a core idle that compiling can use."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from clusterkit.say import say

_WORTH_TELLING = 1.0


def together(jobs: Mapping[str, Callable[[], object]], *, at_once: int = 2) -> None:
    """Run all jobs, the first ones first, and say after each what is left.

    After the first failure, which is raised, no further job begins; the ones that run are waited for.
    """
    with ThreadPoolExecutor(at_once) as pool:
        began = time.monotonic()
        begin = _Stopping()
        running = {pool.submit(begin, job): name for name, job in jobs.items()}
        try:
            while running:
                _tell(wait(running, return_when=FIRST_COMPLETED).done, running=running, began=began)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class _Stopping:
    """Runs jobs until the first one fails: the pool itself takes the next one before the failure is seen."""

    def __init__(self) -> None:
        self._failed = threading.Event()

    def __call__(self, job: Callable[[], object]) -> object:
        if self._failed.is_set():
            return None
        try:
            return job()
        except BaseException:
            self._failed.set()
            raise


def _tell(done: set[Future[object]], *, running: dict[Future[object], str], began: float) -> None:
    for future in done:
        name = running.pop(future)
        if future.exception() is not None:
            say(f"{name} failed; waiting for the other running steps before exiting")
        future.result()
        if time.monotonic() - began > _WORTH_TELLING:
            say(f"{name}: done; remaining: {', '.join(running.values()) or 'none'}")

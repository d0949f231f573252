"""Event loop, signals and logs around the parts that run."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from podtimeline.app.logs import configure_logs
from podtimeline.app.operator import operate
from podtimeline.app.recording import record_streams
from podtimeline.config import Settings


def run_operator(settings: Settings) -> int:
    """See ``app.run``."""
    configure_logs(settings.log_level, cluster=settings.cluster_name)

    return asyncio.run(operate(settings))


def run_recording(settings: Settings, path: Path, *, duration: float) -> str:
    """See ``app.record``."""
    configure_logs(settings.log_level, cluster=settings.cluster_name)

    async def main() -> str:
        with _stopped_by_signals() as stop:
            timer = asyncio.get_running_loop().call_later(duration, stop.set)
            try:
                return await record_streams(settings, path, stop=stop)
            finally:
                timer.cancel()

    return asyncio.run(main())


@contextmanager
def _stopped_by_signals() -> Iterator[asyncio.Event]:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    try:
        yield stop
    finally:
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(each)

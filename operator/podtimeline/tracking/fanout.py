"""Hands finished pods to sinks, each behind a bounded queue and a thread of its own: none can hold up another."""

import logging
import queue
import threading

from podtimeline.ports import Clock, Finished, Sink

_LOG = logging.getLogger("podtimeline.sinks")


class Outlet:
    """One sink, its queue and its thread. ``dropped`` and ``failed`` count finished pods that were not told."""

    def __init__(self, sink: Sink, *, size: int, clock: Clock) -> None:
        self.dropped = 0
        self.failed = 0
        self.told = 0
        self._sink = sink
        self._clock = clock
        self._queue: queue.Queue[Finished | None] = queue.Queue(size + 1)
        self._size = size
        self._current: Finished | None = None
        self._thread = threading.Thread(target=self._run, name=f"sink-{sink.name}", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        """The sink's name, for labels."""
        return self._sink.name

    @property
    def waiting(self) -> int:
        """How many finished pods wait."""
        return self._queue.qsize()

    @property
    def lag(self) -> float:
        """Seconds since the pod that is being told was handed over, 0 while the sink keeps up."""
        current = self._current
        return 0.0 if current is None else (self._clock.now() - current.at) / 1e9

    def offer(self, finished: Finished) -> None:
        """Queue one finished pod, or count it as dropped; never blocks."""
        # One place is kept for the word that ends the thread.
        if self._queue.qsize() >= self._size:
            self.dropped += 1
        else:
            self._queue.put_nowait(finished)

    def stop(self, *, timeout: float) -> bool:
        """Tell what is queued, close the sink, end the thread; False if that took longer than ``timeout`` seconds."""
        self._queue.put_nowait(None)
        self._thread.join(timeout)
        if self._thread.is_alive():
            _LOG.error("sink %s did not finish in time, %d finished pods were not exported", self.name, self.waiting)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (finished := self._queue.get()) is not None:
            self._current = finished
            try:
                self._sink.take(finished)
                self.told += 1
            except Exception:  # noqa: BLE001 - a sink may fail in ways of its own; it is logged and counted
                self.failed += 1
                _LOG.exception("sink %s failed on pod %s", self.name, finished.view.uid)
            self._current = None
        try:
            self._sink.close()
        except Exception:  # noqa: BLE001 - as above: the other sinks still have to be drained
            _LOG.exception("sink %s failed to close", self.name)


class Fanout:
    """All outlets."""

    def __init__(self, outlets: tuple[Outlet, ...]) -> None:
        self.outlets = outlets

    def offer(self, finished: tuple[Finished, ...]) -> None:
        """Hand finished pods to every sink."""
        for each in finished:
            for outlet in self.outlets:
                outlet.offer(each)

    def stop(self, *, timeout: float) -> bool:
        """Drain and end all outlets, at most ``timeout`` seconds each; False if one did not finish."""
        done = [outlet.stop(timeout=timeout) for outlet in self.outlets]
        return all(done)

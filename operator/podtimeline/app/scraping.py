"""One scrape: the event loop copies, a little at a time; what computes is done by the worker."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from podtimeline.analysis.attribution.refused import Refusal
from podtimeline.app.numbers import read, unread
from podtimeline.kube.reflector import StreamHealth
from podtimeline.ports import Clock, StoreNumbers
from podtimeline.sinks.prometheus import Exposition
from podtimeline.tracking.fanout import Outlet
from podtimeline.tracking.tracker import Tracker
from podtimeline.web.lane import Worker
from podtimeline.web.numbers import HttpNumbers


class Scraper:
    """Renders expositions, one at a time: the caller sees to that."""

    def __init__(
        self,
        *,
        clock: Clock,
        tracker: Tracker,
        exposition: Exposition,
        streams: Callable[[], Sequence[StreamHealth]],
        outlets: Sequence[Outlet],
        store: Callable[[], StoreNumbers],
        contradictions: Callable[[], int],
        refusals: Callable[[], Iterable[Refusal]],
        http: HttpNumbers,
        worker: Worker,
    ) -> None:
        self._clock = clock
        self._tracker = tracker
        self._exposition = exposition
        self._streams = streams
        self._outlets = outlets
        self._store = store
        self._contradictions = contradictions
        self._refusals = refusals
        self._http = http
        self._worker = worker

    async def render(self, accept: str) -> tuple[bytes, str]:
        """Body and content type of the exposition for an ``Accept`` header."""
        streams = self._streams()
        now, survey = self._clock.now(), self._tracker.survey(unread=unread(streams))
        for _ in survey.turns():
            await asyncio.sleep(0)
        await self._worker.run(lambda: survey.evaluate(now))
        survey.take()
        reading = read(
            now=now,
            tracker=self._tracker,
            survey=survey,
            streams=streams,
            outlets=self._outlets,
            store=self._store(),
            contradictions=self._contradictions(),
            refusals=self._refusals(),
            http=self._http,
        )
        kind, body = await self._worker.run(lambda: self._exposition.render(reading.telemetry(), accept))
        return body, kind

"""What the HTTP servers say of themselves: requests counted, and errors logged without letting anybody fill the log."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Hashable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp.http_exceptions import HttpProcessingError

_EVERY = 60.0
Seconds = Callable[[], float]
"""A clock that only goes forward."""


@dataclass(slots=True)
class HttpNumbers:
    """Counters since the process began: requests by route and status, and what was no HTTP request at all."""

    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    malformed: int = 0


class Sparing:
    """Lets the first of a kind be logged, then at most one a minute; counts those in between."""

    def __init__(self, clock: Seconds = time.monotonic) -> None:
        self._clock = clock
        self._last: dict[Hashable, float] = {}
        self._held: Counter[Hashable] = Counter()

    def due(self, kind: Hashable) -> int | None:
        """How many of the kind were held back since the last one; ``None`` where this one is held back too."""
        now = self._clock()
        if kind in self._last and now - self._last[kind] < _EVERY:
            self._held[kind] += 1
            return None
        self._last[kind] = now
        return self._held.pop(kind, 0)


class ServerLog(logging.LoggerAdapter[logging.Logger]):
    """The logger that aiohttp's server writes to, which logs a traceback for every request that is not HTTP.

    Those are counted and told in one line, the first and then at most one a minute. A first request with a method that
    is none aiohttp takes for a port scan and logs for debugging only; it counts as well.
    """

    def __init__(self, logger: logging.Logger, numbers: HttpNumbers, sparing: Sparing) -> None:
        super().__init__(logger, {})
        self._numbers = numbers
        self._sparing = sparing

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:  # noqa: ANN401 - as the base declares it
        """See ``logging.LoggerAdapter``: nothing is added."""
        return msg, kwargs

    def debug(self, msg: object, *args: object, **more: Any) -> None:  # noqa: ANN401 - as the base declares it
        """See ``logging.Logger.debug``."""
        if isinstance(more.get("exc_info"), HttpProcessingError):
            self._numbers.malformed += 1
        self.logger.debug(msg, *args, **more)

    def exception(self, msg: object, *args: object, exc_info: Any = True, **more: Any) -> None:  # noqa: ANN401 - as above
        """See ``logging.Logger.exception``."""
        malformed = isinstance(exc_info, HttpProcessingError)
        self._numbers.malformed += malformed
        held = self._sparing.due(type(exc_info).__qualname__)
        if held is None:
            return
        if malformed:
            # Not its message, which quotes what was sent.
            what = type(exc_info).__name__
            self.logger.warning("a request is not HTTP: %s (%d more since the last such line)", what, held)
        else:
            self.logger.error(msg, *args, exc_info=exc_info, **more)

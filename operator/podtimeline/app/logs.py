"""What the process says of itself, on stderr: structlog's own and the standard library's log through one pipe."""

import logging
import sys

import structlog

from podtimeline.config import LogLevel
from podtimeline.model.texts import visible


def configure_logs(level: LogLevel, *, cluster: str = "") -> None:
    """Lines for people on a terminal, JSON anywhere else. stdout is left to the sinks."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    if cluster:
        shared.append(_with_cluster(cluster))
    people = sys.stderr.isatty()
    last: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, _visible, structlog.dev.ConsoleRenderer(colors=True)]
        if people
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # One line a scrape and probe is no news.
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _with_cluster(cluster: str) -> structlog.typing.Processor:
    def add(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event.setdefault("cluster", cluster)
        return event

    return add


def _visible(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A terminal shows texts as they are, and JSON has them escaped already; a traceback keeps its lines."""
    for key, value in event.items():
        if isinstance(value, str):
            lines = value.split("\n") if key in {"exception", "stack"} else [value]
            event[key] = "\n".join(map(visible, lines))
    return event

"""What is no HTTP request is counted, and fills no log."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from tests.web.worlds import three_pods

from podtimeline.web.numbers import HttpNumbers, ServerLog, Sparing
from podtimeline.web.server import make_api_app


class Minutes:
    """A clock that is set by hand, in seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@asynccontextmanager
async def listening(numbers: HttpNumbers, clock: Minutes) -> AsyncIterator[int]:
    """The port of an API whose server logs as the operator's does."""
    logger = ServerLog(logging.getLogger("podtimeline.test"), numbers, Sparing(clock))
    runner = web.AppRunner(make_api_app(three_pods().sources()), access_log=None, logger=logger)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def sent(port: int, request: bytes) -> bytes:
    """The status line that answers raw bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    status = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return status


LONG = b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n"


async def test_an_over_long_request_line_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """Each is answered with 400 and counted; the log has no traceback, and says how many it left out."""
    numbers, clock = HttpNumbers(), Minutes()
    async with listening(numbers, clock) as port:
        answers = {await sent(port, LONG) for _ in range(5)}
        clock.now += 61
        answers.add(await sent(port, LONG))
    assert answers == {b"HTTP/1.0 400 Bad Request\r\n"}
    assert numbers.malformed == 6
    told = [record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG]
    assert told == [
        "a request is not HTTP: LineTooLong (0 more since the last such line)",
        "a request is not HTTP: LineTooLong (4 more since the last such line)",
    ]
    assert not any(record.exc_info for record in caplog.records if record.levelno > logging.DEBUG)


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nA: " + b"b" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nA\x00: b\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
    ids=["long header", "nul in a header", "nul in the path", "a TLS hello"],
)
async def test_what_is_no_http_is_counted(request_: bytes) -> None:
    """Whatever it is: none of it reaches a handler."""
    numbers = HttpNumbers()
    async with listening(numbers, Minutes()) as port:
        assert await sent(port, request_) in (b"HTTP/1.0 400 Bad Request\r\n", b"HTTP/1.1 400 Bad Request\r\n")
    assert numbers.malformed == 1


def test_another_fault_of_the_server_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """Only what is not HTTP is told in one line."""
    numbers = HttpNumbers()
    log = ServerLog(logging.getLogger("podtimeline.test"), numbers, Sparing(Minutes()))
    log.exception("Unhandled exception", exc_info=ValueError("x"))  # noqa: LOG004 - as aiohttp calls it
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [("ERROR", "Unhandled exception")]
    assert caplog.records[0].exc_info
    assert numbers.malformed == 0

"""A process that answers LIST with nothing and WATCH with pods.

Each event is one HTTP chunk and one write to the socket, as an API server flushes after every event
(staging/src/k8s.io/apiserver/pkg/endpoints/handlers/watch.go); a burst joins them, as a backlog in the kernel does.
"""

import asyncio
import multiprocessing
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from benches.podgen import VERSIONS, Numbered, lines
from benches.settings import CREATED

_IN_FLIGHT = 200
_EMPTY = b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"1000"},"items":[]}'
_BURST = 1 << 16


@contextmanager
def serving(pods: int, *, burst: bool) -> Iterator[str]:
    """The URL of a server of that many pods; it ends with the block."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_main, args=(theirs, pods, burst), daemon=True)
    process.start()
    try:
        if not ours.poll(120):
            raise SystemExit("hack/bench: the server process did not start")
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def interleaved(pods: int) -> Iterator[bytes]:
    """All events of all pods in the order of a busy cluster: some hundred pods start at once, each in its order."""
    for first in range(0, pods, _IN_FLIGHT):
        group = [
            list(lines(Numbered(each, CREATED + first // 100))) for each in range(first, min(first + _IN_FLIGHT, pods))
        ]
        for version in range(VERSIONS):
            for events in group:
                yield events[version]


def _main(parent: Connection, pods: int, burst: bool) -> None:  # noqa: FBT001 - the arguments of a process
    asyncio.run(_serve(parent, list(_writes(pods, _BURST if burst else 0))))


def _writes(pods: int, size: int) -> Iterator[bytes]:
    held = bytearray()
    for line in interleaved(pods):
        held += b"%x\r\n%b\r\n" % (len(line), line)
        if len(held) > size:
            yield bytes(held)
            held.clear()
    yield bytes(held)


async def _serve(parent: Connection, chunks: list[bytes]) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            if b"watch=1" in head.split(b"\r\n", 1)[0]:
                await _stream(writer, chunks)
            else:
                size = str(len(_EMPTY)).encode()
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + size + b"\r\n\r\n"
                )
                writer.write(_EMPTY)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    parent.send(server.sockets[0].getsockname()[1])
    async with server:
        await server.serve_forever()


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return b""


async def _stream(writer: asyncio.StreamWriter, chunks: list[bytes]) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    for chunk in chunks:
        writer.write(chunk)
        await writer.drain()
    writer.write(b"0\r\n\r\n")


if __name__ == "__main__":
    sys.exit("hack/benches/apiserver.py is started by hack/bench")

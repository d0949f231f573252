"""A process that answers LIST with nothing and WATCH with pods, each event one HTTP chunk.

Steady: each event is written on its own and some time after the one before, as an API server flushes every event
(staging/src/k8s.io/apiserver/pkg/endpoints/handlers/watch.go) and spends longer on it than its reader. Burst: events
come joined, as after a pause.
"""

import socketserver
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from multiprocessing.connection import Connection

from benches.podgen import VERSIONS, Numbered, lines
from benches.serverprocess import serve, server_process
from benches.settings import CREATED

_IN_FLIGHT = 200
_EMPTY = b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"1000"},"items":[]}'
_BURST = 1 << 16
_PAUSE = 0.0001
"""Seconds between two events, to which the kernel adds about half as much: some 6,000 events a second."""


def serving(pods: int, *, burst: bool) -> AbstractContextManager[str]:
    """The URL of a server of that many pods; it ends with the block."""
    return server_process(_main, pods, burst)


def interleaved(pods: int) -> Iterator[bytes]:
    """All events of all pods in the order of a busy cluster: some hundred pods start at once, each in its order."""
    for first in range(0, pods, _IN_FLIGHT):
        numbers = range(first, min(first + _IN_FLIGHT, pods))
        group = [list(lines(Numbered(each, CREATED + first // 100))) for each in numbers]
        for version in range(VERSIONS):
            for events in group:
                yield events[version]


def _main(parent: Connection, pods: int, burst: bool) -> None:  # noqa: FBT001 - the arguments of a process
    writes = list(_writes(pods, _BURST if burst else 0))
    pause = 0.0 if burst else _PAUSE

    class Answer(socketserver.StreamRequestHandler):
        disable_nagle_algorithm = True

        def handle(self) -> None:
            while asked := self.rfile.readline():
                while self.rfile.readline().strip():
                    pass
                if b"watch=1" in asked:
                    self._watch()
                else:
                    size = str(len(_EMPTY)).encode()
                    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + size
                    self.wfile.write(head + b"\r\n\r\n" + _EMPTY)

        def _watch(self) -> None:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
            for each in writes:
                self.wfile.write(each)
                if pause:
                    time.sleep(pause)
            self.wfile.write(b"0\r\n\r\n")

    serve(parent, Answer)


def _writes(pods: int, size: int) -> Iterator[bytes]:
    held = bytearray()
    for line in interleaved(pods):
        held += b"%x\r\n%b\r\n" % (len(line), line)
        if len(held) > size:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)

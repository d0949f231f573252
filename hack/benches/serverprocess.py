"""A process that acts as an API server, so that what it costs is not the operator's."""

import multiprocessing
import socketserver
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Concatenate, ParamSpec

P = ParamSpec("P")


@contextmanager
def server_process(main: Callable[Concatenate[Connection, P], None], *args: P.args, **more: P.kwargs) -> Iterator[str]:
    """The URL of a server that ``main``, called in a process of its own, ``serve``s; it ends with the block."""
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=main, args=(theirs, *args), kwargs=more, daemon=True)
    process.start()
    try:
        if not ours.poll(120):
            raise SystemExit("hack/bench: the server process did not start")
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def serve(parent: Connection, answer: type[socketserver.StreamRequestHandler]) -> None:
    """Answer on a free port of the loopback interface, which is sent to the parent, until the process ends."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), answer) as server:
        server.daemon_threads = True
        parent.send(server.server_address[1])
        server.serve_forever()

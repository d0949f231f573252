"""Serving and making gRPC calls on unix sockets, for messages that the codec knows."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import grpc
from grpc import aio
from tests.csi.messages import A, Method, Q
from tests.csi.protobuf import decode, encode


class RefusedError(Exception):
    """A call that the driver answers with an error, or that was answered with one.

    Its text is the one that a Go client shows, which is what ends up in events and in a VolumeAttachment's status.
    """

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        name = code.name.title().replace("_", "")
        super().__init__(f"rpc error: code = {name} desc = {text}")
        self.code = code
        self.text = text


class Routes(grpc.GenericRpcHandler):
    """The calls that a server answers; to all others gRPC itself says that they are not implemented."""

    def __init__(self) -> None:
        self._handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    def add(self, method: Method[Q, A], answer: Callable[[Q], Awaitable[A]]) -> None:
        """Answer a call with what ``answer`` returns; a ``RefusedError`` that it raises becomes the call's error."""

        async def respond(request: Q, context: aio.ServicerContext[Q, A]) -> A:
            try:
                return await answer(request)
            except RefusedError as error:
                await context.abort(error.code, error.text)

        self._handlers[method.path] = grpc.unary_unary_rpc_method_handler(
            respond,
            request_deserializer=partial(decode, method.request),
            response_serializer=encode,
        )

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """What answers the call."""
        return self._handlers.get(handler_call_details.method)


@asynccontextmanager
async def serving(socket: Path, routes: Routes) -> AsyncIterator[None]:
    """Serve on a unix socket; the socket is there exactly as long."""
    server = aio.server()
    server.add_generic_rpc_handlers((routes,))
    remove = partial(socket.unlink, missing_ok=True)
    remove()
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    try:
        yield
    finally:
        remove()
        await server.stop(grace=1.0)


class Client:
    """Calls what is served on a unix socket."""

    def __init__(self, socket: Path, *, timeout: float = 120.0) -> None:
        self._channel = aio.insecure_channel(f"unix:{socket}")
        self._timeout = timeout

    async def call(self, method: Method[Q, A], request: Q) -> A:
        """The answer to a call. Raises ``RefusedError`` for an error, a timeout or a server that is not there."""
        caller = self._channel.unary_unary(
            method.path, request_serializer=encode, response_deserializer=partial(decode, method.answer)
        )
        try:
            answer: A = await caller(request, timeout=self._timeout)
        except aio.AioRpcError as error:
            raise RefusedError(error.code(), error.details() or "") from error
        return answer

    async def close(self) -> None:
        """Give the connection back."""
        await self._channel.close()

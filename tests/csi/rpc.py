"""Serving and making gRPC calls on unix sockets, for services of ``protos``."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

import grpc
from google.protobuf.message import Message
from grpc import aio
from tests.csi.protos.csi_pb2_grpc import ControllerStub, IdentityStub, NodeStub
from tests.csi.protos.pluginregistration_pb2_grpc import RegistrationStub

Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"


class Service(Protocol):
    """What answers calls."""

    def add_to(self, server: aio.Server) -> None:
        """Let a server hand it the calls of its service."""
        ...


class RefusedError(Exception):
    """A call that the driver answers with an error, or that was answered with one.

    Its text is the one that a Go client shows, which is what ends up in events and in a VolumeAttachment's status.
    """

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        name = code.name.title().replace("_", "")
        super().__init__(f"rpc error: code = {name} desc = {text}")
        self.code = code
        self.text = text


class _Refusals(aio.ServerInterceptor):
    """Answers a call with the error that its service raised as ``RefusedError``."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Wrap what answers the call; where nothing does, gRPC says so itself."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        answer: Callable[[Any, Any], Awaitable[Message]] = handler.unary_unary

        async def respond(request: Message, context: aio.ServicerContext[Any, Any]) -> Message:
            try:
                return await answer(request, context)
            except RefusedError as error:
                await context.abort(error.code, error.text)

        return grpc.unary_unary_rpc_method_handler(
            respond,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )


@asynccontextmanager
async def serving(socket: Path, *services: Service) -> AsyncIterator[None]:
    """Serve on a unix socket; the socket is there exactly as long."""
    server = aio.server(interceptors=(_Refusals(),))
    for service in services:
        service.add_to(server)
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
    """Calls the controller and the other services of a driver on a unix socket."""

    def __init__(self, socket: Path, *, timeout: float = 120.0) -> None:
        self._channel = aio.insecure_channel(f"unix:{socket}")
        self._timeout = timeout
        self.identity = IdentityStub(self._channel)
        self.controller = ControllerStub(self._channel)
        self.node = NodeStub(self._channel)
        self.registration = RegistrationStub(self._channel)

    async def call(self, method: aio.UnaryUnaryMultiCallable[Q, A], request: Q) -> A:
        """The answer to a call. Raises ``RefusedError`` for an error, a timeout or a server that is not there."""
        try:
            return await method(request, timeout=self._timeout)
        except aio.AioRpcError as error:
            raise RefusedError(error.code(), error.details() or "") from error

    async def close(self) -> None:
        """Give the connection back."""
        await self._channel.close()

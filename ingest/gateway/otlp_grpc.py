"""OTLP/gRPC: TraceService, MetricsService and LogsService Export, on bytes.

The methods are registered as streams of requests, which is the same on the wire as the unary ones of OTLP: so the key
is checked before the message is read, and no more than ``slots`` messages are being read at a time. gRPC itself unpacks
gzip and stops at the size limit (measured: a bomb of 1 GB costs 12 MiB).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio

from ingest.gateway import answers
from ingest.gateway.keys import presented_key
from ingest.gateway.limits import OVERLOAD_RETRY_S
from ingest.gateway.payload import Encoding
from ingest.gateway.receiver import Receiver
from ingest.gateway.refusals import Reason, Refused
from ingest.gateway.signals import SIGNALS, Signal

STREAMS_PER_CONNECTION = 256
Export = Callable[[Any, grpc.aio.ServicerContext], Awaitable[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Abort:
    """How a call ends that is refused.

    Not the exception itself: with gRPC's own error on top its traceback would hold the body until the garbage collector
    comes by (measured: 420 MB under overload instead of 80).
    """

    code: grpc.StatusCode
    text: str
    trailers: tuple[tuple[str, bytes], ...]


class GrpcExport(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc is untyped
    """The generic handler of the three services."""

    def __init__(self, receiver: Receiver, *, slots: int) -> None:
        self._receiver = receiver
        self._slots = asyncio.Semaphore(slots)
        self._methods = {
            signal.method: grpc.stream_unary_rpc_method_handler(self._handler(signal)) for signal in SIGNALS
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """Handler of a method, None where there is no such."""
        return self._methods.get(handler_call_details.method)

    def server(self) -> grpc.aio.Server:
        """Server of these services, without a port yet."""
        server = grpc.aio.server(
            options=(
                ("grpc.max_receive_message_length", self._receiver.limits.request_bytes),
                ("grpc.max_concurrent_streams", STREAMS_PER_CONNECTION),
                ("grpc.http2.bdp_probe", 0),  # else windows grow, and unread streams hold megabytes each
                ("grpc.so_reuseport", 0),  # a taken port is an error, never shared
            )
        )
        server.add_generic_rpc_handlers((self,))
        return server

    def _handler(self, signal: Signal) -> Export:
        async def export(_: Any, context: grpc.aio.ServicerContext) -> bytes:
            answer = await self._answer(signal, context)
            if isinstance(answer, bytes):
                return answer
            await context.abort(answer.code, answer.text, answer.trailers)
            raise AssertionError("abort raises")

        return export

    async def _answer(self, signal: Signal, context: grpc.aio.ServicerContext) -> bytes | Abort:
        try:
            return await self._export(signal, context)
        except Refused as refused:
            self._receiver.meters.count_refused(signal=signal.name, protocol="grpc", reason=refused.reason.value)
            return Abort(code=refused.codes.grpc, text=refused.text, trailers=answers.trailers(refused))

    async def _export(self, signal: Signal, context: grpc.aio.ServicerContext) -> bytes:
        metadata = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        client = self._receiver.admit(presented_key(metadata))
        with self._receiver.in_flight.charge() as charge:
            body = await self._read(context)
            charge.grow(len(body))
            accepted = await self._receiver.accept(
                signal=signal, encoding=Encoding.PROTOBUF, client=client, body=body, charge=charge
            )
        self._receiver.meters.count_accepted(
            signal=signal.name,
            protocol="grpc",
            body_bytes=len(body),
            items=accepted.items,
            rejected=accepted.rejected,
        )
        return answers.encode(answers.exported(signal, accepted), Encoding.PROTOBUF)

    async def _read(self, context: grpc.aio.ServicerContext) -> bytes:
        try:
            async with asyncio.timeout(self._receiver.limits.read_timeout_s), self._slots:
                body = await context.read()
        except TimeoutError as error:
            raise Refused(Reason.TOO_SLOW, "the message came too slowly", retry_after_s=OVERLOAD_RETRY_S) from error
        if body is grpc.aio.EOF:  # gRPC has answered already where it was too large or not gzip; else none was sent
            raise Refused(Reason.MALFORMED, "no readable message was sent")
        return bytes(body)

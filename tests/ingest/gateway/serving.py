"""A gateway that runs beside the test: in a thread with an event loop of its own, or as a process."""

from __future__ import annotations

import asyncio
import http.client
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ingest.gateway.outlet import MemoryOutlet, Outlet
from ingest.gateway.server import Gateway
from ingest.settings import GatewaySettings, KafkaSettings

DATA = Path(__file__).parents[2] / "data" / "gateway"
PROTOBUF = "application/x-protobuf"
JSON = "application/json"
READY = re.compile(r"gRPC 127\.0\.0\.1:(\d+), OTLP/HTTP http://127\.0\.0\.1:(\d+), metrics (\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A running gateway of this process."""

    gateway: Gateway
    loop: asyncio.AbstractEventLoop

    @property
    def grpc_target(self) -> str:
        """Address of OTLP/gRPC."""
        return f"127.0.0.1:{self.gateway.grpc_port}"

    @property
    def url(self) -> str:
        """Base address of OTLP/HTTP."""
        return f"http://127.0.0.1:{self.gateway.http_port}"

    def post(self, path: str, body: bytes, content_type: str = PROTOBUF, **headers: str) -> Answer:
        """One POST request; an underscore in a header's name stands for a hyphen."""
        return request(self.gateway.http_port, "POST", path, body, {"Content-Type": content_type, **headers})

    def export(self, body: bytes, *, metadata: tuple[tuple[str, str], ...] = (), **options: Any) -> bytes:
        """One OTLP/gRPC trace export of these bytes; raises grpc.RpcError."""
        return export(self.grpc_target, body, metadata=metadata, **options)

    def call(self, function: Callable[[], None]) -> None:
        """Run a function on the gateway's event loop."""
        self.loop.call_soon_threadsafe(function)

    def run(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        """Run a coroutine on the gateway's event loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)


def request(port: int, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
    """One HTTP request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})
        response = connection.getresponse()
        return Answer(status=response.status, headers=response.headers, body=response.read())
    finally:
        connection.close()


def export(target: str, body: bytes, *, metadata: tuple[tuple[str, str], ...] = (), **options: Any) -> bytes:
    """One OTLP/gRPC trace export of these bytes; raises grpc.RpcError."""
    with grpc.insecure_channel(target, options=(("grpc.enable_retries", 0),)) as channel:
        method = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        return bytes(method(body, metadata=metadata, timeout=30, **options))


@contextmanager
def serving(
    settings: GatewaySettings | None = None, *, outlet: Outlet | None = None, kafka: KafkaSettings | None = None
) -> Iterator[Serving]:
    """Run a gateway in a thread; it drains at the end. Without ``kafka`` its records go to ``outlet``."""
    if kafka is None:
        outlet = outlet or MemoryOutlet()
    gateway = Gateway(settings or on_free_ports(), kafka or KafkaSettings(), outlet=outlet)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="gateway-loop")
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(gateway.start(), loop).result(60)
        try:
            yield Serving(gateway=gateway, loop=loop)
        finally:
            asyncio.run_coroutine_threadsafe(gateway.drain(), loop).result(60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def on_free_ports(**settings: Any) -> GatewaySettings:
    """Settings of a gateway of the tests."""
    return GatewaySettings(**{"grpc_port": 0, "http_port": 0, "drain_s": 5.0, **settings})


def spans(count: int, *, service: str = "shop", first: int = 1, pad: int = 0) -> bytes:
    """A trace export of ``count`` valid spans; span ids count up from ``first``; each carries ``pad`` bytes more."""
    message = ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    attribute = resource_spans.resource.attributes.add(key="service.name")
    attribute.value.string_value = service
    scope_spans = resource_spans.scope_spans.add()
    for number in range(first, first + count):
        span = scope_spans.spans.add(trace_id=bytes([7]) * 16, span_id=number.to_bytes(8, "big"), name="chat")
        if pad:
            span.attributes.add(key="pad").value.string_value = "x" * pad
    return bytes(message.SerializeToString())


def span_numbers(body: bytes) -> list[int]:
    """The span ids of a trace export as the numbers that ``spans`` gave them."""
    return [
        int.from_bytes(span.span_id, "big")
        for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


@dataclass(slots=True, kw_only=True)
class GatewayProcess:
    """``spanledger gateway`` as a process of its own."""

    process: subprocess.Popen[str]
    grpc_port: int
    http_port: int
    metrics_url: str
    ready: str  # the line it printed

    def terminate(self) -> int:
        """SIGTERM, and its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self) -> None:
        """``kill -9``."""
        self.process.kill()
        self.process.wait(30)


@contextmanager
def gateway_process(kafka: KafkaSettings, *, log: Path | None = None, **variables: object) -> Iterator[GatewayProcess]:
    """Run the verb on free ports; ``variables`` are environment settings without their prefix, ``log`` its stderr."""
    named = {
        "KAFKA": kafka.bootstrap,
        "KAFKA_SPANS_TOPIC": kafka.spans_topic,
        "KAFKA_METRICS_TOPIC": kafka.metrics_topic,
        "KAFKA_LOGS_TOPIC": kafka.logs_topic,
        "KAFKA_COMMITS_TOPIC": kafka.commits_topic,
        "KAFKA_ALERTS_TOPIC": kafka.alerts_topic,
        "KAFKA_DLQ_TOPIC": kafka.dlq_topic,
        "GATEWAY_GRPC_PORT": 0,
        "GATEWAY_HTTP_PORT": 0,
        "GATEWAY_METRICS_PORT": 0,
        **variables,
    }
    environment = os.environ | {f"SPANLEDGER_{name}": str(value) for name, value in named.items()}
    command = [sys.executable, "-m", "spanledger", "gateway"]
    with (
        (log or Path(os.devnull)).open("ab") as told,
        subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=told if log else None, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = READY.search(line)
            assert found, line
            yield GatewayProcess(
                process=process, grpc_port=int(found[1]), http_port=int(found[2]), metrics_url=found[3], ready=line
            )
        finally:
            process.kill()

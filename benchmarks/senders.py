"""Senders of ready-made payloads: to Kafka as the gateway does, and to OTLP receivers over gRPC or HTTP."""

from __future__ import annotations

import http.client
import itertools
import threading
import time
from collections.abc import Callable, Sequence

import grpc

from ingest.kafka import make_producer
from ingest.settings import KafkaSettings

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
IN_FLIGHT_BYTES = 32 * 1024 * 1024

Answered = list[float]
"""Monotonic time of the answer to each payload, by its place."""


def produce(kafka: KafkaSettings, payloads: Sequence[bytes]) -> None:
    """Payloads in turn to all partitions, with acks=all and lz4; returns when Kafka has them."""
    producer = make_producer(kafka, linger_ms=20, batch_size=1_000_000)
    size = 0
    for at, payload in enumerate(payloads):
        producer.send(kafka.spans_topic, payload, partition=at % kafka.partitions)
        size += len(payload)
        if size > IN_FLIGHT_BYTES:
            producer.flush()
            size = 0
    producer.flush()
    producer.close()


def send(
    payloads: Sequence[bytes], protocol: str, port: int, *, connections: int, per_s: float | None = None
) -> Answered:
    """Send all payloads over so many connections, ``per_s`` of them a second or as fast as they are answered.

    A refusal to be repeated (503, UNAVAILABLE) is repeated; any other answer but success raises RuntimeError.
    """
    numbers, answered = itertools.count(), [0.0] * len(payloads)
    began, wrong = time.monotonic(), threading.Event()
    errors: list[str] = []

    def work() -> None:
        post = {"grpc": _grpc, "http": _http}[protocol](port)
        try:
            while (at := next(numbers)) < len(payloads) and not wrong.is_set():
                if per_s:
                    time.sleep(max(0.0, began + at / per_s - time.monotonic()))
                while not post(payloads[at]):
                    time.sleep(0.05)
                answered[at] = time.monotonic()
        except (OSError, RuntimeError, grpc.RpcError) as error:
            errors.append(repr(error))
            wrong.set()

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise RuntimeError(errors[0])
    return answered


def _http(port: int) -> Callable[[bytes], bool]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def post(payload: bytes) -> bool:
        connection.request("POST", "/v1/traces", payload, {"Content-Type": "application/x-protobuf"})
        answer = connection.getresponse()
        said = answer.read()
        if answer.status in (429, 503):
            return False
        if answer.status != 200:
            raise RuntimeError(f"HTTP {answer.status}: {said[:200]!r}")
        return True

    return post


def _grpc(port: int) -> Callable[[bytes], bool]:
    channel = grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)])
    export = channel.unary_unary(EXPORT, request_serializer=None, response_deserializer=None)

    def post(payload: bytes) -> bool:
        try:
            export(payload, timeout=60)
        except grpc.RpcError as error:
            if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED):
                return False
            raise
        return True

    return post

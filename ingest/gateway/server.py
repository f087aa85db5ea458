"""The gateway as a whole: both protocols in front of one receiver, and its start and end.

A drain stops accepting, lets open requests finish, flushes what Kafka still owes an answer for, and then closes.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import time
from typing import Any

import grpc.aio
from aiohttp import web
from kafka.errors import KafkaError

from ingest.errors import BrokerUnavailable, CannotStart
from ingest.gateway.kafka_outlet import KafkaOutlet
from ingest.gateway.keys import load_keys
from ingest.gateway.limits import InFlight, RateLimit
from ingest.gateway.metrics import Meters
from ingest.gateway.otlp_grpc import GrpcExport
from ingest.gateway.otlp_http import HttpExport
from ingest.gateway.outlet import Outlet
from ingest.gateway.receiver import Limits, Receiver
from ingest.gateway.signals import LOGS, METRICS, TRACES
from ingest.kafka import make_producer
from ingest.settings import GatewaySettings, KafkaSettings
from ingest.topics import ensure_topics

BATCH_BYTES = 512 * 1024  # under the 1 MiB that a cluster takes by default, compressed or not
RECORD_OVERHEAD_BYTES = 64 * 1024  # key, headers and framing beside the largest body
NO_HOST_OF_OURS = (errno.EADDRNOTAVAIL, socket.EAI_NONAME, socket.EAI_AGAIN, socket.EAI_FAIL)

log = logging.getLogger(__name__)


class Gateway:
    """OTLP receivers in front of Kafka. ``start`` makes missing topics; ``drain`` ends without losing a request."""

    def __init__(self, settings: GatewaySettings, kafka: KafkaSettings, *, outlet: Outlet | None = None) -> None:
        self._settings = settings
        self._kafka = kafka
        self._outlet = outlet
        self._keys = load_keys(settings.api_keys, host=settings.host)
        self.in_flight = InFlight(settings.max_in_flight_bytes)
        self.grpc_port = settings.grpc_port
        self.http_port = settings.http_port

    async def start(self) -> None:
        """Open the ports; raises CannotStart, BrokerUnavailable or TopicsMissing."""
        self._outlet = self._outlet or await self._open_outlet()
        self._receiver = self._make_receiver(self._outlet)
        self._grpc = GrpcExport(self._receiver, slots=self._reading_slots()).server()
        self._http = HttpExport(self._receiver)
        self._http_runner = self._http.runner()
        try:
            await self._open_ports()
        except CannotStart:
            await self.drain()
            raise
        log.info("gateway ready grpc_port=%s http_port=%s", self.grpc_port, self.http_port)

    async def drain(self) -> None:
        """Stop accepting, finish open requests within ``drain_s``, flush, close."""
        self._receiver.draining = True
        deadline = time.monotonic() + self._settings.drain_s
        drain_s = self._settings.drain_s
        await asyncio.gather(self._grpc.stop(drain_s), self._http.drain(self._http_runner, drain_s))
        self._receiver.close()
        if self._outlet is not None:
            await self._outlet.close(max(0.5, deadline - time.monotonic()))
        log.info("gateway drained in_flight_bytes=%s", self.in_flight.bytes)

    def _reading_slots(self) -> int:
        """How many gRPC messages may be read at once, so that slow senders do not stop the others.

        Their size is known only afterwards: at worst they are four times the bytes that may be in flight.
        """
        return max(1, 4 * self._settings.max_in_flight_bytes // self._settings.max_request_bytes)

    async def _open_outlet(self) -> KafkaOutlet:
        outlet = KafkaOutlet(self._connect, ack_timeout_s=self._settings.ack_timeout_s)
        await outlet.open()
        return outlet

    def _connect(self) -> Any:
        """A producer that knows its topics' partitions, so that sending does not wait for them; blocks."""
        topics = [self._kafka.spans_topic, self._kafka.metrics_topic, self._kafka.logs_topic]
        if created := ensure_topics(self._kafka):
            log.info("topics created names=%s", ",".join(created))
        timeout_ms = int(self._settings.ack_timeout_s * 1000)
        producer = make_producer(
            self._kafka,
            delivery_timeout_ms=timeout_ms,
            request_timeout_ms=timeout_ms,
            max_block_ms=timeout_ms,
            max_request_size=self._settings.max_request_bytes + RECORD_OVERHEAD_BYTES,
            batch_size=BATCH_BYTES,
            metrics_enabled=False,
        )
        try:
            for topic in topics:
                producer.partitions_for(topic)
        except KafkaError as error:
            producer.close(timeout=0)
            raise BrokerUnavailable(
                f"Kafka at {self._kafka.bootstrap} does not describe its topics: {error}"
            ) from error
        return producer

    def _make_receiver(self, outlet: Outlet) -> Receiver:
        settings, kafka = self._settings, self._kafka
        return Receiver(
            keys=self._keys,
            limits=Limits(
                request_bytes=settings.max_request_bytes,
                ack_timeout_s=settings.ack_timeout_s,
                read_timeout_s=settings.read_timeout_s,
            ),
            in_flight=self.in_flight,
            rate=RateLimit(settings.rate_limit_bytes_per_s, clock=time.monotonic),
            outlet=outlet,
            topics={TRACES: kafka.spans_topic, METRICS: kafka.metrics_topic, LOGS: kafka.logs_topic},
            meters=Meters(in_flight_bytes=lambda: self.in_flight.bytes),
        )

    async def _open_ports(self) -> None:
        self.grpc_port = bind(self._grpc, self._settings.host, self._settings.grpc_port)
        await self._http_runner.setup()
        site = web.TCPSite(self._http_runner, self._settings.host, self._settings.http_port)
        try:
            await site.start()
        except OSError as error:
            raise _cannot_listen("http_port", self._settings.host, self._settings.http_port, error) from error
        self.http_port = self._http_runner.addresses[0][1]
        await self._grpc.start()


def bind(server: grpc.Server | grpc.aio.Server, host: str, port: int) -> int:
    """Give a gRPC server its address; returns the port, also where 0 was asked for. Raises CannotStart."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()  # gRPC would only print why it cannot
        return int(server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}"))
    except (OSError, RuntimeError) as error:
        raise _cannot_listen("grpc_port", host, port, error) from error


def _cannot_listen(setting: str, host: str, port: int, error: Exception) -> CannotStart:
    """Which of the two settings to change: the host where it is no address of this machine, else the port."""
    if isinstance(error, OSError) and error.errno in NO_HOST_OF_OURS:
        reason = str(error.strerror).partition(" (while")[0]
        advice = "set gateway.host to an address of this machine, 0.0.0.0 = all of them"
        return CannotStart(f"cannot listen on gateway.host = {host!r}: {reason}; {advice}")
    why = error.strerror if isinstance(error, OSError) and error.errno != errno.EADDRINUSE else "the port is taken"
    return CannotStart(f"cannot listen on {host}:{port}: {why}; set gateway.{setting} to another port, 0 = a free one")

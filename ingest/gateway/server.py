"""The gateway as a whole: both protocols in front of one receiver, and its start and end.

A drain stops accepting, lets open requests finish, flushes what Kafka still owes an answer for, and then closes.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import time

import grpc.aio
from aiohttp import web

from ingest.errors import CannotStart
from ingest.gateway.keys import load_keys
from ingest.gateway.limits import InFlight, RateLimit
from ingest.gateway.metrics import Meters
from ingest.gateway.otlp_grpc import GrpcExport
from ingest.gateway.otlp_http import HttpExport
from ingest.gateway.outlet import KafkaOutlet, Outlet
from ingest.gateway.receiver import Limits, Receiver
from ingest.gateway.signals import LOGS, METRICS, TRACES
from ingest.settings import GatewaySettings, KafkaSettings
from ingest.topics import ensure_topics

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
        self._outlet = self._outlet or await self._connect()
        self._receiver = self._make_receiver(self._outlet)
        slots = max(1, self._settings.max_in_flight_bytes // self._settings.max_request_bytes)
        self._grpc = GrpcExport(self._receiver, slots=slots).server()
        self._http = HttpExport(self._receiver).runner(shutdown_timeout_s=self._settings.drain_s)
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
        await asyncio.gather(self._grpc.stop(self._settings.drain_s), self._http.cleanup())
        self._receiver.close()
        if self._outlet is not None:
            await self._outlet.close(max(0.5, deadline - time.monotonic()))
        log.info("gateway drained in_flight_bytes=%s", self.in_flight.bytes)

    async def _connect(self) -> KafkaOutlet:
        created = await asyncio.to_thread(ensure_topics, self._kafka)
        if created:
            log.info("topics created names=%s", ",".join(created))
        return await KafkaOutlet.connect(
            self._kafka,
            topics=[self._kafka.spans_topic, self._kafka.metrics_topic, self._kafka.logs_topic],
            ack_timeout_s=self._settings.ack_timeout_s,
            max_record_bytes=self._settings.max_request_bytes,
        )

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
        self.grpc_port = _bind(self._grpc, self._settings.host, self._settings.grpc_port)
        await self._http.setup()
        site = web.TCPSite(self._http, self._settings.host, self._settings.http_port)
        try:
            await site.start()
        except OSError as error:
            raise _cannot_listen("http_port", self._settings.host, self._settings.http_port, error) from error
        self.http_port = self._http.addresses[0][1]
        await self._grpc.start()


def _bind(server: grpc.aio.Server, host: str, port: int) -> int:
    try:
        return int(server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}"))
    except RuntimeError as error:
        raise _cannot_listen("grpc_port", host, port, error) from error


def _cannot_listen(setting: str, host: str, port: int, error: Exception) -> CannotStart:
    why = error.strerror if isinstance(error, OSError) and error.errno != errno.EADDRINUSE else "the port is taken"
    return CannotStart(f"cannot listen on {host}:{port}: {why}; set gateway.{setting} to another port, 0 = a free one")

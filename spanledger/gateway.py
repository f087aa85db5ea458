"""Receive OTLP over gRPC and HTTP, stamp the tenant of the API key, and hand the bytes to Kafka.

A request is answered with success only after Kafka has acknowledged it. Without API keys the gateway serves this
machine only. SIGTERM drains: open requests are finished first. A Kafka that is not there yet is waited for.

Example:
  spanledger gateway
  OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 python my_app.py

API keys, in spanledger.toml (printf %s "$KEY" | sha256sum):
  [gateway.api_keys]
  acme-prod = {sha256 = "9f86d081…", tenant = "acme"}
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from ingest.gateway.server import Gateway
    from spanledger.settings import Settings


RETRY_S = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the verb; each overrides a setting."""
    parser.add_argument("--host", dest="gateway.host", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--grpc-port", dest="gateway.grpc_port", type=int, help="port of OTLP/gRPC; 0 = a free one")
    parser.add_argument("--http-port", dest="gateway.http_port", type=int, help="port of OTLP/HTTP; 0 = a free one")
    parser.add_argument("--metrics-port", dest="gateway.metrics_port", type=int, help="port of the metrics endpoint")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, then drain."""
    import asyncio

    del args  # its flags are in the settings
    return asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> int:
    import asyncio
    import signal

    from ingest.gateway.server import Gateway
    from spanledger.signals import ending
    from spanledger.telemetry import serve_metrics

    gateway = Gateway(settings.gateway, settings.kafka)
    metrics_port = serve_metrics(settings.gateway.metrics_port, service="spanledger-gateway")
    stop = asyncio.Event()
    for number in (*ending(), signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if not await start_patiently(gateway, stop):
        return 0
    host = f"[{settings.gateway.host}]" if ":" in settings.gateway.host else settings.gateway.host
    print(
        f"gateway ready: OTLP/gRPC {host}:{gateway.grpc_port}, OTLP/HTTP http://{host}:{gateway.http_port}, "
        f"metrics http://127.0.0.1:{metrics_port}/metrics{_openness(settings)}",
        flush=True,
    )
    await stop.wait()
    await gateway.drain()
    return 0


async def start_patiently(gateway: Gateway, stop: asyncio.Event) -> bool:
    """Start once Kafka answers, as patient as the worker; False when told to stop meanwhile. Raises IngestError."""
    import asyncio
    import contextlib
    import sys
    import time

    from ingest.errors import BrokerUnavailable
    from ingest.kafka import WAIT_FOR_BROKER_S

    until = time.monotonic() + WAIT_FOR_BROKER_S
    while not stop.is_set():
        try:
            await gateway.start()
        except BrokerUnavailable as error:
            if time.monotonic() > until:
                raise
            print(f"gateway: waiting for Kafka: {error}", file=sys.stderr, flush=True)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), RETRY_S)
        else:
            return True
    return False


def _openness(settings: Settings) -> str:
    """What the ready line must not keep quiet: that nobody needs a key."""
    return "" if settings.gateway.api_keys else " (open mode: no API keys)"

"""Run broker, gateway, worker and dashboard together, until Ctrl-C, SIGTERM or the end of the terminal.

The local broker is started only where kafka.bootstrap is its own address; any other cluster is used as it is. A part
that ends is started again; one that cannot start ends them all. Logs go to SPANLEDGER_DATA/logs.

example:
  spanledger up
  SPANLEDGER_KAFKA=kafka-1:9092,kafka-2:9092 spanledger up
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spanledger.settings import Settings

LOOK_FOR_S = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No flags: settings say it all."""
    del parser


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Start all parts and look after them. Raises CannotRun when one cannot run."""
    del args
    from spanledger.deployment import Deployment, Ports, environment
    from spanledger.signals import ending
    from spanledger.stack import Stack, free_port

    jars = Path(settings.broker.jars or settings.data / "jars")
    ports = Ports(
        broker=settings.broker.port,
        grpc=settings.gateway.grpc_port or free_port(),
        http=settings.gateway.http_port or free_port(),
        gateway_metrics=settings.gateway.metrics_port,
        worker_metrics=settings.worker.metrics_port,
        dashboard=settings.dashboard.port or free_port(),
    )
    deployment = Deployment(
        data=settings.data,
        jars=jars,
        ports=ports,
        environment=environment(
            ports, data=settings.data, jars=jars, kafka=settings.kafka.bootstrap, lake=settings.lake.url
        ),
        own_broker=settings.kafka.bootstrap == f"127.0.0.1:{settings.broker.port}",
    )
    for number in ending():
        signal.signal(number, lambda *_: sys.exit(0))
    with Stack() as stack:
        deployment.start(stack, _say)
        for name, url in deployment.urls().items():
            _say(f"{name:16s} {url}")
        while True:
            stack.look_after(LOOK_FOR_S)


def _say(line: str) -> None:
    print(line, flush=True)

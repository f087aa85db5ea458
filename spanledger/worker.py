"""Turn spans from Kafka into the ledger: decode, normalise, price, classify, commit exactly once, judge spend.

Needs no flags: topics that are missing are made, several workers run side by side, SIGTERM drains.

example:
  SPANLEDGER_KAFKA=127.0.0.1:9092 SPANLEDGER_LAKE=./lake spanledger worker
"""

from __future__ import annotations

import argparse
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spanledger.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags that override settings."""
    parser.add_argument("--flush-seconds", dest="worker.flush_seconds", type=float, help="longest wait before a flush")
    parser.add_argument("--metrics-port", dest="worker.metrics_port", type=int, help="port of the Prometheus endpoint")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Run until SIGTERM; exit 1 after a crash, so that a supervisor restarts it."""
    del args
    _save_memory()
    from processors.run import run_worker
    from spanledger.signals import hang_up_is_sigterm
    from spanledger.telemetry import serve_metrics

    hang_up_is_sigterm()  # Faust knows SIGTERM and SIGINT
    port = serve_metrics(settings.worker.metrics_port, service="spanledger-worker")
    return run_worker(
        kafka=settings.kafka,
        worker=settings.worker,
        lake=settings.lake,
        alerts=settings.alerts,
        data=settings.data,
        metrics_port=port,
        settle=settings.settle,
    )


def _save_memory() -> None:
    """Arrow's usual allocator keeps some 50 MiB more of what flushes have let go, for no time saved."""
    import pyarrow as pa

    with contextlib.suppress(NotImplementedError):  # a build of Arrow without jemalloc
        pa.set_memory_pool(pa.jemalloc_memory_pool())

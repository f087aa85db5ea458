"""A worker whose lake is away as long as a file lies there; it serves its metrics."""

import sys
from pathlib import Path

from processors.run import run_worker
from spanledger.settings import load
from spanledger.telemetry import serve_metrics
from warehouse.errors import LakeUnavailable


def main() -> None:
    """Run ``python -m tests.flows.lakeless_worker FILE``."""
    settings, away = load(), Path(sys.argv[1])

    def on_step(name: str) -> None:
        if name == "dead-lettered" and away.exists():
            raise LakeUnavailable("it is away")

    port = serve_metrics(settings.worker.metrics_port, service="spanledger-worker")
    run_worker(
        kafka=settings.kafka,
        worker=settings.worker,
        lake=settings.lake,
        alerts=settings.alerts,
        data=settings.data,
        metrics_port=port,
        on_step=on_step,
    )


if __name__ == "__main__":
    main()

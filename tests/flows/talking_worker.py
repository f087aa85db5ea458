"""A worker that says all it ever says: every logger of ours, of Faust and of mode at DEBUG."""

import logging
import threading
import time

from processors.run import run_worker
from spanledger.settings import load
from spanledger.telemetry import serve_metrics

QUIET = ("kafka", "aiokafka")
"""Held at WARNING by the worker itself, whatever else is set."""


def talk() -> None:
    """Keep everything at DEBUG, also what Faust sets up later."""
    while True:
        for handler in logging.root.handlers:
            handler.setLevel(logging.DEBUG)
        for name in [None, *logging.root.manager.loggerDict]:
            if name is None or not name.startswith(QUIET):
                logging.getLogger(name).setLevel(logging.DEBUG)
        time.sleep(0.1)


def main() -> None:
    """Run ``python -m tests.flows.talking_worker``."""
    settings = load()
    threading.Thread(target=talk, daemon=True).start()
    port = serve_metrics(settings.worker.metrics_port, service="spanledger-worker")
    run_worker(
        kafka=settings.kafka,
        worker=settings.worker,
        lake=settings.lake,
        alerts=settings.alerts,
        data=settings.data,
        metrics_port=port,
    )


if __name__ == "__main__":
    main()

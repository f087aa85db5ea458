"""A worker that ends without a word, as by ``kill -9``, the first time a named step of its flush is done."""

import os
import sys

from processors.run import run_worker
from spanledger.settings import load


def main() -> None:
    """Run ``python -m tests.flows.crashing_worker STEP``."""
    settings = load()
    step = sys.argv[1]
    run_worker(
        kafka=settings.kafka,
        worker=settings.worker,
        lake=settings.lake,
        alerts=settings.alerts,
        data=settings.data,
        metrics_port=0,
        on_step=lambda name: os._exit(9) if name == step else None,
    )


if __name__ == "__main__":
    main()

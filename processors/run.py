"""Start one worker process: topics, lake, keys, group, engine, app, and the Faust worker around them."""

from __future__ import annotations

import logging
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

from faust import Worker

from alerts.watch import Watcher
from ingest.errors import BrokerUnavailable
from ingest.topics import ensure_topics
from processors.agents.membership import MembershipWatch
from processors.app import Parts, build_app
from processors.engine import Engine
from processors.flush import Flusher
from processors.group import align
from processors.kafka import KafkaChannel, KafkaSink, KafkaStreams
from processors.metrics import WorkerMetrics
from processors.users import fingerprint, load_user_key
from warehouse.lake import Lake
from warehouse.reader import Warehouse

if TYPE_CHECKING:
    from collections.abc import Callable

    from alerts.settings import AlertSettings
    from ingest.settings import KafkaSettings
    from processors.settings import WorkerSettings
    from warehouse.settings import LakeSettings

log = logging.getLogger("spanledger.worker")

WAIT_FOR_BROKER_S = 60.0


def run_worker(
    *,
    kafka: KafkaSettings,
    worker: WorkerSettings,
    lake: LakeSettings,
    alerts: AlertSettings,
    data: Path,
    metrics_port: int,
    on_step: Callable[[str], None] = lambda _: None,
) -> int:
    """Run until SIGTERM or a crash and return the exit code. Raises IngestError or WarehouseError before the start."""
    data.mkdir(parents=True, exist_ok=True)
    made = _wait_for_broker(kafka)
    opened = Lake.open(lake)
    user_key = load_user_key(worker.user_key, data)
    opened.claim_user_key(fingerprint(user_key))
    rewound = align(kafka, opened, [kafka.spans_topic])
    sink = KafkaSink(kafka, dlq_payload=worker.dlq_payload)
    flusher = Flusher(
        lake=opened,
        engine=Engine.of(worker, user_key=user_key),
        sink=sink,
        streams=KafkaStreams(settings=kafka),
        worker=f"{socket.gethostname()}/{os.getpid()}",
        metrics=WorkerMetrics(),
        on_step=on_step,
    )
    watcher = Watcher(alerts, opened, Warehouse(lake), channels=[KafkaChannel(kafka)]) if alerts.enabled else None
    app = build_app(Parts(kafka=kafka, worker=worker, flusher=flusher, watcher=watcher, data=data))
    faust = Worker(app, MembershipWatch(app), loglevel="INFO", redirect_stdouts=False, quiet=True)
    logging.basicConfig(level=logging.INFO)
    for noisy in ("kafka", "aiokafka"):  # they log every connection; their warnings stay
        logging.getLogger(noisy).setLevel(logging.WARNING)
    log.info(
        "worker starts lake=%s topics_made=%d rewound=%d metrics=http://127.0.0.1:%d/metrics",
        lake.url, len(made), len(rewound), metrics_port,
    )  # fmt: skip
    try:
        faust.execute_from_commandline()
    except SystemExit as stop:
        return int(stop.code or 0)
    finally:
        sink.close()
    return 0


def _wait_for_broker(kafka: KafkaSettings) -> list[str]:
    """Make the topics; a broker that is not there yet is waited for, then it is an error."""
    until = time.monotonic() + WAIT_FOR_BROKER_S
    while True:
        try:
            return ensure_topics(kafka)
        except BrokerUnavailable as error:
            if time.monotonic() > until:
                raise
            log.warning("waiting for Kafka: %s", error)
            time.sleep(1.0)

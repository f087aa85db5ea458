"""Start one worker process: topics, lake, keys, group, engine, app, and the Faust worker around them."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import faust
from faust import Worker

from alerts.watch import Watcher
from ingest.errors import BrokerUnavailable
from ingest.kafka import WAIT_FOR_BROKER_S
from ingest.topics import ensure_topics
from processors.agents.membership import MembershipWatch
from processors.app import Parts, build_app
from processors.engine import Engine
from processors.flush import Flusher
from processors.group import align
from processors.housekeeping import chores
from processors.kafka import KafkaChannel, KafkaSink, KafkaStreams
from processors.metrics import WorkerMetrics
from processors.prepare import prepare
from processors.pricing.current import CurrentBook
from processors.pricing.start import hold_book
from processors.users import fingerprint, load_user_key
from warehouse.allocation import read_dimensions
from warehouse.gpus import read_fleet
from warehouse.lake import Lake
from warehouse.planning import read_plans
from warehouse.reader import Warehouse
from warehouse.settings import SettleSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from alerts.settings import AlertSettings
    from ingest.settings import KafkaSettings
    from processors.settings import WorkerSettings
    from warehouse.settings import LakeSettings

log = logging.getLogger("spanledger.worker")

LOG_EVERY_S = 10.0
LOOK_EVERY_S = 0.5
NO_SETTLEMENTS = SettleSettings(every_seconds=0)
CHATTY = ("kafka", "aiokafka")
"""Libraries that log every connection, and every try while the broker is away."""


def run_worker(
    *,
    kafka: KafkaSettings,
    worker: WorkerSettings,
    lake: LakeSettings,
    alerts: AlertSettings,
    data: Path,
    metrics_port: int,
    settle: SettleSettings = NO_SETTLEMENTS,
    on_step: Callable[[str], None] = lambda _: None,
) -> int:
    """Run until SIGTERM or a crash and return the exit code.

    Raises IngestError, WarehouseError or BadPriceBook before the start.
    """
    levels = read_dimensions(settle.dimensions).levels
    plans = read_plans(settle.budgets, levels, settle.slos)
    read_fleet(settle.gpus)
    data.mkdir(parents=True, exist_ok=True)
    hold_book(worker.price_book, lake)
    made = _wait_for_broker(kafka)
    opened = Lake.open(lake)
    user_key = load_user_key(worker.user_key, data)
    opened.claim_user_key(fingerprint(user_key))
    book = CurrentBook(worker.prices, worker.price_book)
    rewound = align(kafka, opened, [kafka.spans_topic, kafka.logs_topic, kafka.metrics_topic])
    sink = KafkaSink(kafka, dlq_payload=worker.dlq_payload)
    flusher = Flusher(
        lake=opened,
        engine=Engine.of(worker, user_key=user_key, logs_topic=kafka.logs_topic, metrics_topic=kafka.metrics_topic),
        sink=sink,
        streams=KafkaStreams(settings=kafka),
        worker=f"{socket.gethostname()}/{os.getpid()}",
        metrics=WorkerMetrics(),
        current=lambda engine: replace(engine, book=book()),
        on_step=on_step,
    )
    channels = [KafkaChannel(kafka)]
    watcher = Watcher(alerts, opened, Warehouse(lake, levels), channels, plans) if alerts.enabled else None
    every = chores(lake, settle, book, flusher.worker)
    app = build_app(Parts(kafka=kafka, worker=worker, flusher=flusher, watcher=watcher, chores=every, data=data))
    _end_in_time(app, worker.drain_seconds)
    runner = Worker(app, MembershipWatch(app), loglevel="INFO", redirect_stdouts=False, quiet=True)
    logging.basicConfig(level=logging.INFO)
    _calm_down(CHATTY)
    prepare(flusher.engine)
    log.info(
        "worker starts lake=%s topics_made=%d rewound=%d metrics=http://127.0.0.1:%d/metrics",
        lake.url, len(made), len(rewound), metrics_port,
    )  # fmt: skip
    try:
        runner.execute_from_commandline()
    except SystemExit as stop:
        return int(stop.code or 0)
    finally:
        sink.close()
    return 0


class Throttle(logging.Filter):
    """Lets one record of each logger through in ``every_s`` seconds."""

    def __init__(self, *, every_s: float) -> None:
        super().__init__()
        self._every_s = every_s
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        if record.created - self._last.get(record.name, 0.0) < self._every_s:
            return False
        self._last[record.name] = record.created
        return True


def _calm_down(loggers: tuple[str, ...]) -> None:
    """Warnings only, one in a while: they do not reach the handlers that Faust sets up."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("[%(asctime)s] [%(levelname)s] %(name)s: %(message)s"))
    handler.addFilter(Throttle(every_s=LOG_EVERY_S))
    for name in loggers:
        chatty = logging.getLogger(name)
        chatty.setLevel(logging.WARNING)
        chatty.propagate = False
        chatty.addHandler(handler)


def _end_in_time(app: faust.App, within_s: float) -> None:
    """End the process when a stop takes too long: with the broker away, Faust's consumer would never stop.

    Nothing is lost: what was not acknowledged is delivered again (the commit protocol survives ``kill -9``).
    """

    def watch() -> None:
        while not app.should_stop:
            time.sleep(LOOK_EVERY_S)
        time.sleep(within_s)
        log.warning("the stop took longer than %.0f s: ending; what was not acknowledged is read again", within_s)
        os._exit(1 if app.crashed else 0)

    threading.Thread(target=watch, name="end-in-time", daemon=True).start()


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

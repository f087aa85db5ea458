"""Real worker processes over the tests' broker, and what a test may ask of their lake."""

from __future__ import annotations

import collections
import dataclasses
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable

from ingest.delivery import wait_acknowledged
from ingest.kafka import make_producer
from ingest.settings import KafkaSettings
from ingest.topics import ensure_topics
from tests.flows.nursery import Forked, start
from tests.flows.payloads import COST_USD, Payload
from tests.patience import PATIENCE_S
from warehouse.schemas import COMMIT_ORDER


@dataclasses.dataclass(slots=True)
class Deployment:
    """Topics, a lake and the workers on them; ``acknowledged`` is what Kafka has taken."""

    kafka: KafkaSettings
    directory: Path
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    workers: list[Forked] = dataclasses.field(default_factory=list)
    acknowledged: list[tuple[bytes, bytes]] = dataclasses.field(default_factory=list)

    @property
    def lake(self) -> Path:
        """Directory of the tables."""
        return Path(self.environment.get("SPANLEDGER_LAKE", self.directory / "lake"))

    @property
    def log(self) -> Path:
        """What the workers print."""
        return self.directory / "worker.log"

    def variables(self) -> dict[str, str]:
        """Environment of a worker."""
        kafka = {
            f"SPANLEDGER_KAFKA_{name.upper()}": getattr(self.kafka, name)
            for name in ("spans_topic", "metrics_topic", "logs_topic", "commits_topic", "alerts_topic", "dlq_topic")
        }
        return {
            **os.environ,
            **kafka,
            "SPANLEDGER_KAFKA": self.kafka.bootstrap,
            "SPANLEDGER_KAFKA_PARTITIONS": str(self.kafka.partitions),
            "SPANLEDGER_WORKER_TRUST_SPAN_TENANT": self.kafka.spans_topic,
            "SPANLEDGER_WORKER_FLUSH_SECONDS": "0.3",
            "SPANLEDGER_WORKER_SESSION_SECONDS": "2",
            "SPANLEDGER_ALERTS_ENABLED": "false",
            "SPANLEDGER_LAKE": str(self.lake),
            "SPANLEDGER_DATA": str(self.directory / "data"),
            **self.environment,
        }

    def start_worker(self, *, exit_after: str | None = None, module: str | None = None) -> Forked:
        """A worker process; with ``exit_after`` it ends, as by kill -9, when that step of a flush is done.

        ``module`` is run instead of the verb.
        """
        words = ["tests.flows.crashing_worker", exit_after] if exit_after else ["spanledger", "worker"]
        words = [module] if module else words
        return self.start(words)

    def start(self, words: Sequence[str]) -> Forked:
        """``python -m WORDS`` as a worker of this deployment."""
        process = start(words, variables=self.variables(), log=self.log)
        self.workers.append(process)
        return process

    def send(self, payloads: Iterable[Payload], *, partition: int | None = None) -> None:
        """Send and wait for Kafka's acknowledgement."""
        ensure_topics(self.kafka)
        producer = make_producer(self.kafka)
        try:
            for payload in payloads:
                sent = producer.send(self.kafka.spans_topic, value=payload.value, partition=partition)
                wait_acknowledged([sent], timeout_s=30)
                self.acknowledged += payload.ids
        finally:
            producer.close()

    def table(self, name: str, columns: list[str] | None = None) -> pa.Table:
        """A table as it stands now; no rows while it does not exist."""
        if not (self.lake / name / "_delta_log").is_dir():
            return pa.table({column: [] for column in columns or []})
        return DeltaTable(str(self.lake / name)).to_pyarrow_table(columns=columns)

    def rows(self) -> int:
        """Rows of ``spans``."""
        return self.table("spans", ["span_id"]).num_rows

    def wait_for_rows(self, count: int, *, within_s: float = PATIENCE_S) -> None:
        """Return when ``spans`` has at least so many rows and ``flushes`` has caught up with it."""
        self.wait(lambda: self.rows() >= count and self._flushed() >= count, f"{count} rows", within_s=within_s)

    def _flushed(self) -> int:
        return sum(self.table("flushes", ["spans"])["spans"].to_pylist())

    def wait(self, reached: Callable[[], bool], what: str, *, within_s: float = PATIENCE_S) -> None:
        """Poll until something is reached; fails with the end of the workers' log."""
        until = time.monotonic() + within_s
        while not reached():
            if time.monotonic() > until:
                tail = self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""
                raise AssertionError(f"not within {within_s} s: {what}; rows={self.rows()}\n{tail}")
            time.sleep(0.1)

    def kill(self, process: Forked) -> None:
        """End a worker as by ``kill -9``."""
        process.kill()
        process.wait()

    def stop(self) -> None:
        """End all workers by SIGTERM, then by force."""
        for process in self.workers:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.workers:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill(process)

    def verify(self, records: Mapping[tuple[bytes, bytes], int] | None = None) -> None:
        """Every span has exactly one row per acknowledged record, and all tables agree on what was spent.

        ``records``: rows expected per span where some were sent in more than one record.
        """
        expected = records if records is not None else collections.Counter(self.acknowledged)
        spans = self.table("spans", ["trace_id", "span_id", "billable", "cost_usd"])
        found = collections.Counter(zip(spans["trace_id"].to_pylist(), spans["span_id"].to_pylist(), strict=True))
        assert found == expected
        billed = [c for c, b in zip(spans["cost_usd"].to_pylist(), spans["billable"].to_pylist(), strict=True) if b]
        assert set(billed) == {COST_USD}
        usage = self.table("usage", ["calls", "cost_usd"])
        assert sum(usage["calls"].to_pylist()) == len(billed)
        assert sum(usage["cost_usd"].to_pylist(), Decimal(0)) == sum(billed, Decimal(0))
        flushes = self.table("flushes", ["spans", "billable_spans"])
        assert sum(flushes["spans"].to_pylist()) == spans.num_rows
        assert sum(flushes["billable_spans"].to_pylist()) == len(billed)
        self._verify_offsets_agree()

    def _verify_offsets_agree(self) -> None:
        flushes = self.table("flushes", ["app_id"])
        tables = {name: DeltaTable(str(self.lake / name)) for name in COMMIT_ORDER}
        for app_id in set(flushes["app_id"].to_pylist()):
            assert len({table.transaction_version(app_id) for table in tables.values()}) == 1

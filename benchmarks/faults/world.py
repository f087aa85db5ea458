"""The parts that are tortured: a real broker, worker processes on one lake, and a producer that waits for none."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kafka.errors import KafkaError

from benchmarks.faults.source import Message, Source
from ingest.broker import LocalBroker
from ingest.delivery import end_producer, wait_acknowledged
from ingest.errors import BrokerUnavailable
from ingest.kafka import make_producer
from ingest.leash import leash
from ingest.settings import KafkaSettings

SESSION_S = 2
ACKNOWLEDGED_WITHIN_S = 60.0
STARTED = b"worker starts"


@dataclass(slots=True)
class Worker:
    """One worker process and its log."""

    process: subprocess.Popen[bytes]
    log: Path
    began: int  # where its lines begin in the log

    @property
    def lives(self) -> bool:
        """Whether it runs (or is stopped)."""
        return self.process.poll() is None

    def said(self, text: bytes) -> bool:
        """Whether it has written this."""
        with self.log.open("rb") as log:
            log.seek(self.began)
            return text in log.read()

    def signal(self, number: int) -> None:
        """Send a signal; nothing where it has ended."""
        if self.lives:
            self.process.send_signal(number)


@dataclass(slots=True, kw_only=True)
class World:
    """``kills``: how often a worker or the broker was killed; ``clock``: how wrong the clocks are, in seconds."""

    folder: Path
    kafka: KafkaSettings
    broker: LocalBroker
    chance: random.Random
    source: Source
    wanted: int = 3  # workers
    acknowledged: list[tuple[Message, tuple[int, int]]] = field(default_factory=list)
    uncertain: list[Message] = field(default_factory=list)  # handed over, no answer: the topic knows
    workers: list[Worker] = field(default_factory=list)
    started: int = 0
    kills: int = 0
    died: int = 0  # workers that ended by themselves: a crash that a supervisor mends

    @property
    def lake(self) -> Path:
        """Directory of the tables."""
        return self.folder / "lake"

    @property
    def clock(self) -> Path:
        """File with the seconds by which clocks are wrong."""
        return self.folder / "clock"

    def set_clock(self, seconds: float) -> None:
        """Let the clocks of all workers jump; in one step, because they read the file at any time."""
        new = self.clock.with_suffix(".new")
        new.write_text(f"{seconds:+.0f}\n", encoding="utf-8")
        new.replace(self.clock)

    def start_broker(self) -> None:
        """Start it and wait until it serves."""
        self.broker.start()

    def live_workers(self) -> list[Worker]:
        """Workers that run."""
        return [worker for worker in self.workers if worker.lives]

    def start_worker(self, **torture: object) -> Worker:
        """One more; ``torture``: what is wrong with its machine (see ``worker.py``), in lower case."""
        self.started += 1
        log = self.folder / "worker.log"
        wrong = {f"TORTURE_{name.upper()}": str(value) for name, value in torture.items()}
        variables = {**os.environ, **self._variables(), "TORTURE_CLOCK": str(self.clock), **wrong}
        began = log.stat().st_size if log.exists() else 0
        self.workers.append(made := Worker(self.launch(variables, log), log, began))
        return made

    def launch(self, variables: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
        """The process of a worker; what it prints goes to the end of the log."""
        with log.open("ab") as out:
            return subprocess.Popen(
                [*leash(), sys.executable, "-m", "benchmarks.faults.worker"],
                env=variables, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def kill(self, worker: Worker) -> None:
        """``kill -9``."""
        worker.signal(signal.SIGKILL)
        worker.process.wait()
        self.workers.remove(worker)
        self.kills += 1

    def keep_up(self) -> None:
        """As many workers as are wanted, each on a machine of its own; what has ended is replaced."""
        ended = [worker for worker in self.workers if not worker.lives]
        self.died += len(ended)
        self.workers = self.live_workers()
        while len(self.workers) < self.wanted:
            slow_s = self.chance.choice((0, 0, 0.1, 0.5))
            self.start_worker(**{"slow_s": slow_s, **({"shuffle": self.started} if self.chance.random() < 0.5 else {})})

    def wait_started(self, worker: Worker, within_s: float = 180.0) -> None:
        """Return when it consumes, or has ended."""
        self.wait(lambda: not worker.lives or worker.said(STARTED), "a worker starts", within_s=within_s)

    def wait(self, reached: Callable[[], bool], what: str, *, within_s: float) -> None:
        """Poll. Raises TimeoutError with the end of the workers' log."""
        until = time.monotonic() + within_s
        while not reached():
            if time.monotonic() > until:
                tail = (self.folder / "worker.log").read_text(errors="replace")[-2000:]
                raise TimeoutError(f"not within {within_s:.0f} s: {what}\n{tail}")
            time.sleep(0.1)

    @contextmanager
    def producing(self, per_s: float) -> Iterator[None]:
        """Messages all the time, each waited for, to any partition; the broker may be away meanwhile."""
        over = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            produced = pool.submit(self._produce, over, per_s)
            try:
                yield
            finally:
                over.set()
            produced.result()  # what ended it, where it has not run until now

    def stop(self) -> None:
        """End everything."""
        for worker in self.live_workers():
            worker.signal(signal.SIGCONT)
            worker.signal(signal.SIGKILL)
            worker.process.wait()
        self.broker.stop()

    def _produce(self, over: threading.Event, per_s: float) -> None:
        producer, messages = None, self.source.messages()
        while not over.is_set():
            message = next(messages)
            try:
                producer = producer or make_producer(self.kafka)
            except BrokerUnavailable:
                continue
            partition = self.source.chance.randrange(self.kafka.partitions)
            try:
                sent = producer.send(self.kafka.spans_topic, value=message.value, partition=partition)
                wait_acknowledged([sent], timeout_s=ACKNOWLEDGED_WITHIN_S)
                self.acknowledged.append((message, (partition, sent.value.offset)))
            except (BrokerUnavailable, KafkaError):  # the latter: not even the topic is known in time
                self.uncertain.append(message)
                end_producer(producer, 0.0)
                producer = None
            over.wait(self.source.chance.expovariate(per_s))
        if producer is not None:
            end_producer(producer, 5.0)

    def _variables(self) -> Mapping[str, str]:
        topics = ("spans_topic", "metrics_topic", "logs_topic", "commits_topic", "alerts_topic", "dlq_topic")
        return {
            **{f"SPANLEDGER_KAFKA_{name.upper()}": getattr(self.kafka, name) for name in topics},
            "SPANLEDGER_KAFKA": self.kafka.bootstrap,
            "SPANLEDGER_KAFKA_PARTITIONS": str(self.kafka.partitions),
            "SPANLEDGER_WORKER_TRUST_SPAN_TENANT": self.kafka.spans_topic,
            "SPANLEDGER_WORKER_FLUSH_SECONDS": "0.3",
            "SPANLEDGER_WORKER_SESSION_SECONDS": str(SESSION_S),
            "SPANLEDGER_ALERTS_ENABLED": "false",
            "SPANLEDGER_LAKE": str(self.lake),
            "SPANLEDGER_DATA": str(self.folder / "data"),
        }

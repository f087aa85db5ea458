"""Sending a few records and knowing that Kafka has them: dead letters, notices, incident events.

kafka-python 3.0.12 has a producer that can get stuck for good after a long outage, and whose ``close`` leaves its
sender running; so a producer that fails is ended and the next call makes another one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kafka.errors import KafkaError, KafkaTimeoutError

from ingest.errors import BrokerUnavailable
from ingest.kafka import make_producer
from ingest.settings import KafkaSettings

log = logging.getLogger("spanledger.kafka")

END_S = 5.0
SEND_BLOCKS_S = 5.0  # how long a send may wait for the topic's metadata
DELIVERY_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One Kafka record to be."""

    topic: str
    value: bytes
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


class Publisher:
    """Sends records through one idempotent producer, made when it is first needed; usable from several threads."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._producer: Any = None

    def publish(self, records: Sequence[Record]) -> None:
        """Return when Kafka has acknowledged every record. Raises BrokerUnavailable; some may have arrived then."""
        if not records:
            return
        with self._lock:
            try:
                sent = [self._send(record) for record in records]
                wait_acknowledged(sent, timeout_s=DELIVERY_S)
            except (KafkaError, BrokerUnavailable) as error:
                self._abandon()
                raise BrokerUnavailable(f"Kafka did not take {len(records)} record(s): {error}") from error

    def post(self, records: Sequence[Record]) -> None:
        """Send without waiting; what cannot be sent is lost, which the caller says is no harm."""
        with self._lock:
            try:
                for record in records:
                    self._send(record)
            except (KafkaError, BrokerUnavailable) as error:
                log.warning("a hint was not sent: %s", error)
                self._abandon()

    def close(self) -> None:
        """Send what is buffered and end the producer."""
        with self._lock:
            if self._producer is not None:
                end_producer(self._producer, END_S)
                self._producer = None

    def _send(self, record: Record) -> Any:
        if self._producer is None:
            self._producer = make_producer(
                self._settings,
                max_block_ms=int(SEND_BLOCKS_S * 1000),
                delivery_timeout_ms=int(DELIVERY_S * 1000),
                request_timeout_ms=int(SEND_BLOCKS_S * 1000),
            )
        return self._producer.send(record.topic, key=record.key, value=record.value, headers=list(record.headers))

    def _abandon(self) -> None:
        if self._producer is not None:
            end_producer(self._producer, 0.0)
            self._producer = None


def wait_acknowledged(sent: Sequence[Any], *, timeout_s: float) -> None:
    """Return when Kafka has acknowledged every record; ``sent`` holds what ``KafkaProducer.send`` returned.

    Raises BrokerUnavailable when one is refused or not acknowledged in time; it may still arrive then.
    """
    until = time.monotonic() + timeout_s
    try:
        for future in sent:
            future.get(timeout=max(0.001, until - time.monotonic()))
    except KafkaError as error:
        raise BrokerUnavailable(f"Kafka did not acknowledge {len(sent)} record(s) in time: {error}") from error


def end_producer(producer: Any, flush_s: float) -> None:
    """Flush for so long, fail what is left, close. ``close`` alone would leave the sender running (3.0.12)."""
    try:
        producer.flush(flush_s)
    except KafkaTimeoutError:
        producer._sender.force_close()  # noqa: SLF001 -- the only way to fail what it still holds
    try:
        producer.close(END_S)
    except KafkaTimeoutError:
        log.warning("a producer did not end within %s s; its thread ends with the process", END_S)

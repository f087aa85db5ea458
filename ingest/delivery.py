"""Waiting for Kafka to acknowledge what was sent."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from kafka.errors import KafkaError

from ingest.errors import BrokerUnavailable


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

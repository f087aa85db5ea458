"""Fixtures with a real Kafka: one broker per test session, topics of its own for every test.

``broker`` is shared: never stop or kill it. A test that does takes ``own_broker``. The jars come from the default
cache, so a machine fetches them once.
"""

from __future__ import annotations

import dataclasses
import gc
import itertools
import logging
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.broker import LocalBroker
from ingest.kafka import admin_client
from ingest.settings import BrokerSettings, KafkaSettings
from spanledger.settings import load

TOPIC_FIELDS = ("spans_topic", "metrics_topic", "logs_topic", "commits_topic", "alerts_topic", "dlq_topic")

SHORT_SESSIONS = {"group.min.session.timeout.ms": "1000"}  # so that a killed worker's partitions are free soon

_numbers = itertools.count(1)


def jars_cache() -> Path:
    """Where the jars of the broker are kept on this machine."""
    return load().data / "jars"


def prefixed(settings: KafkaSettings, prefix: str) -> KafkaSettings:
    """The same cluster with topics of its own."""
    return dataclasses.replace(settings, **{field: f"{prefix}.{getattr(settings, field)}" for field in TOPIC_FIELDS})


def delete_topic(settings: KafkaSettings, topic: str) -> None:
    """Delete a topic and wait until the broker no longer shows it."""
    with admin_client(settings) as admin:
        admin.delete_topics([topic])
        while topic in admin.list_topics():
            time.sleep(0.02)


def add_partitions(settings: KafkaSettings, topic: str, count: int) -> None:
    """Give a topic more partitions, ``count`` in all, and wait until the broker tells of them."""
    with admin_client(settings) as admin:
        admin.create_partitions({topic: count})
        while len(admin.describe_topics([topic])[0]["partitions"]) < count:
            time.sleep(0.02)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBroker]:
    """The session's broker, on a free port."""
    directory = tmp_path_factory.mktemp("broker")
    with LocalBroker(BrokerSettings(port=0), directory, jars_cache(), properties=SHORT_SESSIONS) as running:
        yield running


@pytest.fixture
def kafka_settings(broker: LocalBroker) -> KafkaSettings:
    """The session's broker with topic names that no other test has; nothing is created yet (``ensure_topics`` does)."""
    return prefixed(KafkaSettings(bootstrap=broker.bootstrap, partitions=2), f"test{next(_numbers)}")


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[LocalBroker]:
    """A broker for one test alone, to be killed and restarted; not started yet. Its directory has an awkward name."""
    directory = tmp_path / "bröker of one's own 🜚"
    alone = LocalBroker(BrokerSettings(port=0), directory, jars_cache(), properties=SHORT_SESSIONS)
    yield alone
    alone.stop()


@pytest.fixture
def swept(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """For tests in which Kafka refuses connections: kafka-python leaves such sockets to the garbage collector.

    They go with this test, so that no other test is blamed for them.
    """
    caplog.set_level(logging.CRITICAL, logger="kafka")  # a kept record would hold error, frames and socket
    warnings.filterwarnings("ignore", "unclosed <(ssl.SSLSocket|socket.socket)", ResourceWarning)  # ends with the test
    yield
    gc.collect()

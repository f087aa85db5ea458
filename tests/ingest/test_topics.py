"""Topics come to be as wanted, once, and what exists is left alone."""

from __future__ import annotations

import dataclasses

import pytest
from kafka.admin import ConfigResource, ConfigResourceType

from ingest.errors import TopicsMissing
from ingest.kafka import admin_client, end_offsets
from ingest.settings import KafkaSettings
from ingest.topics import ensure_topics, wanted_topics

CONFIGS = ("retention.ms", "max.message.bytes", "message.timestamp.type")


def configs_of(settings: KafkaSettings, topic: str) -> dict[str, str]:
    """What the broker says of a topic's configuration."""
    with admin_client(settings) as admin:
        described = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
    return {name: described["topic"][topic][name]["value"] for name in CONFIGS}


def test_missing_topics_are_created_and_named(kafka_settings: KafkaSettings) -> None:
    created = ensure_topics(kafka_settings)

    assert created == [topic.name for topic in wanted_topics(kafka_settings)]
    assert ensure_topics(kafka_settings) == []


def test_otlp_topics_have_the_wanted_partitions_and_ours_have_one(kafka_settings: KafkaSettings) -> None:
    ensure_topics(kafka_settings)

    partitions = [topic for topic, _ in end_offsets(kafka_settings, [t.name for t in wanted_topics(kafka_settings)])]

    assert {topic: partitions.count(topic) for topic in partitions} == {
        kafka_settings.spans_topic: 2,
        kafka_settings.metrics_topic: 2,
        kafka_settings.logs_topic: 2,
        kafka_settings.commits_topic: 1,
        kafka_settings.alerts_topic: 1,
        kafka_settings.dlq_topic: 1,
    }


def test_the_broker_times_otlp_records_and_takes_16_mib(kafka_settings: KafkaSettings) -> None:
    ensure_topics(dataclasses.replace(kafka_settings, retention_ms=3_600_000))

    assert configs_of(kafka_settings, kafka_settings.spans_topic) == {
        "retention.ms": "3600000",
        "max.message.bytes": "16777216",
        "message.timestamp.type": "LogAppendTime",
    }


def test_dead_letters_are_kept_for_seven_days(kafka_settings: KafkaSettings) -> None:
    ensure_topics(dataclasses.replace(kafka_settings, retention_ms=3_600_000))

    assert configs_of(kafka_settings, kafka_settings.dlq_topic)["retention.ms"] == "604800000"


def test_a_topic_that_exists_is_left_as_it_is(kafka_settings: KafkaSettings) -> None:
    with admin_client(kafka_settings) as admin:
        admin.create_topics({kafka_settings.spans_topic: {"num_partitions": 5}})

    created = ensure_topics(kafka_settings)

    assert kafka_settings.spans_topic not in created
    assert len(created) == 5
    assert len(end_offsets(kafka_settings, [kafka_settings.spans_topic])) == 5


def test_more_replicas_than_brokers_are_refused_with_the_reason(kafka_settings: KafkaSettings) -> None:
    with pytest.raises(TopicsMissing, match=r"(?i)replication factor.*ask who runs it for"):
        ensure_topics(dataclasses.replace(kafka_settings, replication=3))

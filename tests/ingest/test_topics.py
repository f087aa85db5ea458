"""Topics come to be as wanted, once."""

from __future__ import annotations

from kafka.admin import ConfigResource, ConfigResourceType

from ingest.kafka import admin_client, end_offsets, streams
from ingest.settings import KafkaSettings
from ingest.topics import ensure_topics, wanted_topics


def test_missing_topics_are_created_and_named(kafka_settings: KafkaSettings) -> None:
    created = ensure_topics(kafka_settings)

    assert created == [topic.name for topic in wanted_topics(kafka_settings)]
    assert ensure_topics(kafka_settings) == []

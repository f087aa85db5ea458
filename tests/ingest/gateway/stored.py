"""What stands in Kafka."""

from __future__ import annotations

from typing import Any

from kafka import KafkaConsumer, TopicPartition

from ingest.kafka import client_config, end_offsets
from ingest.settings import KafkaSettings

POLL_MS = 500


def stored(kafka: KafkaSettings, topic: str) -> list[Any]:
    """All records of a topic, partition by partition in the order of their offsets."""
    ends = {TopicPartition(*partition): end for partition, end in end_offsets(kafka, [topic]).items()}
    consumer = KafkaConsumer(**client_config(kafka), enable_auto_commit=False)
    try:
        consumer.assign(list(ends))
        consumer.seek_to_beginning(*ends)
        records: list[Any] = []
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            for batch in consumer.poll(timeout_ms=POLL_MS).values():
                records.extend(batch)
    finally:
        consumer.close(autocommit=False)
    return sorted(records, key=lambda record: (record.partition, record.offset))

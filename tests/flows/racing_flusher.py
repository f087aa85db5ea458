"""A process that flushes one partition in ranges of its own size, against another one that does the same."""

import random
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition

from ingest.kafka import client_config
from processors.engine import Engine
from processors.flush import Flusher
from processors.kafka import KafkaSink, KafkaStreams
from processors.messages import Message
from processors.metrics import WorkerMetrics
from spanledger.settings import Settings, load
from warehouse.lake import Lake, PartlyCommitted


def read_partition(settings: Settings, partition: int) -> list[Message]:
    """All messages of one partition of the spans topic."""
    consumer = KafkaConsumer(**client_config(settings.kafka), group_id=None, consumer_timeout_ms=2000)
    place = TopicPartition(settings.kafka.spans_topic, partition)
    consumer.assign([place])
    consumer.seek_to_beginning(place)
    found = [
        Message(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            received_at_us=record.timestamp * 1000,
            value=record.value,
        )
        for record in consumer
    ]
    consumer.close()
    return found


def main() -> None:
    """Flush partition 0 to its end."""
    settings, name = load(), sys.argv[1]
    chance = random.Random(name)
    data = Path(settings.data)
    data.mkdir(parents=True, exist_ok=True)
    sink = KafkaSink(settings.kafka, dlq_payload="raw")
    flusher = Flusher(
        lake=Lake.open(settings.lake),
        engine=Engine.of(settings.worker, user_key=b"k" * 32),
        sink=sink,
        streams=KafkaStreams(settings=settings.kafka),
        worker=name,
        metrics=WorkerMetrics(),
        now=lambda: datetime.now(UTC),
    )
    messages = read_partition(settings, 0)
    stream, done = (settings.kafka.spans_topic, 0), 0
    while done < len(messages):
        batch = [m for m in messages if m.offset >= done][: chance.randint(1, 4)]
        try:
            done = max(done, flusher.flush({stream: batch}, {stream: len(messages)}).released[stream])
        except PartlyCommitted:
            continue
        time.sleep(chance.uniform(0, 0.05))
    sink.close()


if __name__ == "__main__":
    main()

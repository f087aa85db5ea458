"""Replay straight to Kafka, on the real broker."""

from __future__ import annotations

import asyncio
from pathlib import Path

from kafka import KafkaConsumer

from ingest.kafka import client_config
from ingest.replay import KafkaSink, Plan, Sent, read_capture, send_captures
from ingest.settings import KafkaSettings
from ingest.topics import ensure_topics
from tests.ingest.gateway.serving import spans

BROKEN = b"\x0a\xff\xff"


def _replay(settings: KafkaSettings, *files: Path) -> list[Sent]:
    async def send() -> list[Sent]:
        async with KafkaSink(settings) as sink:
            return await send_captures([read_capture(str(file)) for file in files], sink, Plan())

    return asyncio.run(send())


def test_records_reach_the_topic_as_a_collector_would_write_them(kafka_settings: KafkaSettings, tmp_path: Path) -> None:
    ensure_topics(kafka_settings)
    (tmp_path / "good.pb").write_bytes(spans(3))
    (tmp_path / "bad.pb").write_bytes(BROKEN)

    sent = _replay(kafka_settings, tmp_path / "good.pb", tmp_path / "bad.pb")

    consumer = KafkaConsumer(
        kafka_settings.spans_topic,
        auto_offset_reset="earliest",
        consumer_timeout_ms=5_000,
        **client_config(kafka_settings),
    )
    with_values = {}
    for record in consumer:
        with_values[record.value] = (record.key, record.headers)
        if len(with_values) == 2:
            break
    consumer.close()
    headers = [("content-type", b"application/x-protobuf")]
    assert with_values == {spans(3): (None, headers), BROKEN: (None, headers)}
    assert [(one.accepted, one.spans) for one in sent] == [(1, 3), (1, None)]

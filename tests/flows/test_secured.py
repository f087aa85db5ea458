"""Gateway and worker on a cluster with TLS and passwords: the same settings let both in, and rows arrive."""

from __future__ import annotations

from pathlib import Path

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


def test_spans_come_through_a_secured_cluster(secured_settings: KafkaSettings, tmp_path: Path):
    kafka = prefixed(secured_settings, "flow")
    deployment = Deployment(kafka, tmp_path, environment=in_environment(access(kafka)))
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

"""``spanledger gateway`` as a process."""

import hashlib
import os
import re
import socket
import subprocess
import sys
import urllib.request

import pytest

from ingest.gateway.metrics import METRICS
from ingest.settings import KafkaSettings
from tests.ingest.gateway.serving import DATA, PROTOBUF, gateway_process, request
from tests.ingest.gateway.stored import stored


def run_verb(**variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {f"SPANLEDGER_{name}": value for name, value in variables.items()}
    command = [sys.executable, "-m", "spanledger", "gateway"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_it_serves_its_metrics_and_stamps_tenants_of_keys_from_the_environment(kafka_settings: KafkaSettings):
    keys = f"acme-prod=acme:{hashlib.sha256(b'secret').hexdigest()}"
    headers = {"Content-Type": PROTOBUF, "Authorization": "Bearer secret"}

    with gateway_process(kafka_settings, GATEWAY_API_KEYS=keys) as gateway:
        chat = (DATA / "chat.pb").read_bytes()
        taken = request(gateway.http_port, "POST", "/v1/traces", chat, headers).status
        refused = request(gateway.http_port, "POST", "/v1/traces", chat, {"Content-Type": PROTOBUF}).status
        page = urllib.request.urlopen(gateway.metrics_url, timeout=30).read().decode()
        code = gateway.terminate()
    (record,) = stored(kafka_settings, kafka_settings.spans_topic)

    assert (taken, refused, code) == (200, 401, 0)
    assert "open mode" not in gateway.ready
    assert dict(record.headers)["spanledger-tenant"] == b"acme"
    assert re.search(r'spanledger_gateway_items_total{.*signal="traces".*} 1\.0', page)
    assert re.search(r'spanledger_gateway_refused_total{.*protocol="http",reason="unauthenticated".*} 1\.0', page)
    shown = {metric.name for metric in METRICS if f"\n{metric.name}" in page}
    assert shown == {metric.name for metric in METRICS} - {"spanledger_gateway_rejected_items"}


def test_a_gateway_without_keys_says_that_it_is_open(kafka_settings: KafkaSettings):
    with gateway_process(kafka_settings) as gateway:
        code = gateway.terminate()

    assert code == 0
    assert gateway.ready.endswith("/metrics (open mode: no API keys)\n")


@pytest.mark.parametrize("setting", ["GRPC_PORT", "HTTP_PORT"])
def test_a_taken_port_is_one_line_and_exit_code_2(setting: str, kafka_settings: KafkaSettings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ports = {"GATEWAY_GRPC_PORT": "0", "GATEWAY_HTTP_PORT": "0", "GATEWAY_METRICS_PORT": "0"}
        ended = run_verb(KAFKA=kafka_settings.bootstrap, **(ports | {f"GATEWAY_{setting}": port}))

    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert f"127.0.0.1:{port}: the port is taken; set gateway.{setting.lower()}" in ended.stderr
    assert ended.stdout == ""


def test_open_mode_beyond_this_machine_is_refused_before_anything_is_touched():
    ended = run_verb(GATEWAY_HOST="0.0.0.0", GATEWAY_METRICS_PORT="0", KAFKA="127.0.0.1:1")

    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "set gateway.api_keys" in ended.stderr

"""A worker that is behind holds little, however much waits in Kafka, and loses nothing by it."""

import base64
import dataclasses
import random
import re
import time
import urllib.request
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanledger.stack import free_ports
from tests.flows.deployment import Deployment
from tests.flows.payloads import Payload, payload, text

MIB = 1024 * 1024
FLUSH_BYTES = 16 * MIB
LARGE, MESSAGES = 8 * MIB, 40
NOISE = base64.b64encode(random.Random(1).randbytes(LARGE * 3 // 4)).decode()
HELD_AT_MOST = 2 * FLUSH_BYTES + 8 * MIB + LARGE  # what pauses, and a last batch
GROWTH_MIB = 220  # measured 145: what is held, a flush at work, an answer of the broker; 320 wait


def large(number: int) -> Payload:
    """A payload of LARGE bytes that do not shrink."""
    small = payload(number)
    request = ExportTraceServiceRequest.FromString(small.value)
    request.resource_spans[0].scope_spans[0].spans[0].attributes.append(text("gen_ai.input.messages", NOISE))
    return dataclasses.replace(small, value=request.SerializeToString())


def resident_mib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = re.search(r"VmRSS:\s+(\d+)", status)
    assert found
    return int(found[1]) // 1024


def measured(port: int, name: str) -> float:
    """The value of a metric; 0 while it has none."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        found = re.search(rf"^spanledger_worker_{name}(?:{{.*}})? (\S+)$", answer.read().decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


@pytest.mark.long
def test_large_messages_stay_in_kafka_while_the_lake_is_away_and_all_arrive_once_it_is_back(deployment: Deployment):
    (port,) = free_ports(1)
    deployment.environment |= {
        "SPANLEDGER_WORKER_FLUSH_BYTES": str(FLUSH_BYTES),
        "SPANLEDGER_WORKER_METRICS_PORT": str(port),
    }
    away = deployment.directory / "away"
    away.touch()
    deployment.send([payload(1)])
    worker = deployment.start(["tests.flows.lakeless_worker", str(away)])
    deployment.wait(lambda: b"cannot commit" in deployment.log.read_bytes(), "a worker that has read and cannot write")
    before = resident_mib(worker.pid)
    deployment.send(large(n) for n in range(2, MESSAGES + 2))
    deployment.wait(lambda: measured(port, "pauses_total") > 0, "a pause")
    resident, held = [], []
    for _ in range(15):
        resident.append(resident_mib(worker.pid))
        held.append(measured(port, "held_bytes"))
        time.sleep(0.1)

    away.unlink()

    deployment.wait_for_rows((MESSAGES + 1) * 20)
    deployment.wait(lambda: measured(port, "held_bytes") == 0, "nothing in hand")
    resident.append(resident_mib(worker.pid))
    deployment.stop()
    deployment.verify()
    assert FLUSH_BYTES < max(held) <= HELD_AT_MOST
    assert max(resident) - before < GROWTH_MIB


@pytest.mark.alone
@pytest.mark.parametrize("flush", [{"SPANLEDGER_WORKER_FLUSH_BYTES": "20000"}, {"SPANLEDGER_WORKER_FLUSH_SPANS": "40"}])
def test_workers_come_and_go_while_partitions_are_paused(deployment: Deployment, flush: dict[str, str]):
    """A flush is two messages; the first worker's lake is away whenever the second one comes or goes."""
    (port,) = free_ports(1)
    deployment.environment |= {
        **flush,
        "SPANLEDGER_WORKER_METRICS_PORT": str(port),
    }
    away = deployment.directory / "away"
    away.touch()
    deployment.send([payload(n) for n in range(20)])
    deployment.start(["tests.flows.lakeless_worker", str(away)])
    deployment.wait(lambda: b"cannot commit" in deployment.log.read_bytes(), "a worker that has read and cannot write")
    deployment.wait(lambda: measured(port, "pauses_total") > 0, "a pause before the second worker comes")
    second = deployment.start_worker()
    deployment.wait(lambda: b"wait_empty" in deployment.log.read_bytes(), "partitions asked back while they are paused")
    away.unlink()
    deployment.wait_for_rows(400)
    away.touch()
    before = measured(port, "pauses_total")
    for number in range(20, 60):
        deployment.send([payload(number)])
    deployment.wait(lambda: measured(port, "pauses_total") > before, "a pause before the second worker goes")
    second.terminate()
    second.wait(30)
    away.unlink()
    deployment.send([payload(n) for n in range(60, 80)])

    deployment.wait_for_rows(1600)
    deployment.stop()
    deployment.verify()

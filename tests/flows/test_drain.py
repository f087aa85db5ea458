"""SIGTERM drains: what a worker has read is flushed and acknowledged before it ends, however long it might wait."""

import re
import time
import urllib.request

import pytest

from tests.flows.deployment import Deployment
from tests.flows.payloads import payload

NEVER_S = "600"
RECEIVED = re.compile(r"^spanledger_worker_received_messages_total\{.*\} (\d+)", re.MULTILINE)


def received(deployment: Deployment) -> int:
    """Messages that the worker has read, by its metrics."""
    [url] = re.findall(r"metrics=(\S+)", deployment.log.read_text())
    with urllib.request.urlopen(url, timeout=10) as answer:
        return sum(map(int, RECEIVED.findall(answer.read().decode())))


@pytest.mark.alone
def test_what_waits_for_its_flush_is_in_the_lake_when_a_stopped_worker_has_ended(deployment: Deployment):
    deployment.environment["SPANLEDGER_WORKER_FLUSH_SECONDS"] = NEVER_S
    deployment.send([payload(number) for number in range(3)])
    worker = deployment.start_worker()
    deployment.wait(
        lambda: deployment.log.exists() and b"Worker ready" in deployment.log.read_bytes(), "a ready worker"
    )
    deployment.wait(lambda: received(deployment) == 3, "three messages read")
    rows_before = deployment.rows()

    began = time.monotonic()
    worker.terminate()
    code = worker.wait(30)

    assert (code, rows_before) == (0, 0)
    assert time.monotonic() - began < 10
    deployment.verify()

"""A worker stops when it is told to, whatever is away."""

import signal
from pathlib import Path

import pytest

from ingest.broker import LocalBroker
from ingest.settings import KafkaSettings
from tests.flows.deployment import Deployment
from tests.flows.payloads import payload
from tests.kafka import prefixed


@pytest.mark.long
@pytest.mark.usefixtures("swept")
def test_a_worker_whose_broker_is_away_ends_in_time_after_sigterm_and_says_so(own_broker: LocalBroker, tmp_path: Path):
    own_broker.start()
    deployment = Deployment(
        prefixed(KafkaSettings(bootstrap=own_broker.bootstrap, partitions=2), "stopping"), tmp_path / "deployment"
    )
    deployment.directory.mkdir()
    deployment.environment["SPANLEDGER_WORKER_DRAIN_SECONDS"] = "2"
    deployment.send([payload(1)])
    worker = deployment.start_worker()
    deployment.wait_for_rows(20)
    own_broker.kill()

    worker.send_signal(signal.SIGTERM)

    assert worker.wait(20) == 0
    log = deployment.log.read_text()
    assert log.count("Unable connect to node") < 10


@pytest.mark.long
def test_a_worker_that_is_told_to_stop_commits_and_acknowledges_what_it_has(deployment: Deployment):
    deployment.environment["SPANLEDGER_WORKER_FLUSH_SECONDS"] = "30"
    deployment.send([payload(1)])
    worker = deployment.start_worker()
    deployment.wait(lambda: b"Worker ready" in deployment.log.read_bytes(), "a worker that reads")
    deployment.send([payload(2)])

    worker.send_signal(signal.SIGTERM)

    assert worker.wait(30) == 0
    deployment.environment["SPANLEDGER_WORKER_FLUSH_SECONDS"] = "0.3"
    deployment.start_worker()
    deployment.wait_for_rows(40)
    deployment.stop()
    deployment.verify()

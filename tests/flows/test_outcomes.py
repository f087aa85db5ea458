"""Outcomes over HTTP and as OTLP logs, through gateway, Kafka and worker to the lake: each exactly once."""

from __future__ import annotations

from collections import Counter

import pytest

from ingest.delivery import wait_acknowledged
from ingest.kafka import make_producer
from ingest.topics import ensure_topics
from tests.flows.deployment import Deployment
from tests.flows.payloads import payload
from tests.flows.test_faults import dead_letters
from tests.processors.logs import SECRET, logs, record

POISON = b"\xff\xff not a log at all"


def event(name: str) -> bytes:
    """A request with one outcome and one record that is none."""
    told = {"spanledger.outcome.name": name, "spanledger.outcome.score": 1.0}
    return logs(record("spanledger.outcome", told), record("app.log")).SerializeToString()


def put(deployment: Deployment, values: list[bytes]) -> None:
    """Put messages on the logs topic, as a Collector does, and wait for Kafka's acknowledgement."""
    ensure_topics(deployment.kafka)
    producer = make_producer(deployment.kafka)
    try:
        wait_acknowledged([producer.send(deployment.kafka.logs_topic, value=value) for value in values], timeout_s=30)
    finally:
        producer.close()


def names(deployment: Deployment) -> Counter[str]:
    """Names of the outcomes in the lake."""
    return Counter(deployment.table("outcomes", ["name"])["name"].to_pylist())


@pytest.mark.timeout(300)
def test_logs_beside_spans_reach_the_lake_exactly_once_through_kills_of_the_worker(deployment: Deployment):
    expected: Counter[str] = Counter()
    for number, step in enumerate(["outcomes committed", "spans committed", "committed"]):
        told = [f"round-{number}-{i}" for i in range(5)]
        deployment.send([payload(number)])
        put(deployment, [*map(event, told), POISON])
        expected.update(told)
        crashed = deployment.start_worker(exit_after=step)
        assert crashed.wait(60) == 9, f"no flush reached the step {step!r}"

    deployment.start_worker()
    deployment.wait(lambda: names(deployment).total() >= expected.total(), "all outcomes")
    deployment.wait_for_rows(len(deployment.acknowledged))
    deployment.stop()

    assert names(deployment) == expected
    deployment.verify()
    assert {letter for letter in dead_letters(deployment.kafka)} == {("bad_payload", POISON)}
    assert SECRET not in str(deployment.table("outcomes").to_pylist())

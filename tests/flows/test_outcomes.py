"""Outcomes over HTTP and as OTLP logs, through gateway, Kafka and worker to the lake: each exactly once."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

import pytest

from ingest.delivery import wait_acknowledged
from ingest.kafka import admin_client, make_producer
from ingest.topics import ensure_topics
from tests.flows.deployment import Deployment
from tests.flows.entrance import gateway_of
from tests.flows.payloads import payload
from tests.flows.test_faults import dead_letters
from tests.ingest.gateway.serving import JSON, PROTOBUF, Answer, GatewayProcess, request
from tests.processors.logs import SECRET, logs, record

OTLP = {"Content-Type": PROTOBUF}
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


@pytest.mark.long
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
    assert set(dead_letters(deployment.kafka)) == {("bad_payload", POISON)}
    assert SECRET not in str(deployment.table("outcomes").to_pylist())


def posted(gateway: GatewayProcess, outcomes: list[dict[str, object]], key: str) -> Answer:
    """One request to the gateway."""
    headers = {"Content-Type": JSON, "x-api-key": key}
    return request(gateway.http_port, "POST", "/v1/outcomes", json.dumps(outcomes).encode(), headers)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_outcomes_over_http_and_logs_over_otlp_are_in_the_lake_once_after_a_kill_of_the_worker(deployment: Deployment):
    keys = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("acme", "globex")}
    setting = ",".join(f"{name}={name}:{sha256}" for name, sha256 in keys.items())
    told = {"name": "helpful", "score": 1, "task_id": "T"}
    with gateway_of(deployment, GATEWAY_API_KEYS=setting) as gateway:
        first = deployment.start_worker()
        for number in range(10):
            one = {**told, "outcome_id": str(number)}
            assert posted(gateway, [one, {"name": 7}], "acme").status == 200
            assert posted(gateway, [one], "globex").status == 200
            exported = request(
                gateway.http_port, "POST", "/v1/logs", event(f"log-{number}"), OTLP | {"x-api-key": "acme"}
            )
            assert exported.status == 200
            if number == 5:
                deployment.wait(lambda: names(deployment).total() > 0, "a first outcome")
                deployment.kill(first)
        assert posted(gateway, [{**told, "outcome_id": "0"}], "acme").status == 200  # a client's retry
        refused = posted(gateway, [told], "nobody")

    deployment.start_worker()
    deployment.wait(lambda: names(deployment).total() >= 31, "all outcomes")
    deployment.stop()

    rows = deployment.table("outcomes").to_pylist()
    helpful = [row for row in rows if row["name"] == "helpful"]
    assert refused.status == 401
    assert names(deployment) == Counter({"helpful": 21, **{f"log-{number}": 1 for number in range(10)}})
    assert Counter(row["tenant"] for row in rows) == {"acme": 21, "globex": 10}
    assert len({row["outcome_id"] for row in helpful}) == 20
    assert {row["source_topic"] for row in rows} == {deployment.kafka.logs_topic}


@pytest.mark.long
def test_a_worker_beside_a_kafka_that_has_spans_alone_makes_the_topic_of_logs_and_reads_both(deployment: Deployment):
    with admin_client(deployment.kafka) as admin:  # with partitions of its own number, as somebody else made it
        admin.create_topics({deployment.kafka.spans_topic: {"num_partitions": 3, "replication_factor": 1}})
        admin.wait_for_topics([deployment.kafka.spans_topic])
    deployment.start_worker()
    deployment.wait(lambda: has_topic(deployment.kafka.logs_topic, deployment), "the topic of logs")

    deployment.send([payload(1), payload(2)])
    put(deployment, [event("one"), event("two")])

    deployment.wait(lambda: names(deployment).total() >= 2, "two outcomes")
    deployment.wait_for_rows(40)
    deployment.stop()
    assert names(deployment) == Counter(one=1, two=1)
    deployment.verify()


def has_topic(name: str, deployment: Deployment) -> bool:
    """Whether Kafka has a topic."""
    with admin_client(deployment.kafka) as admin:
        return name in admin.list_topics()

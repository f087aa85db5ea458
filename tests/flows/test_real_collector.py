"""``deploy/otel-collector.yaml`` on a real Collector: it loses nothing that it has accepted, and doubles little.

What the stock settings lose stands here too, so that docs/collector.md stays true.
"""

from __future__ import annotations

import collections
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ingest.broker import LocalBroker
from ingest.kafka import end_offsets
from ingest.settings import KafkaSettings
from ingest.topics import ensure_topics
from tests.flows.collector import PROGRAM, ROOT, Collector, running
from tests.flows.deployment import Deployment
from tests.flows.payloads import COST_USD, Payload, payload, text
from tests.kafka import prefixed
from tests.patience import PATIENCE_S

pytestmark = [pytest.mark.extra, pytest.mark.timeout(400)]

AWAY_S = 30.0
BATCH_BYTES, MESSAGE_BYTES = 4_000_000, 10_000_000  # as the configuration has them
STOCK = """
receivers: {otlp: {protocols: {http: {endpoint: "${env:COLLECTOR_HTTP}"}}}}
processors: {batch: {}}
exporters: {kafka: {brokers: ["${env:SPANLEDGER_KAFKA}"], traces: {topic: "${env:SPANLEDGER_KAFKA_SPANS_TOPIC}"}}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {traces: {receivers: [otlp], processors: [batch], exporters: [kafka]}}
"""


@pytest.fixture
def own(own_broker: LocalBroker, tmp_path: Path) -> Iterator[Deployment]:
    """A deployment on a broker that may be killed."""
    own_broker.start()
    kafka = prefixed(KafkaSettings(bootstrap=own_broker.bootstrap, partitions=2), "own")
    made = Deployment(kafka, tmp_path / "deployment")
    made.directory.mkdir()
    yield made
    made.stop()


def before(deployment: Deployment, tmp_path: Path, **kwargs: object) -> Collector:
    """A Collector in front of a deployment."""
    ensure_topics(deployment.kafka)
    return Collector(deployment.kafka, tmp_path, **kwargs)  # type: ignore[arg-type]  # a test's own words


def post(collector: Collector, deployment: Deployment, sent: Payload) -> None:
    """Send, and count what was accepted; what is refused would be sent again by a client."""
    assert collector.post(sent.value) == 200
    deployment.acknowledged += sent.ids


def land(deployment: Deployment) -> collections.Counter[tuple[bytes, bytes]]:
    """Run a worker until every accepted span has landed; rows by span."""
    wanted = set(deployment.acknowledged)
    deployment.start_worker()
    deployment.wait(lambda: wanted <= set(rows(deployment)), f"{len(wanted)} different spans")
    deployment.stop()
    return rows(deployment)


def rows(deployment: Deployment) -> collections.Counter[tuple[bytes, bytes]]:
    """Rows of ``spans`` by ids."""
    spans = deployment.table("spans", ["trace_id", "span_id"])
    return collections.Counter(zip(spans["trace_id"].to_pylist(), spans["span_id"].to_pylist(), strict=True))


def large(number: int, *, spans: int, content_bytes: int) -> Payload:
    """A request whose spans carry content."""
    made = payload(number, spans=spans)
    request = ExportTraceServiceRequest.FromString(made.value)
    for span in request.resource_spans[0].scope_spans[0].spans:
        span.attributes.append(text("gen_ai.input.messages", "x" * content_bytes))
    return Payload(request.SerializeToString(), made.ids)


def test_a_broker_that_is_away_for_30_s_costs_nothing_and_doubles_nothing(
    own: Deployment, own_broker: LocalBroker, tmp_path: Path
):
    with running(before(own, tmp_path)) as collector:
        for number in range(20):
            post(collector, own, payload(number))
        own_broker.kill()
        until, number = time.monotonic() + AWAY_S, 20
        while time.monotonic() < until:
            post(collector, own, payload(number))
            number += 1
            time.sleep(0.1)
        own_broker.start()
        found = land(own)

    assert len(own.acknowledged) > 20 * 100
    assert found == collections.Counter(own.acknowledged)
    own.verify()


def test_a_collector_killed_while_the_broker_is_away_sends_everything_after_its_next_start(
    own: Deployment, own_broker: LocalBroker, tmp_path: Path
):
    collector = before(own, tmp_path)
    collector.start()
    for number in range(10):
        post(collector, own, payload(number))
    own_broker.kill()
    for number in range(10, 60):
        post(collector, own, payload(number))
    collector.kill()
    own_broker.start()

    with running(collector):
        found = land(own)

    assert set(found) == set(own.acknowledged)
    once = {ids for ids, count in found.items() if count == 1}
    assert set(own.acknowledged[-1000:]) <= once  # what never was at Kafka cannot be there twice


def test_a_collector_killed_under_load_loses_nothing_that_it_accepted(deployment: Deployment, tmp_path: Path):
    collector = before(deployment, tmp_path)
    for turn in range(4):
        collector.start()
        for number in range(turn * 1000, turn * 1000 + 50):
            post(collector, deployment, payload(number))
        collector.kill()

    with running(collector):
        found = land(deployment)

    assert set(found) == set(deployment.acknowledged)
    spans = deployment.table("spans", ["trace_id", "span_id", "billable", "cost_usd"]).to_pylist()
    billed = {(row["trace_id"], row["span_id"]): row["cost_usd"] for row in spans if row["billable"]}
    assert billed == dict.fromkeys(deployment.acknowledged, COST_USD)  # each once, told twice or not


def test_22_mb_at_once_come_in_messages_that_kafka_and_a_worker_take(deployment: Deployment, tmp_path: Path):
    with running(before(deployment, tmp_path)) as collector:
        for number in range(5):
            post(collector, deployment, large(number, spans=1500, content_bytes=2800))
        found = land(deployment)

    assert found == collections.Counter(deployment.acknowledged)
    spans = deployment.table("spans", ["source_partition", "source_offset"]).to_pylist()
    by_record = collections.Counter(tuple(row.values()) for row in spans)
    assert max(by_record.values()) * 3000 < BATCH_BYTES * 1.2 < MESSAGE_BYTES


def test_a_request_larger_than_a_message_is_split(deployment: Deployment, tmp_path: Path):
    with running(before(deployment, tmp_path)) as collector:
        post(collector, deployment, large(1, spans=3700, content_bytes=2800))  # 11.6 MB
        found = land(deployment)

    assert found == collections.Counter(deployment.acknowledged)
    assert sum(end_offsets(deployment.kafka, [deployment.kafka.spans_topic]).values()) > 1


def test_a_request_that_a_client_repeats_is_billed_once(deployment: Deployment, tmp_path: Path):
    twice = payload(1)
    patient = (
        "--set=exporters.kafka.sending_queue.batch.flush_timeout=3s"  # all three in one batch, however slow we are
    )
    with running(before(deployment, tmp_path, flags=(patient,))) as collector:
        for sent in (twice, payload(2), twice):
            post(collector, deployment, sent)
        found = land(deployment)

    assert found == collections.Counter(deployment.acknowledged)
    spans = deployment.table("spans", ["trace_id", "span_id", "billable"]).to_pylist()
    billed = collections.Counter((row["trace_id"], row["span_id"]) for row in spans if row["billable"])
    assert billed == collections.Counter([*twice.ids, *payload(2).ids])


def test_the_tenant_is_the_front_s_word_and_never_mixed_with_another(deployment: Deployment, tmp_path: Path):
    deployment.environment["SPANLEDGER_WORKER_TRUST_SPAN_TENANT"] = "no_topic"
    with running(before(deployment, tmp_path)) as collector:
        for number in range(40):
            sent = payload(number, tenant="what-the-span-says")
            assert collector.post(sent.value, tenant=f"tenant-{number % 2}") == 200
            deployment.acknowledged += sent.ids
        nobodys = payload(100, tenant="what-the-span-says")
        post(collector, deployment, nobodys)
        land(deployment)

    wanted = {ids: f"tenant-{number % 2}" for number in range(40) for ids in payload(number).ids}
    spans = deployment.table("spans", ["trace_id", "span_id", "tenant"]).to_pylist()
    found = {(row["trace_id"], row["span_id"]): row["tenant"] for row in spans}
    assert found == {**wanted, **dict.fromkeys(nobodys.ids)}


def test_who_does_not_hold_the_front_s_token_is_refused(deployment: Deployment, tmp_path: Path):
    with running(before(deployment, tmp_path)) as collector:
        assert collector.post(payload(1).value, token="guessed", tenant="acme") == 401
        post(collector, deployment, payload(2))
        found = land(deployment)

    assert set(found) == set(payload(2).ids)


@pytest.mark.parametrize(
    ("config", "lands"), [("stock", False), ("ours", True)], ids=["stock settings lose it", "ours do not"]
)
def test_a_batch_of_8192_spans_of_1_5_kb_is_accepted_and(
    deployment: Deployment, tmp_path: Path, config: str, lands: bool
):
    """The trap: the client hears OK, and the batch processor's 12 MB are more than the exporter's 1 MB."""
    stock = tmp_path / "stock.yaml"
    stock.write_text(STOCK)
    collector = before(deployment, tmp_path, **({"config": stock} if config == "stock" else {}))
    with running(collector):
        for number in range(8):
            post(collector, deployment, large(number, spans=1024, content_bytes=1200))
        if lands:
            assert land(deployment) == collections.Counter(deployment.acknowledged)
        else:
            wait_for(lambda: "Dropping data" in collector.log.read_text(), "the Collector drops it")
            assert sum(end_offsets(deployment.kafka, [deployment.kafka.spans_topic]).values()) == 0


@pytest.mark.timeout(1200)
def test_captures_land_by_every_way_as_sent_directly_also_when_the_gateway_is_killed():
    command = [sys.executable, "-m", "deploy.collector.check", str(PROGRAM)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)

    assert done.returncode == 0, done.stdout
    assert "verdict: everything agrees" in done.stdout


def wait_for(reached: Callable[[], bool], what: str, within_s: float = PATIENCE_S) -> None:
    """Poll."""
    until = time.monotonic() + within_s
    while not reached():
        assert time.monotonic() < until, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.2)

"""What a Collector's ``kafka`` exporter and its kin put on the topic, past any gateway, lands in the lake.

Records have no key and no headers, fields stand in the Collector's order, compression is the sender's own, and a record
holds one span or thousands. Two lakes read the same topic: one worker trusts it to name tenants, the other does not.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ingest.settings import MIB, KafkaSettings
from ingest.topics import ensure_topics
from tests.flows.contents import leaked
from tests.flows.deployment import Deployment
from tests.flows.entrance import Raw, drain, put
from tests.flows.payloads import COST_USD, payload, text
from tests.kafka import prefixed
from tests.processors.captures import Capture, load, unexplained
from tests.processors.otlp import collected, in_json

CONTENT = "a prompt that nobody may keep " * 80
TENANT = "from-the-span"
Ids = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A record, and the ids of the spans in it."""

    record: Raw
    ids: Ids


def request(number: int, spans: int) -> tuple[ExportTraceServiceRequest, Ids]:
    """The export request of this number, and its ids."""
    made = payload(number, spans=spans, tenant=TENANT)
    return ExportTraceServiceRequest.FromString(made.value), made.ids


def from_collector(number: int, *, spans: int = 20, compression: str | None = None, content: str = "") -> Sent:
    """Protobuf in the Collector's order of fields; every span carries ``content``."""
    made, ids = request(number, spans)
    for span in made.resource_spans[0].scope_spans[0].spans if content else ():
        span.attributes.append(text("gen_ai.input.messages", content))
    return Sent(record=Raw(value=collected(made), compression=compression), ids=ids)


def as_json(number: int, *, bare: bool) -> Sent:
    """OTLP/JSON: a request, or the bare array of its resource spans, as rotel writes it."""
    made, ids = request(number, 20)
    written = in_json(made)
    return Sent(record=Raw(value=json.dumps(written["resourceSpans"] if bare else written).encode()), ids=ids)


ONE_KEY = {"SPANLEDGER_WORKER_USER_KEY": "5e" * 32}
"""What is hashed is the same in both lakes."""
RECORDS: dict[str, Callable[[], Sent]] = {
    "not compressed": lambda: from_collector(1),
    "gzip": lambda: from_collector(2, compression="gzip"),
    "snappy": lambda: from_collector(3, compression="snappy"),
    "lz4": lambda: from_collector(4, compression="lz4"),
    "zstd": lambda: from_collector(5, compression="zstd"),
    "one span": lambda: from_collector(6, spans=1),
    "8,000 spans": lambda: from_collector(7, spans=8_000, compression="zstd"),
    "more than 10 MB": lambda: from_collector(8, spans=4_500, content=CONTENT),
    "a JSON request": lambda: as_json(9, bare=False),
    "a bare JSON array": lambda: as_json(10, bare=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """Rows of the two lakes by name of the record; captures by the file's name."""

    trusting: Deployment
    sent: dict[str, Sent]
    captures: list[Capture]
    rows: dict[str, list[dict[str, Any]]]
    doubted: dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def landed(bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Landed:
    """Put all records on one topic and wait for both lakes."""
    kafka = prefixed(KafkaSettings(bootstrap=bootstrap, partitions=2), "collector")
    trusting = Deployment(kafka, tmp_path_factory.mktemp("trusting"), environment=ONE_KEY)
    doubting = Deployment(
        kafka,
        tmp_path_factory.mktemp("doubting"),
        environment={**ONE_KEY, "SPANLEDGER_WORKER_TRUST_SPAN_TENANT": "another_topic"},
    )
    sent = {name: make() for name, make in RECORDS.items()}
    captures = load("collector-pb")
    records = [one.record for one in sent.values()] + [Raw(value=capture.value) for capture in captures]
    ensure_topics(kafka)
    names = [*sent, *(capture.name for capture in captures)]
    places = dict(zip(put(kafka, records), names, strict=True))
    fill(trusting, doubting)
    rows, doubted = (rows_by_record(deployment, places) for deployment in (trusting, doubting))
    return Landed(trusting=trusting, sent=sent, captures=captures, rows=rows, doubted=doubted)


def fill(*deployments: Deployment) -> None:
    """Run a worker of each until its lake has everything."""
    for deployment in deployments:
        deployment.start_worker()
    try:
        for deployment in deployments:
            drain(deployment)
    finally:
        for deployment in deployments:
            deployment.stop()


def rows_by_record(deployment: Deployment, places: dict[tuple[int, int], str]) -> dict[str, list[dict[str, Any]]]:
    """Rows of ``spans`` by the name of their record."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in places.values()}
    for row in deployment.table("spans").to_pylist():
        rows[places[row["source_partition"], row["source_offset"]]].append(row)
    return rows


def test_the_largest_record_is_one_that_kafka_takes_but_barely(landed: Landed):
    sizes = [len(sent.record.value) for sent in landed.sent.values()]

    assert 10 * MIB < max(sizes) < 16 * MIB


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_lands_whole_and_priced_under_the_tenant_of_its_spans(landed: Landed, name: str):
    rows = landed.rows[name]

    assert sorted((row["trace_id"], row["span_id"]) for row in rows) == sorted(landed.sent[name].ids)
    assert {(row["billable"], row["cost_usd"], row["tenant"], row["feature"]) for row in rows} == {
        (True, COST_USD, TENANT, "support")
    }


def test_bytes_of_a_real_collector_come_to_the_calls_of_the_truth(landed: Landed):
    billed = {name: [row for row in rows if row["billable"]] for name, rows in landed.rows.items()}

    wrong = {c.name: found for c in landed.captures if (found := unexplained(c.calls, billed[c.name]))}
    assert wrong == {}


def test_a_topic_that_is_not_trusted_names_no_tenant_and_loses_nothing_else(landed: Landed):
    def without_tenant(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        told = ({**row, "tenant": None, "tenant_rank": None} for row in rows)
        return sorted(told, key=lambda row: (row["trace_id"], row["span_id"]))

    assert {row[name] for rows in landed.doubted.values() for row in rows for name in ("tenant", "tenant_rank")} == {
        None
    }
    for name in landed.sent:
        assert landed.doubted[name] != []
        assert without_tenant(landed.doubted[name]) == without_tenant(landed.rows[name])


def test_no_content_is_kept_or_logged(landed: Landed):
    assert leaked([CONTENT.strip().split(" that ")[0]], landed.trusting) == []

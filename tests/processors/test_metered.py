"""Metrics that count tokens become samples, never usage; all other metrics are counted and left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from processors import metered
from processors.conventions.table import read_rows
from processors.decode.token_metrics import TOKEN_TYPES, token_metrics
from processors.engine import Engine, process_range
from processors.messages import Message, Processed
from processors.settings import WorkerSettings
from tests.processors.otlp import RECEIVED_US, START_NS, attributes
from warehouse.schemas import TABLES

ENGINE = Engine.of(WorkerSettings(), user_key=bytes(32))
CAPTURES = Path(__file__).parent.parent / "data" / "captures" / "metrics"
ATTRIBUTES = {"gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini", "gen_ai.operation.name": "chat"}
DELTA, CUMULATIVE = 1, 2
MINUTE_NS = 60_000_000_000


def message(value: bytes, **fields: Any) -> Message:
    plain = {"topic": "otlp_metrics", "partition": 0, "offset": 4, "received_at_us": RECEIVED_US, "tenant": "acme"}
    return Message(value=value, **(plain | fields))


def request(*metrics: Metric, service: str = "shop") -> bytes:
    resource = Resource(attributes=attributes({"service.name": service}))
    scopes = [ScopeMetrics(metrics=metrics)]
    return ExportMetricsServiceRequest(
        resource_metrics=[ResourceMetrics(resource=resource, scope_metrics=scopes)]
    ).SerializeToString()


def usage(tokens: float, kind: str | None = "input", *, count: int = 3, temporality: int = CUMULATIVE) -> Metric:
    given = ATTRIBUTES | ({"gen_ai.token.type": kind} if kind else {})
    point = HistogramDataPoint(
        attributes=attributes(given),
        start_time_unix_nano=START_NS - MINUTE_NS,
        time_unix_nano=START_NS,
        sum=tokens,
        count=count,
    )
    data = Histogram(aggregation_temporality=temporality, data_points=[point])
    return Metric(name="gen_ai.client.token.usage", histogram=data)


def counter(name: str, tokens: int) -> Metric:
    point = NumberDataPoint(attributes=attributes(ATTRIBUTES), time_unix_nano=START_NS, as_int=tokens)
    return Metric(name=name, sum=Sum(aggregation_temporality=DELTA, data_points=[point]))


def read(*messages: Message) -> Processed:
    return process_range(messages, ENGINE)


def samples(*messages: Message) -> list[dict[str, Any]]:
    return list(read(*messages).tables["token_samples"].to_pylist())


def test_a_histogram_of_tokens_becomes_a_sample_of_its_kind():
    (row,) = samples(message(request(usage(1200.0))))

    named = [row[name] for name in ("tenant", "service", "provider", "model", "operation", "token_type")]
    assert named == ["acme", "shop", "openai", "gpt-4o-mini", "chat", "input"]
    assert (row["tokens"], row["calls"], row["cumulative"]) == (1200, 3, True)
    assert (row["sampled_at"] - row["counted_since"]).total_seconds() == 60
    assert (row["source_offset"], row["received_at"].timestamp()) == (4, RECEIVED_US / 1e6)


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, kind in token_metrics().items() if kind])
def test_a_counter_has_its_kind_in_its_name_and_tells_no_calls(name: str, kind: str):
    (row,) = samples(message(request(counter(name, 7))))

    assert (row["token_type"], row["tokens"], row["calls"], row["cumulative"]) == (kind, 7, None, False)


def test_metrics_never_make_usage_or_spans_and_others_are_counted():
    other = Metric(name="http.server.request.duration", histogram=Histogram())

    made = read(message(request(usage(5), other)))

    assert {name for name, table in made.tables.items() if table.num_rows} == {"token_samples"}
    assert (made.ignored, made.dropped) == (1, {})


def test_without_a_header_the_topic_is_trusted_to_name_the_tenant():
    value = request(usage(5), service="shop")
    named = ExportMetricsServiceRequest.FromString(value)
    named.resource_metrics[0].resource.attributes.extend(attributes({"tenant.id": "globex"}))

    (row,) = samples(message(named.SerializeToString(), tenant=None))

    assert row["tenant"] == "globex"


def test_points_of_one_series_share_its_name_and_others_do_not():
    first, later, other, elsewhere = (
        samples(message(request(metric, service=service)))[0]["series"]
        for metric, service in (
            (usage(5), "shop"),
            (usage(9, count=4), "shop"),
            (usage(5, "output"), "shop"),
            (usage(5), "desk"),
        )
    )

    assert first == later
    assert len({first, other, elsewhere}) == 3


@pytest.mark.parametrize(
    "bad",
    [
        usage(-1.0),
        usage(1.5),
        usage(float("nan")),
        usage(float("inf")),
        usage(5, None),
        usage(5, "thoughts"),
        usage(5, temporality=0),
    ],
    ids=["negative", "half a token", "NaN", "infinite", "no kind", "unknown kind", "no temporality"],
)
def test_a_point_that_tells_no_count_is_dropped_and_counted_and_its_neighbour_stands(bad: Metric):
    made = read(message(request(bad, usage(5))))

    assert made.tables["token_samples"]["tokens"].to_pylist() == [5]
    assert made.dropped == {"bad_point": 1}


@pytest.mark.parametrize(
    ("value", "reason"), [(b"\xff\xff\xff", "bad_payload"), (b"{", "bad_payload"), (b"", "empty"), (b"{}", "empty")]
)
def test_what_holds_no_metrics_is_a_dead_letter(value: bytes, reason: str):
    made = read(message(value))

    assert [letter.reason.value for letter in made.dead] == [reason]


def test_json_says_the_same_as_protobuf():
    value = request(usage(1200.0), counter("vllm:prompt_tokens_total", 9))
    in_json = MessageToJson(ExportMetricsServiceRequest.FromString(value)).encode()

    assert samples(message(in_json)) == samples(message(value))
    assert samples(message(b"[" + in_json + b"]")) == samples(message(value))


@pytest.mark.parametrize("name", sorted(path.name for path in CAPTURES.glob("*-metrics.*")))
def test_a_real_export_of_two_calls_tells_the_tokens_that_its_server_answered(name: str):
    by_kind: dict[str, int] = {}
    for row in samples(message((CAPTURES / name).read_bytes())):
        by_kind[row["token_type"]] = by_kind.get(row["token_type"], 0) + row["tokens"]

    assert by_kind == {"input": 2 * 1200, "output": 2 * 345}


def test_the_table_is_in_its_schema_and_kinds_are_known():
    assert read(message(request(usage(5)))).tables["token_samples"].schema == TABLES["token_samples"].schema
    assert {row["token_type"] for row in read_rows("metrics.csv")} - {""} <= set(TOKEN_TYPES.values())


def test_a_credential_or_a_text_in_a_names_place_is_hidden_and_counted():
    key, text = "sk-proj-AbCdEf0123456789AbCdEf", "what shall I do about my neighbour? " * 5
    point = NumberDataPoint(
        attributes=attributes(ATTRIBUTES | {"gen_ai.request.model": key, "feature": text}),
        time_unix_nano=START_NS,
        as_int=5,
    )
    told = Metric(
        name="gen_ai.client.inference.usage.input_tokens", sum=Sum(aggregation_temporality=DELTA, data_points=[point])
    )

    made = read(message(request(told)))

    (row,) = made.tables["token_samples"].to_pylist()
    assert row["model"].startswith("hidden-")
    assert row["feature"].startswith("hidden-")
    assert (made.hidden, made.dropped) == ({"hidden_value": 1, "long_name": 1}, {})


def test_a_range_that_is_read_in_parts_gives_what_it_gives_at_once(monkeypatch: pytest.MonkeyPatch):
    values = [request(usage(1.0)), b"none", request(usage(-1.0), usage(2.0)), request(counter("up", 1)), b"none"]
    messages = [message(value, offset=at) for at, value in enumerate(values)]
    whole, read_part, sizes = read(*messages), metered._read_part, []

    def counted(part: Any, *rest: Any) -> Processed:
        sizes.append(len(part))
        return read_part(part, *rest)

    monkeypatch.setattr(metered, "PART_BYTES", len(values[0]) + 1)
    monkeypatch.setattr(metered, "_read_part", counted)
    parted = read(*messages)

    assert sizes == [2, 1, 2]
    assert parted == whole
    assert [letter.index for letter in parted.dead] == [1, 4]

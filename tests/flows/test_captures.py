"""Real captures through ``spanledger replay``, gateway, Kafka, worker and lake come to the calls of their truth.

Every file goes as it stands, with the ids it was captured with: no two files of a kind share a trace or a response
(held below), so no call can be suppressed by one of another file, in whatever ranges they meet. The two kinds hold the
same spans: the second is sent when the lake has the first, because one range would bill them once. Rows are told apart
by partition and offset of their record, whose value is the file.
"""

from __future__ import annotations

import collections
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ingest.settings import KafkaSettings
from tests.flows.contents import leaked
from tests.flows.deployment import Deployment
from tests.flows.entrance import drain, gateway_of, replay
from tests.ingest.gateway.stored import stored
from tests.kafka import prefixed
from tests.processors.captures import HERE, load, unexplained

KINDS = ("pb", "collector-pb")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What the verb said of the files of each kind, and the lake's rows by kind and capture."""

    deployment: Deployment
    said: dict[str, list[dict[str, Any]]]
    rows: dict[tuple[str, str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def replayed(bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    """Send all files, one kind after the other, each time until the lake has them."""
    kafka = prefixed(KafkaSettings(bootstrap=bootstrap, partitions=2), "captures")
    deployment = Deployment(kafka, tmp_path_factory.mktemp("captures"))
    said = {}
    deployment.start_worker()
    try:
        with gateway_of(deployment) as gateway:
            for kind in KINDS:
                said[kind] = replay(sorted((HERE / kind).iterdir()), gateway)
                drain(deployment)
    finally:
        deployment.stop()
    return Replayed(deployment=deployment, said=said, rows=rows_by_capture(deployment))


def rows_by_capture(deployment: Deployment) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Rows of ``spans``, each under kind and name of the capture whose bytes are its record."""
    names = {capture.value: (kind, capture.name) for kind in KINDS for capture in load(kind)}
    kafka = deployment.kafka
    places = {(record.partition, record.offset): names[record.value] for record in stored(kafka, kafka.spans_topic)}
    rows = collections.defaultdict(list)
    for row in deployment.table("spans").to_pylist():
        rows[places[row["source_partition"], row["source_offset"]]].append(row)
    return rows


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_files_share_a_trace_or_a_response(kind: str):
    owners = collections.defaultdict(set)
    for capture in load(kind):
        for identifier in identifiers(capture.value):
            owners[identifier].add(capture.name)

    assert {identifier: files for identifier, files in owners.items() if len(files) > 1} == {}


def identifiers(value: bytes) -> Iterator[bytes | str]:
    """Trace ids and response ids of a request."""
    for resource_spans in ExportTraceServiceRequest.FromString(value).resource_spans:
        for span in (span for scope in resource_spans.scope_spans for span in scope.spans):
            yield span.trace_id
            yield from (item.value.string_value for item in span.attributes if item.key == "gen_ai.response.id")


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_is_taken_whole(replayed: Replayed, kind: str):
    files = [(line["requests"], line["accepted"], line["refused"], line["rejected"]) for line in replayed.said[kind]]

    assert files == [(1, 1, 0, 0)] * len(load(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_the_billed_rows_of_the_lake_are_the_calls_of_the_truth(replayed: Replayed, kind: str):
    wrong = {}
    for capture in load(kind):
        billed = [row for row in replayed.rows[kind, capture.name] if row["billable"]]
        if found := unexplained(capture.calls, billed):
            wrong[capture.name] = found

    assert wrong == {}


def test_no_content_of_any_capture_is_in_the_lake_or_in_a_log(replayed: Replayed):
    words = {word for capture in load() for word in capture.must_not_contain}

    assert words
    assert len(leaked(["gpt-4o-mini", "worker starts"], replayed.deployment)) == 2  # what is there is found
    assert leaked(words, replayed.deployment) == []


def test_nothing_was_dropped(replayed: Replayed):
    dropped = replayed.deployment.table("flushes", ["dropped"])["dropped"].to_pylist()

    assert [dict(row) for row in dropped if row] == []

"""Real captures through the engine: each alone and all of them in one range come to the calls of the truth."""

from __future__ import annotations

from functools import cache
from typing import Any

import pyarrow as pa
import pytest

from processors import decode
from processors.decode import walk
from processors.engine import Engine, process_range
from processors.messages import Message
from processors.settings import WorkerSettings
from tests.processors.captures import Capture, load, unexplained
from tests.processors.otlp import RECEIVED_US, TOPIC

ENGINE = Engine.of(WorkerSettings(), user_key=b"a key of the tests")
KINDS = ("pb", "collector-pb", "json")


@cache
def spans_of_all(kind: str) -> pa.Table:
    """All captures of a kind as one range, one message each."""
    return process_range([_message(n, capture) for n, capture in enumerate(load(kind))], ENGINE).tables["spans"]


def _message(number: int, capture: Capture) -> Message:
    return Message(topic=TOPIC, partition=0, offset=number, received_at_us=RECEIVED_US, value=capture.value)


@pytest.fixture(autouse=True, scope="module")
def _compiled() -> None:
    """Small ranges would be read through objects."""
    decode.prepare()


def test_both_decoders_lead_to_the_same_rows(monkeypatch: pytest.MonkeyPatch):
    compiled = spans_of_all("pb")
    monkeypatch.setattr(decode, "_fast", [(walk.decode, lambda _: None)])

    through_objects = spans_of_all.__wrapped__("pb")

    assert through_objects.to_pylist() == compiled.to_pylist()


def billed(spans: pa.Table, offset: int) -> list[dict[str, Any]]:
    return [row for row in spans.to_pylist() if row["billable"] and row["source_offset"] == offset]


@pytest.mark.parametrize("kind", KINDS)
def test_captures_in_one_range_come_to_the_calls_of_the_truth(kind: str):
    spans = spans_of_all(kind)

    wrong = {
        capture.name: found
        for number, capture in enumerate(load(kind))
        if (found := unexplained(capture.calls, billed(spans, number)))
    }
    assert wrong == {}


def test_a_collector_in_between_changes_nothing():
    plain, collected = spans_of_all("pb"), spans_of_all("collector-pb")

    def rows(spans: pa.Table) -> list[dict[str, Any]]:
        return sorted(spans.to_pylist(), key=lambda row: (row["source_offset"], row["span_id"]))

    assert rows(plain) == rows(collected)


def test_no_content_of_any_capture_reaches_a_table():
    captures = [capture for kind in KINDS for capture in load(kind)]
    words = {word.lower() for capture in captures for word in capture.must_not_contain}

    tables = process_range([_message(n, capture) for n, capture in enumerate(captures)], ENGINE).tables

    text = " ".join(str(row).lower() for table in tables.values() for row in table.to_pylist())
    assert [word for word in words if word in text] == []

"""Log records: those that tell an outcome become rows, the others are counted, and no body is ever kept."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from processors.conventions.table import load_table
from processors.decode.log_wire import LogRecord, LogsRequest
from processors.decode.logs import OUTCOME_FIELDS, decode_logs
from processors.engine import Engine, process_range
from processors.messages import Drop, Message, Processed
from processors.settings import WorkerSettings
from tests.processors.logs import LOGS, SECRET, log_message, logs, record
from tests.processors.otlp import START_NS, collected, in_json, shuffled
from warehouse.schemas import TABLES

ENGINE = Engine.of(WorkerSettings(), user_key=b"a key of the tests")
UNTRUSTING = Engine.of(WorkerSettings(trust_span_tenant=("otlp_spans",)), user_key=b"a key of the tests")
GROUNDED = {
    "gen_ai.evaluation.name": "groundedness",
    "gen_ai.evaluation.score.value": 0.75,
    "gen_ai.evaluation.score.label": "good",
    "gen_ai.evaluation.explanation": SECRET,
}


def read(*messages: Message) -> Processed:
    return process_range(messages, ENGINE)


def rows(*messages: Message, engine: Engine = ENGINE) -> list[dict[str, Any]]:
    return list(process_range(messages, engine).tables["outcomes"].to_pylist())


def test_an_evaluation_event_is_linked_to_the_span_that_its_record_names():
    (row,) = rows(log_message(logs(record("gen_ai.evaluation.result", GROUNDED)), offset=7, partition=3))

    assert (row["trace_id"], row["span_id"]) == (b"\x01" * 16, b"\x02" * 8)
    assert (row["name"], row["score"], row["label"], row["source"]) == ("groundedness", 0.75, "good", "evaluator")
    assert (row["source_topic"], row["source_partition"], row["source_offset"]) == (LOGS, 3, 7)
    assert round(row["observed_at"].timestamp() * 1e9) == START_NS


def test_an_event_may_have_its_name_as_an_attribute():
    (row,) = rows(log_message(logs(record("", {"event.name": "gen_ai.evaluation.result", **GROUNDED}))))

    assert row["name"] == "groundedness"


def test_other_records_are_counted_and_nothing_of_them_is_kept():
    others = [record("", {"http.route": SECRET}), record("app.start", {"score": 1.0}), record("gen_ai.choice")]

    made = read(log_message(logs(*others, record("gen_ai.evaluation.result", GROUNDED))))

    assert (made.ignored, made.tables["outcomes"].num_rows, made.dropped) == (3, 1, {})
    assert SECRET not in str([table.to_pylist() for table in made.tables.values()])


def test_no_class_of_the_cut_down_wire_knows_a_body():
    value = logs(record("gen_ai.evaluation.result", GROUNDED)).SerializeToString()

    parsed = LogsRequest.FromString(value).resource_logs[0].scope_logs[0].log_records[0]

    assert "body" not in LogRecord.DESCRIPTOR.fields_by_name
    assert not hasattr(parsed, "body")


def test_a_body_that_is_no_text_does_not_spoil_its_neighbours():
    broken = logs(record("", {"a": "?"})).SerializeToString().replace(SECRET.encode(), b"\xff" * len(SECRET))
    good = logs(record("gen_ai.evaluation.result", GROUNDED)).SerializeToString()

    made = read(log_message(broken + good))  # two requests in a row are one request

    assert (made.tables["outcomes"].num_rows, made.ignored, made.dead) == (1, 1, ())


def test_an_attribute_that_is_no_text_does_not_spoil_the_others():
    value = logs(record("gen_ai.evaluation.result", {**GROUNDED, "gen_ai.response.model": "MODEL"})).SerializeToString()

    (row,) = rows(log_message(value.replace(b"MODEL", b"\xff" * 5)))

    assert (row["name"], row["score"]) == ("groundedness", 0.75)


def test_every_encoding_gives_the_same_rows():
    request = logs(record("gen_ai.evaluation.result", GROUNDED), record("else"), resource={"service.name": "s"})
    in_text = json.dumps(in_json(request)).encode()
    values = [request.SerializeToString(), collected(request), shuffled(request, random.Random(1)), in_text]
    values.append(json.dumps(in_json(request)["resourceLogs"]).encode())

    read_by_each = [rows(log_message(value)) for value in values]

    assert len(read_by_each[0]) == 1
    assert all(read == read_by_each[0] for read in read_by_each)


def test_poison_is_dead_lettered_with_its_reason_and_its_neighbours_stand():
    good = log_message(logs(record("gen_ai.evaluation.result", GROUNDED)))
    bad = [b"\xff\xff not a request", b"", b'{"resourceLogs": 7}', b'{"hello": 1}', b"[" * 100_000]

    made = read(good, *(log_message(value, offset=1 + i) for i, value in enumerate(bad)), good)

    assert [(letter.index, letter.reason) for letter in made.dead] == [
        (1, Drop.BAD_PAYLOAD),
        (2, Drop.EMPTY),
        (3, Drop.BAD_PAYLOAD),
        (4, Drop.EMPTY),
        (5, Drop.BAD_PAYLOAD),
    ]
    assert made.dropped == {"bad_payload": 3, "empty": 2}
    assert made.tables["outcomes"].num_rows == 2


@pytest.mark.parametrize(
    ("event", "given"),
    [
        ("spanledger.outcome", {}),
        ("spanledger.outcome", {"spanledger.outcome.score": 1.0}),
        ("spanledger.outcome", {"spanledger.outcome.name": "long " * 20, "spanledger.outcome.score": 1.0}),
        ("gen_ai.evaluation.result", {"gen_ai.evaluation.score.value": 0.5}),
        ("gen_ai.evaluation.result", {"gen_ai.evaluation.name": "relevance"}),
        ("spanledger.outcome", {"spanledger.outcome.name": "success"}),
        *[
            (
                "gen_ai.evaluation.result",
                {"gen_ai.evaluation.name": "relevance", "gen_ai.evaluation.score.value": score},
            )
            for score in ("NaN", float("nan"), "-inf", "Infinity", "1e999")
        ],
        ("feedback", {"feedback.value": " nan "}),
    ],
)
def test_an_outcome_event_that_tells_none_is_counted(event: str, given: dict[str, Any]):
    made = read(log_message(logs(record(event, given))))

    assert (made.tables["outcomes"].num_rows, made.dropped, made.ignored) == (0, {"bad_outcome": 1}, 0)


@pytest.mark.parametrize("field", ["timeUnixNano", "traceId", "attributes"])
def test_an_outcome_event_in_json_with_an_impossible_field_is_counted(field: str):
    told = {"eventName": "gen_ai.evaluation.result", "attributes": [], field: [{"key": 7}]}
    value = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [told]}]}]}).encode()

    made = read(log_message(value))

    assert (made.dropped, made.dead) == ({"bad_outcome": 1}, ())


@pytest.mark.parametrize(
    ("event", "given", "told"),
    [
        ("gen_ai.evaluation.user_feedback", {"gen_ai.evaluation.score": 1.0}, ("user_feedback", 1.0, None, "human")),
        ("gen_ai.evaluation.relevance", {"gen_ai.evaluation.score": 4}, ("relevance", 4.0, None, "evaluator")),
        ("user_feedback", {"feedback.score": "-1"}, ("user_feedback", -1.0, None, "human")),
        ("user.feedback", {"rating": "thumbs_up"}, ("feedback", None, "thumbs_up", "human")),
        ("feedback", {"feedback.name": "helpful", "feedback.value": True}, ("helpful", 1.0, "true", "human")),
        ("user_feedback", {"feedback.name": "stars", "feedback.score": 4}, ("stars", 4.0, None, "human")),
        (
            "user_feedback",
            {"feedback.name": "stars", "feedback.score": 4, "feedback.source": "app"},
            ("stars", 4.0, None, "human"),
        ),
        (
            "user_feedback",
            {"feedback.name": "tone", "feedback.score": 4, "feedback.source": "llm"},
            ("tone", 4.0, None, "evaluator"),
        ),
        ("user_feedback", {"feedback.name": "success", "feedback.score": 1}, ("success", 1.0, "success", "explicit")),
        (
            "langfuse.score",
            {"langfuse.score.name": "tone", "langfuse.score.value": "polite", "langfuse.score.source": "ANNOTATION"},
            ("tone", None, "polite", "human"),
        ),
        ("spanledger.outcome", {"spanledger.task.outcome": "failed"}, ("success", 0.0, "failure", "explicit")),
        ("spanledger.outcome", {"spanledger.task.safe": True}, ("safe", 1.0, "safe", "explicit")),
        ("spanledger.outcome", {"spanledger.review.minutes": 3}, ("review", None, None, "human")),
        ("spanledger.outcome", {"task.success": False}, ("success", 0.0, "failure", "explicit")),
    ],
)
def test_feedback_and_task_outcomes_are_read(event: str, given: dict[str, Any], told: tuple[Any, ...]):
    (row,) = rows(log_message(logs(record(event, given))))

    assert (row["name"], row["score"], row["label"], row["source"]) == told


def test_an_outcome_of_a_task_or_a_session_needs_no_span():
    given = {"spanledger.outcome.name": "solved", "spanledger.outcome.score": 1, "task.id": "T", "session.id": "S"}

    (row,) = rows(log_message(logs(record("spanledger.outcome", given, trace_id=b"", span_id=b"\x00" * 8))))

    assert (row["trace_id"], row["span_id"], row["task_id"], row["session_id"]) == (None, None, "T", "S")


def test_a_tenant_is_believed_by_the_rules_of_spans():
    value = logs(record("gen_ai.evaluation.result", {**GROUNDED, "tenant.id": "evil"}))

    stamped = rows(log_message(value, tenant="acme"))
    listed = rows(log_message(value, tenants=("acme", "globex")))
    trusted = rows(log_message(value))
    untrusted = rows(log_message(value), engine=UNTRUSTING)

    assert [row["tenant"] for row in (*stamped, *listed, *trusted, *untrusted)] == ["acme", None, "evil", None]


def test_a_time_from_the_future_gives_way_to_the_records():
    late = record("gen_ai.evaluation.result", GROUNDED, time_unix_nano=START_NS + 10**13)
    timeless = record("gen_ai.evaluation.result", GROUNDED, time_unix_nano=0)

    told = rows(log_message(logs(late)), log_message(logs(timeless)))

    assert all(row["observed_at"] == row["received_at"] for row in told)


def test_a_range_of_logs_gives_every_table_and_rows_in_outcomes_alone():
    made = read(log_message(logs(record("gen_ai.evaluation.result", GROUNDED), record("other"))))

    assert set(made.tables) == {"outcomes", "usage", "safety", "gpu_samples", "token_samples", "spans"}
    assert all(table.schema == TABLES[name].flushed for name, table in made.tables.items())
    assert {name for name, table in made.tables.items() if table.num_rows} == {"outcomes"}


def test_foreign_records_are_skipped_without_a_look_at_their_attributes(monkeypatch: pytest.MonkeyPatch):
    foreign = log_message(logs(*(record("", {"message": SECRET}) for _ in range(1000))))
    monkeypatch.setattr("processors.decode.logs.KeyValue", None)  # parsing an attribute would fail

    found = decode_logs([foreign], load_table())

    assert (found.ignored, found.decoded.spans.num_rows) == (1000, 0)


def test_every_event_that_tells_outcomes_is_documented():
    page = (Path(__file__).parents[2] / "docs" / "outcomes.md").read_text(encoding="utf-8")
    events = {
        event
        for event, keys in load_table().events.items()
        if any(alias.field in OUTCOME_FIELDS for some in keys.values() for alias in some)
    }

    assert {event for event in events if f"`{event}`" not in page} == set()


def test_an_evaluation_may_be_about_a_response_alone():
    about = GROUNDED | {"gen_ai.response.id": "chatcmpl-abc123"}

    (row,) = rows(log_message(logs(record("gen_ai.evaluation.result", about, trace_id=b"", span_id=b""))))

    assert (row["trace_id"], row["span_id"], row["response_id"]) == (None, None, "chatcmpl-abc123")

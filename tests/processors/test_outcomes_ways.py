"""The same outcome as span event, log record and POST request gives the same row; told twice, it has one id."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.gateway.keys import ANYBODY
from ingest.gateway.outcomes import ATTRIBUTES, SOURCES, read_outcomes
from ingest.words import LABELS as WORDS_OF
from processors.conventions.rules import words
from processors.engine import Engine, process_range
from processors.messages import Message
from processors.settings import WorkerSettings
from tests.processors.logs import log_message, logs, record
from tests.processors.otlp import START_NS, attributes, event, message, request, span
from warehouse.schemas import OUTCOMES

ENGINE = Engine.of(WorkerSettings(), user_key=b"a key of the tests")
WORDS = st.text("abcdefghij klmnöß🜚-", min_size=1, max_size=64).map(str.strip).filter(bool)
NAMES = WORDS | st.sampled_from(["success", "Success", "SAFE", "safe", "review", "user_feedback"])
LABELS = WORDS | st.sampled_from(["failed", "Success", "unsafe", "true", "no", "0.5", "7"])
KNOWN = {name: [word for words in means.values() for word in words] for name, means in WORDS_OF.items()}


def settled(told: dict[str, Any]) -> dict[str, Any]:
    """What the gateway takes: of success and safe a word of theirs and no score beside it, or a score of 1 or 0."""
    known = KNOWN.get(told["name"].lower())
    if known is None or not told.keys() & {"label", "score"}:
        return told
    others = {name: value for name, value in told.items() if name not in ("label", "score")}
    if "label" not in told:
        return others | {"score": float(told["score"] > 0)}
    return others | {"label": known[len(told["label"]) % len(known)]}


OUTCOME = (
    st.fixed_dictionaries(
        {"name": NAMES},
        optional={
            "score": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-1000, 1000),
            "label": LABELS,
            "review_minutes": st.floats(0, 600),
            "source": st.sampled_from(SOURCES),
            "task_id": WORDS,
            "session_id": WORDS,
            "outcome_id": WORDS,
            "tenant": WORDS,
            "feature": WORDS,
        },
    )
    .filter(lambda told: told.keys() & {"score", "label", "review_minutes"})
    .map(settled)
)
PLACE = ("source_topic", "source_partition", "source_offset", "received_at")
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
OBSERVED_NS = START_NS + 250_000_000


def rows(*messages: Message) -> list[dict[str, Any]]:
    return list(process_range(messages, ENGINE).tables["outcomes"].to_pylist())


def as_attributes(told: dict[str, Any]) -> dict[str, Any]:
    return {ATTRIBUTES[name]: value for name, value in told.items()}


def as_log(told: dict[str, Any]) -> Message:
    about = {"trace_id": bytes.fromhex(TRACE), "span_id": bytes.fromhex(SPAN), "time_unix_nano": OBSERVED_NS}
    return log_message(logs(record("spanledger.outcome", as_attributes(told), **about)))


def as_post(told: dict[str, Any]) -> Message:
    at = datetime.fromtimestamp(OBSERVED_NS / 1e9, UTC).isoformat()
    body = json.dumps({**told, "trace_id": TRACE, "span_id": SPAN, "observed_at": at}).encode()
    posted = read_outcomes(body, ANYBODY, OBSERVED_NS + 10**9)
    assert posted.problems == ()
    return log_message(posted.value, offset=1)


def as_event(told: dict[str, Any]) -> Message:
    """Of the span, which has tenant and feature as its own."""
    whose = {key: value for key, value in as_attributes(told).items() if not key.startswith("spanledger.outcome")}
    given = {key: value for key, value in as_attributes(told).items() if key.startswith("spanledger.outcome")}
    made = span(whose, trace_id=bytes.fromhex(TRACE), span_id=bytes.fromhex(SPAN))
    made.events.add(name="spanledger.outcome", time_unix_nano=OBSERVED_NS, attributes=attributes(given))
    return message(request(made), offset=2)


@settings(max_examples=25, deadline=None)
@given(OUTCOME)
def test_the_three_ways_give_the_same_row(told: dict[str, Any]):
    found = [rows(way(told)) for way in (as_log, as_post, as_event)]

    assert [len(each) for each in found] == [1, 1, 1]
    said = [{name: value for name, value in each[0].items() if name not in PLACE} for each in found]
    assert said[0] == said[1] == said[2]


@settings(max_examples=20, deadline=None)
@given(OUTCOME)
def test_what_is_told_twice_has_one_id_and_stands_in_the_schema(told: dict[str, Any]):
    table = process_range([as_log(told), as_post(told), as_log(told)], ENGINE).tables["outcomes"]

    assert table.schema == OUTCOMES
    assert (table.num_rows, len(set(table["outcome_id"].to_pylist()))) == (3, 1)


@pytest.mark.parametrize(
    "other",
    [{"name": "b"}, {"score": 0.5}, {"label": "x"}, {"source": "human"}, {"task_id": "T"}, {"tenant": "globex"}],
)
def test_outcomes_that_differ_in_anything_have_different_ids(other: dict[str, Any]):
    told = {"name": "a", "score": 1.0, "tenant": "acme"}

    one, another = rows(as_log(told), as_log({**told, **other}))

    assert one["outcome_id"] != another["outcome_id"]


def test_the_producers_own_id_holds_whatever_else_is_told_but_within_its_tenant_only():
    told = {"name": "a", "score": 1.0, "outcome_id": "mine", "tenant": "acme"}

    first, corrected, others = rows(as_log(told), as_log({**told, "score": 0.0}), as_log({**told, "tenant": "globex"}))

    assert first["outcome_id"] == corrected["outcome_id"] != others["outcome_id"]


# ---- spans


def of_span(given: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    return rows(message(request(span(given, **fields))))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (True, ("correct", "true", 1.0)),
        (False, ("correct", "false", 0.0)),
        (4, ("correct", None, 4.0)),
        ("mostly", ("correct", "mostly", None)),
    ],
)
def test_logfires_feedback_is_the_value_under_its_name_and_is_about_the_parent(value: Any, told: tuple[Any, ...]):
    given = {"logfire.span_type": "annotation", "logfire.feedback.name": "correct", "correct": value}

    (row,) = of_span({**given, "logfire.feedback.comment": "well"}, parent_span_id=b"\x09" * 8)

    assert (row["name"], row["label"], row["score"], row["source"]) == (*told, "human")
    assert row["span_id"] == b"\x09" * 8


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"langfuse.score.name": "tone", "langfuse.score.value": 0.9}, ("tone", None, 0.9, "evaluator")),
        ({"langfuse.score.name": "ok", "langfuse.score.value": True}, ("ok", "true", 1.0, "evaluator")),
        (
            {
                "langfuse.score.name": "tone",
                "langfuse.score.value": 1,
                "langfuse.score.string_value": "polite",
                "langfuse.score.source": "API",
            },
            ("tone", "polite", 1.0, "explicit"),
        ),
        ({"gen_ai.evaluation.name": "ok", "gen_ai.evaluation.score.value": "0.5"}, ("ok", None, 0.5, "evaluator")),
        ({"task.outcome": "passed"}, ("success", "success", 1.0, "explicit")),
        ({"task_success": False}, ("success", "failure", 0.0, "explicit")),
        ({"langfuse.trace.metadata.task_success": "true"}, ("success", "success", 1.0, "explicit")),
        ({"task.safe": "false"}, ("safe", "unsafe", 0.0, "explicit")),
        *[({"task.success": one}, ("success", "success", 1.0, "explicit")) for one in (1, "1", 1.0, "1.0", True, "OK")],
        *[({"task.success": no}, ("success", "failure", 0.0, "explicit")) for no in (0, "0", 0.0, "No")],
        *[({"task.safe": one}, ("safe", "safe", 1.0, "explicit")) for one in (1, "1", 1.0, "1.0", True)],
        *[({"task.safe": no}, ("safe", "unsafe", 0.0, "explicit")) for no in (0, "0", 0.0, "0.0")],
        (
            {"gen_ai.evaluation.name": "Success", "gen_ai.evaluation.score.value": 1.0},
            ("success", "success", 1.0, "explicit"),
        ),
        ({"langfuse.score.name": "SAFE", "langfuse.score.value": 0}, ("safe", "unsafe", 0.0, "explicit")),
        (
            {
                "gen_ai.evaluation.name": "success",
                "gen_ai.evaluation.score.label": "correct",
                "gen_ai.evaluation.score.value": 1,
            },
            ("success", "success", 1.0, "explicit"),
        ),
        ({"task.review_minutes": "2.5"}, ("review", None, None, "human")),
        (
            {"session.evaluations.3.evaluation.name": "calm", "session.evaluations.3.evaluation.score": 1},
            ("calm", None, 1.0, "evaluator"),
        ),
    ],
)
def test_scores_and_task_outcomes_on_spans_are_read(given: dict[str, Any], told: tuple[Any, ...]):
    (row,) = of_span(given)

    assert (row["name"], row["label"], row["score"], row["source"]) == told


SCORES = {
    "event": lambda name, score: {
        "events": [
            event(
                "gen_ai.evaluation.result",
                after_ms=1,
                gen_ai__evaluation__name=name,
                gen_ai__evaluation__score__value=score,
            )
        ]
    },
    "attributes": lambda name, score: {
        "given": {"gen_ai.evaluation.name": name, "gen_ai.evaluation.score.value": score}
    },
    "openinference": lambda name, score: {
        "given": {"evaluations.0.evaluation.name": name, "evaluations.0.evaluation.score": score}
    },
    "openinference annotation": lambda name, score: {
        "given": {"annotations.0.annotation.name": name, "annotations.0.annotation.score": score}
    },
    "langfuse": lambda name, score: {"given": {"langfuse.score.name": name, "langfuse.score.value": score}},
    "langfuse event": lambda name, score: {
        "events": [event("langfuse.score", after_ms=1, langfuse__score__name=name, langfuse__score__value=score)]
    },
}
"""How a score without a label or verdict may stand on a span."""


@pytest.mark.parametrize("name", ["toxicity", "pii_leak", "groundedness"])
@pytest.mark.parametrize("score", [0, 1.0, "1"])
def test_a_score_alone_is_an_outcome_and_no_safety_event(name: str, score: float | str):
    for way, written in SCORES.items():
        told = written(name, score)
        given = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", **told.pop("given", {})}

        made = process_range([message(request(span(given, **told)))], ENGINE)

        found = [(row["name"], row["label"], row["score"]) for row in made.tables["outcomes"].to_pylist()]
        assert found == [(name, None, float(score))], way
        assert [row for row in made.tables["safety"].to_pylist() if row["events"]] == [], way
        (row,) = made.tables["spans"].to_pylist()
        assert [row[of] for of in ("safety_category", "guardrail_action", "pii_detected", "injection_detected")] == (
            [None] * 4
        ), way


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("gen_ai.evaluation.result", {"gen_ai.evaluation.name": "toxicity", "gen_ai.evaluation.score.value": 1}),
        ("gen_ai.evaluation.toxicity", {"gen_ai.evaluation.score": "1"}),
        ("langfuse.score", {"langfuse.score.name": "toxicity", "langfuse.score.value": 1}),
        ("spanledger.outcome", {"spanledger.outcome.name": "toxicity", "spanledger.outcome.score": 1}),
    ],
)
def test_a_score_alone_in_a_log_record_is_an_outcome_and_no_safety_event(name: str, given: dict[str, Any]):
    made = process_range([log_message(logs(record(name, given)))], ENGINE)

    assert [(row["name"], row["label"], row["score"]) for row in made.tables["outcomes"].to_pylist()] == [
        ("toxicity", None, 1.0)
    ]
    assert made.tables["safety"].num_rows == 0


def test_several_evaluations_of_one_span_are_told_apart_and_one_without_a_name_is_counted():
    given = {
        "evaluations.0.evaluation.name": "a",
        "evaluations.0.evaluation.score": 1,
        "evaluations.1.evaluation.name": "a",
        "evaluations.1.evaluation.score": 1,
        "evaluations.2.evaluation.score": 1,
    }

    made = process_range([message(request(span(given)))], ENGINE)

    assert len(set(made.tables["outcomes"]["outcome_id"].to_pylist())) == 2
    assert made.dropped == {"bad_outcome": 1}


def test_the_label_the_score_and_the_word_for_it_are_one_outcome():
    told = [{"label": "success"}, {"score": 1}, {"label": "Passed"}, {"label": "1"}, {"label": "true", "score": 1}]
    about = {"name": "success", "task_id": "T-1", "source": "human"}

    made = [rows(way({**about, **one}))[0] for one in told for way in (as_log, as_post, as_event)]

    assert {(row["name"], row["label"], row["score"], row["task_id"]) for row in made} == {
        ("success", "success", 1.0, "T-1")
    }
    assert len({row["outcome_id"] for row in made}) == 1


@pytest.mark.parametrize(
    "given",
    [
        {"task.success": 0.7},
        {"task.outcome": "partly"},
        {"gen_ai.evaluation.name": "success", "gen_ai.evaluation.score.value": 0.7},
        {"gen_ai.evaluation.name": "Safe", "gen_ai.evaluation.score.label": "rather"},
        {"langfuse.score.name": "success", "langfuse.score.value": 2},
    ],
)
def test_half_a_success_is_none_and_is_counted(given: dict[str, Any]):
    made = process_range([message(request(span(given)))], ENGINE)

    assert made.tables["outcomes"].num_rows == 0
    assert made.dropped == {"bad_outcome": 1}


def test_minutes_beside_half_a_success_are_kept_without_it():
    written = {"spanledger.outcome.name": "success", "spanledger.outcome.score": 0.7}

    [row] = of_span(written | {"spanledger.outcome.review_minutes": 3})

    assert (row["name"], row["label"], row["score"], row["review_minutes"]) == ("success", None, None, 3.0)


def test_minutes_that_cannot_be_are_unknown():
    assert of_span({"spanledger.review.minutes": -1}) == []
    assert of_span({"spanledger.review.minutes": 1e12}) == []


@pytest.mark.parametrize("name", ["task_id", "session_id"])
@pytest.mark.parametrize("way", [as_log, as_post, as_event])
def test_an_outcome_about_a_hidden_task_or_session_can_be_joined_with_its_spans(name: str, way: Any):
    told = {"name": "success", "label": "success", name: "of jane@example.com"}
    about = {"task_id": "spanledger.task.id", "session_id": "session.id"}[name]
    of_span = process_range([message(request(span({about: told[name]})))], ENGINE).tables["spans"]

    (row,) = rows(way(told))

    assert row[name] == of_span[name][0].as_py()
    assert row[name].startswith("hidden-")


def test_words_of_success_and_safe_are_those_that_the_gateway_knows():
    for name, field in (("success", "task_outcome"), ("safe", "task_safe")):
        assert {word: means for means, said in WORDS_OF[name].items() for word in said} == words(field)

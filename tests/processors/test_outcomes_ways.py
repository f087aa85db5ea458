"""The same outcome as span event, log record and POST request gives the same row; told twice, it has one id."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ingest.gateway.keys import ANYBODY
from ingest.gateway.outcomes import ATTRIBUTES, SOURCES, read_outcomes
from ingest.words import LABELS as WORDS_OF
from processors.conventions.rules import words
from processors.engine import Engine, process_range, process_ranges
from processors.messages import Message
from processors.settings import WorkerSettings
from tests.processors.flushes import AS_FOUND, Case, processed_of
from tests.processors.logs import LOGS, log_message, logs, record
from tests.processors.otlp import START_NS, attributes, event, message, request, span
from warehouse.schemas import OUTCOMES

ENGINE = Engine.of(WorkerSettings(), user_key=b"a key of the tests")
WORDS = st.text("abcdefghij klmnöß🜚-", min_size=1, max_size=64).map(str.strip).filter(bool)
NAMES = WORDS | st.sampled_from(["success", "Success", "SAFE", "safe", "review", "user_feedback"])
LABELS = WORDS.filter(lambda word: word not in ("nan", "inf")) | st.sampled_from(
    ["failed", "Success", "unsafe", "true", "no", "0.5", "7"]
)
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


def rows_of(cases: Mapping[Case, Message]) -> dict[Case, list[dict[str, Any]]]:
    """The outcomes of each case's message, all from one flush: logs in one range, of spans each in one of its own."""
    placed = [replace(one, offset=number) for number, one in enumerate(cases.values())]
    told = [one for one in placed if one.topic == LOGS]
    made = process_ranges([told, *([one] for one in placed if one.topic != LOGS)], ENGINE)
    found: dict[Case, list[dict[str, Any]]] = {case: [] for case in cases}
    for row in (row for one in made for row in one.tables["outcomes"].to_pylist()):
        found[list(cases)[row["source_offset"]]].append(row)
    return found


def of_spans(cases: Mapping[Case, ExportTraceServiceRequest]) -> dict[Case, list[dict[str, Any]]]:
    return rows_of({case: message(sent) for case, sent in cases.items()})


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


WAYS = {"log": as_log, "post": as_post, "event": as_event}


@settings(max_examples=4, deadline=None, phases=AS_FOUND)
@given(st.lists(OUTCOME, min_size=8, max_size=8))
def test_the_three_ways_give_the_same_row(told: list[dict[str, Any]]):
    found = rows_of({(number, way): make(one) for number, one in enumerate(told) for way, make in WAYS.items()})

    assert {case: len(rows) for case, rows in found.items()} == dict.fromkeys(found, 1)
    said = {case: {name: value for name, value in row.items() if name not in PLACE} for case, [row] in found.items()}
    for number, one in enumerate(told):
        assert said[number, "log"] == said[number, "post"] == said[number, "event"], one


@settings(max_examples=4, deadline=None, phases=AS_FOUND)
@given(st.lists(OUTCOME, min_size=8, max_size=8))
def test_what_is_told_twice_has_one_id_and_stands_in_the_schema(told: list[dict[str, Any]]):
    messages = [way(one) for one in told for way in (as_log, as_post, as_log)]

    table = process_range([replace(one, offset=n) for n, one in enumerate(messages)], ENGINE).tables["outcomes"]

    ids = table["outcome_id"].to_pylist()
    assert table.schema == OUTCOMES
    assert table["source_offset"].to_pylist() == list(range(3 * len(told)))
    assert [one for number, one in enumerate(told) if len(set(ids[3 * number :][:3])) != 1] == []


def test_outcomes_that_differ_in_anything_have_different_ids():
    told = {"name": "a", "score": 1.0, "tenant": "acme"}
    others = [
        {"name": "b"},
        {"score": 0.5},
        {"label": "x"},
        {"source": "human"},
        {"task_id": "T"},
        {"tenant": "globex"},
    ]

    found = rows_of({str(other): as_log({**told, **other}) for other in ({}, *others)})

    ids = {other: row["outcome_id"] for other, [row] in found.items()}
    assert [other for other in ids if list(ids.values()).count(ids[other]) > 1] == []


def test_the_producers_own_id_holds_whatever_else_is_told_but_within_its_tenant_only():
    told = {"name": "a", "score": 1.0, "outcome_id": "mine", "tenant": "acme"}

    found = rows_of(
        {
            "first": as_log(told),
            "corrected": as_log({**told, "score": 0.0}),
            "of another tenant": as_log({**told, "tenant": "globex"}),
        }
    )

    [[first], [corrected], [others]] = found.values()
    assert first["outcome_id"] == corrected["outcome_id"] != others["outcome_id"]


# ---- spans


def test_logfires_feedback_is_the_value_under_its_name_and_is_about_the_parent():
    parent = b"\x09" * 8
    expected = {
        True: ("correct", "true", 1.0, "human", parent),
        False: ("correct", "false", 0.0, "human", parent),
        4: ("correct", None, 4.0, "human", parent),
        "mostly": ("correct", "mostly", None, "human", parent),
    }
    given = {"logfire.span_type": "annotation", "logfire.feedback.name": "correct", "logfire.feedback.comment": "well"}

    found = of_spans({value: request(span(given | {"correct": value}, parent_span_id=parent)) for value in expected})

    columns = ("name", "label", "score", "source", "span_id")
    assert {value: tuple(row[name] for name in columns) for value, [row] in found.items()} == expected


def test_scores_and_task_outcomes_on_spans_are_read():
    told: list[tuple[dict[str, Any], tuple[Any, ...]]] = [
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
    ]

    found = of_spans({f"{number}: {given}": request(span(given)) for number, (given, _) in enumerate(told)})

    columns = ("name", "label", "score", "source")
    assert {case: [tuple(row[name] for name in columns) for row in rows] for case, rows in found.items()} == {
        f"{number}: {given}": [outcome] for number, (given, outcome) in enumerate(told)
    }


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


def test_a_score_alone_is_an_outcome_and_no_safety_event():
    cases = {}
    for name in ("toxicity", "pii_leak", "groundedness"):
        for score in (0, 1.0, "1"):
            for way, written in SCORES.items():
                told = written(name, score)
                given = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", **told.pop("given", {})}
                cases[name, score, way] = [message(request(span(given, **told)))]

    made = processed_of(cases, ENGINE)

    assert {
        case: [(row["name"], row["label"], row["score"]) for row in one.tables["outcomes"].to_pylist()]
        for case, one in made.items()
    } == {(name, score, way): [(name, None, float(score))] for name, score, way in cases}
    safety = ("safety_category", "guardrail_action", "pii_detected", "injection_detected")
    for case, one in made.items():
        assert [row for row in one.tables["safety"].to_pylist() if row["events"]] == [], case
        (row,) = one.tables["spans"].to_pylist()
        assert [row[of] for of in safety] == [None] * 4, case


def test_a_score_alone_in_a_log_record_is_an_outcome_and_no_safety_event():
    told = [
        ("gen_ai.evaluation.result", {"gen_ai.evaluation.name": "toxicity", "gen_ai.evaluation.score.value": 1}),
        ("gen_ai.evaluation.toxicity", {"gen_ai.evaluation.score": "1"}),
        ("langfuse.score", {"langfuse.score.name": "toxicity", "langfuse.score.value": 1}),
        ("spanledger.outcome", {"spanledger.outcome.name": "toxicity", "spanledger.outcome.score": 1}),
    ]

    made = process_range([log_message(logs(record(*one)), offset=number) for number, one in enumerate(told)], ENGINE)

    columns = ("source_offset", "name", "label", "score")
    assert [tuple(row[name] for name in columns) for row in made.tables["outcomes"].to_pylist()] == [
        (number, "toxicity", None, 1.0) for number in range(len(told))
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


def test_evaluations_of_two_conventions_on_one_span_are_two_and_what_has_no_name_belongs_to_both():
    given = {
        "gen_ai.evaluation.name": "relevance",
        "gen_ai.evaluation.score.value": 0.5,
        "langfuse.score.name": "tone",
        "langfuse.score.value": 0.9,
        "spanledger.outcome.task_id": "task-7",
    }

    made = process_range([message(request(span(given)))], ENGINE)

    told = [(row["name"], row["score"], row["task_id"]) for row in made.tables["outcomes"].to_pylist()]
    assert sorted(told) == [("relevance", 0.5, "task-7"), ("tone", 0.9, "task-7")]
    assert made.dropped == {}


def test_the_label_the_score_and_the_word_for_it_are_one_outcome():
    told = [{"label": "success"}, {"score": 1}, {"label": "Passed"}, {"label": "1"}, {"label": "true", "score": 1}]
    about = {"name": "success", "task_id": "T-1", "source": "human"}

    found = rows_of(
        {(number, way): make({**about, **one}) for number, one in enumerate(told) for way, make in WAYS.items()}
    )

    made = [row for [row] in found.values()]
    assert {(row["name"], row["label"], row["score"], row["task_id"]) for row in made} == {
        ("success", "success", 1.0, "T-1")
    }
    assert len({row["outcome_id"] for row in made}) == 1


def test_half_a_success_is_none_and_is_counted():
    halves: list[dict[str, Any]] = [
        {"task.success": 0.7},
        {"task.outcome": "partly"},
        {"gen_ai.evaluation.name": "success", "gen_ai.evaluation.score.value": 0.7},
        {"gen_ai.evaluation.name": "Safe", "gen_ai.evaluation.score.label": "rather"},
        {"langfuse.score.name": "success", "langfuse.score.value": 2},
    ]

    made = processed_of({str(given): [message(request(span(given)))] for given in halves}, ENGINE)

    assert {case: (one.tables["outcomes"].num_rows, one.dropped) for case, one in made.items()} == {
        str(given): (0, {"bad_outcome": 1}) for given in halves
    }


def test_minutes_beside_half_a_success_are_kept_without_it_and_those_that_cannot_be_are_unknown():
    half = {"spanledger.outcome.name": "success", "spanledger.outcome.score": 0.7}
    cases = {
        "beside half a success": half | {"spanledger.outcome.review_minutes": 3},
        "negative": {"spanledger.review.minutes": -1},
        "too many": {"spanledger.review.minutes": 1e12},
    }

    found = of_spans({case: request(span(given)) for case, given in cases.items()})

    columns = ("name", "label", "score", "review_minutes")
    assert {case: [tuple(row[name] for name in columns) for row in rows] for case, rows in found.items()} == {
        "beside half a success": [("success", None, None, 3.0)],
        "negative": [],
        "too many": [],
    }


def test_an_outcome_about_a_hidden_task_or_session_can_be_joined_with_its_spans():
    keys = {"task_id": "spanledger.task.id", "session_id": "session.id"}
    someone = "of jane@example.com"
    spans = processed_of({name: [message(request(span({key: someone})))] for name, key in keys.items()}, ENGINE)
    told = {name: {"name": "success", "label": "success", name: someone} for name in keys}

    found = rows_of({(name, way): make(told[name]) for name in keys for way, make in WAYS.items()})

    hidden = {name: one.tables["spans"][name][0].as_py() for name, one in spans.items()}
    assert {case: [row[case[0]] for row in rows] for case, rows in found.items()} == {
        (name, way): [hidden[name]] for name, way in found
    }
    assert all(word.startswith("hidden-") for word in hidden.values())


def test_words_of_success_and_safe_are_those_that_the_gateway_knows():
    for name, field in (("success", "task_outcome"), ("safe", "task_safe")):
        assert {word: means for means, said in WORDS_OF[name].items() for word in said} == words(field)

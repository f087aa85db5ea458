"""Words for nobody name nobody, and a user's name reaches the lake under no other name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.fuzz import compare
from processors.conventions.table import load_table
from processors.engine import Engine, process_range
from processors.settings import WorkerSettings
from tests.processors.flushes import Case, stored_of
from tests.processors.otlp import message, request, span

ENGINE = Engine.of(WorkerSettings(), user_key=b"key")
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 5}
KEYS = {
    "tenant": "tenant.id",
    "feature": "feature.name",
    "session_id": "session.id",
    "task_id": "task.id",
    "user_id": "langfuse.user.id",
}
NOBODY = ("unattributed", "null", "None", "NULL", "nil", "NaN", "undefined", "", "  ", " null", "None\n", "nan\u00a0")


def rows(requests: Mapping[Case, ExportTraceServiceRequest]) -> dict[Case, dict[str, Any]]:
    """The row of each request of one span, all taken by one flush."""
    return stored_of(requests, ENGINE)


def test_a_word_for_nobody_is_no_value():
    cases = [(column, word) for column in KEYS for word in NOBODY]

    found = rows({(column, word): request(span(CHAT | {KEYS[column]: word})) for column, word in cases})

    told = {case: row[case[0]] for case, row in found.items()}
    assert {case: value for case, value in told.items() if value is not None} == {}


def test_the_next_key_and_the_resource_are_asked_then():
    requests = {}
    for word in NOBODY:
        told = {
            "tenant.id": word,
            "tenant": "acme",
            "feature.name": word,
            "metadata": f'{{"feature": "{word.strip()}"}}',
        }
        requests[word] = request(span(CHAT | told), resource={"feature.name": "search"})

    found = {word: (row["tenant"], row["feature"]) for word, row in rows(requests).items()}

    assert found == dict.fromkeys(NOBODY, ("acme", "search"))


def test_an_ancestor_is_asked_too():
    parent = span({"gen_ai.operation.name": "invoke_agent", "session.id": "s-1"}, span_id=b"parentid")
    child = span(CHAT | {"session.id": "undefined"}, span_id=b"childspn", parent_span_id=b"parentid")

    both = process_range([message(request(parent, child))], ENGINE).tables["spans"].to_pylist()

    assert [row["session_id"] for row in both if row["billable"]] == ["s-1"]


def test_a_name_that_begins_like_one_is_a_name():
    names = ["nullable", "none-of-us", "Nanette", "nilsson", "undefined.", "nun", "n", "null null"]

    found = rows({name: request(span(CHAT | {"tenant.id": name, "session.id": name})) for name in names})

    assert {name: (row["tenant"], row["session_id"]) for name, row in found.items()} == {
        name: (name, name) for name in names
    }


def test_both_decoders_judge_words_for_nobody_alike():
    words = [*NOBODY, "nullé", "nil\x00", "UNDEFINED\x1f", "nan\x7f", "none \u2003", "NULL\x85"]
    sent = [request(span(CHAT | {KEYS[column]: word})).SerializeToString() for word in words for column in KEYS]

    assert compare(sent, load_table()) == []


def test_a_session_called_after_a_user_of_whom_another_key_tells_is_hidden():
    others = ["user.id", "enduser.id", "gen_ai.user", "metadata"]
    named = ["session.id", "task.id"]

    requests = {}
    for other in others:
        told = '{"user_id": "ada-7"}' if other == "metadata" else "ada-7"
        for one in named:
            requests[one, other] = request(span(CHAT | {"langfuse.user.id": "u-1", other: told, one: "ada-7"}))

    found = rows(requests)

    assert {case for case, row in found.items() if "ada-7" in repr(row)} == set()
    names = {case: row[case[0].replace(".", "_")] for case, row in found.items()}
    assert {case: name for case, name in names.items() if not name.startswith("hidden-")} == {}

"""Words for nobody name nobody, and a user's name reaches the lake under no other name."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.fuzz import compare
from processors.conventions.table import load_table
from processors.engine import Engine, process_range
from processors.settings import WorkerSettings
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
NOBODY = ("null", "None", "NULL", "nil", "NaN", "undefined", "", "  ", " null", "None\n", "nan\u00a0")


def rows(*spans: Any, **shared: Any) -> list[dict[str, Any]]:
    """The rows of one message."""
    return process_range([message(request(*spans, **shared))], ENGINE).tables["spans"].to_pylist()


@pytest.mark.parametrize("word", NOBODY)
@pytest.mark.parametrize("column", KEYS)
def test_a_word_for_nobody_is_no_value(column: str, word: str):
    [row] = rows(span(CHAT | {KEYS[column]: word}))

    assert row[column] in (None, "unattributed")


@pytest.mark.parametrize("word", NOBODY)
def test_the_next_key_and_the_resource_are_asked_then(word: str):
    told = {"tenant.id": word, "tenant": "acme", "feature.name": word, "metadata": f'{{"feature": "{word.strip()}"}}'}

    [row] = rows(span(CHAT | told), resource={"feature.name": "search"})

    assert (row["tenant"], row["feature"]) == ("acme", "search")


def test_an_ancestor_is_asked_too():
    parent = span({"gen_ai.operation.name": "invoke_agent", "session.id": "s-1"}, span_id=b"parentid")
    child = span(CHAT | {"session.id": "undefined"}, span_id=b"childspn", parent_span_id=b"parentid")

    assert [row["session_id"] for row in rows(parent, child) if row["billable"]] == ["s-1"]


@pytest.mark.parametrize(
    "name", ["nullable", "none-of-us", "Nanette", "nilsson", "undefined.", "nun", "n", "null null"]
)
def test_a_name_that_begins_like_one_is_a_name(name: str):
    [row] = rows(span(CHAT | {"tenant.id": name, "session.id": name}))

    assert (row["tenant"], row["session_id"]) == (name, name)


def test_both_decoders_judge_words_for_nobody_alike():
    words = [*NOBODY, "nullé", "nil\x00", "UNDEFINED\x1f", "nan\x7f", "none \u2003", "NULL\x85"]
    sent = [request(span(CHAT | {KEYS[column]: word})).SerializeToString() for word in words for column in KEYS]

    assert compare(sent, load_table()) == []


@pytest.mark.parametrize("other", ["user.id", "enduser.id", "gen_ai.user", "metadata"])
@pytest.mark.parametrize("named", ["session.id", "task.id"])
def test_a_session_called_after_a_user_of_whom_another_key_tells_is_hidden(named: str, other: str):
    told = '{"user_id": "ada-7"}' if other == "metadata" else "ada-7"

    [row] = rows(span(CHAT | {"langfuse.user.id": "u-1", other: told, named: "ada-7"}))

    assert "ada-7" not in repr(row)
    assert row[named.replace(".", "_")].startswith("hidden-")

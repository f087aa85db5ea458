"""No credential and no e-mail address stands in a column where a name should: it is replaced, named and counted."""

from __future__ import annotations

from typing import Any

import pytest

from processors.engine import Engine, process_range
from processors.normalise.secrets import HIDDEN, ID_CHARACTERS, NAME_CHARACTERS, SECRETS, is_hidden
from processors.settings import WorkerSettings
from tests.processors.logs import log_message, logs, record
from tests.processors.otlp import event, message, request, span

ENGINE = Engine.of(WorkerSettings(tags=("my.tag",)), user_key=b"k")
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini", "gen_ai.usage.input_tokens": 5}
EXAMPLES = {
    "api_key": "sk-proj-AbCdEf0123456789AbCdEf",
    "cloud_key": "AKIAIOSFODNN7EXAMPLE",
    "token": "ghp_abcdefghijklmnopqrstuvwxyz012345",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP",
    "bearer": "Bearer abcdefghijklmnop0123",
    "private_key": "-----BEGIN RSA PRIVATE KEY-----",
    "email": "jane.doe@example.com",
}
COLUMNS = {
    "tenant.id": "tenant",
    "feature": "feature",
    "session.id": "session_id",
    "task.id": "task_id",
    "deployment.environment": "environment",
    "gen_ai.provider.name": "provider",
    "gen_ai.response.model": "response_model",
    "gen_ai.response.id": "response_id",
    "gen_ai.prompt.name": "prompt_name",
    "gen_ai.prompt.version": "prompt_version",
    "spanledger.route": "route",
    "gen_ai.tool.name": "tool_name",
    "gen_ai.agent.name": "agent_name",
    "openai.response.service_tier": "service_tier",
    "anthropic.workspace.id": "provider_account",
}


def processed(given: dict[str, Any], **fields: Any) -> Any:
    """What a chat with these attributes becomes."""
    of_message = {name: fields.pop(name) for name in ("tenant", "principal") if name in fields}
    return process_range([message(request(span(CHAT | given, **fields)), **of_message)], ENGINE)


def stored(given: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Its row of ``spans``."""
    (row,) = processed(given, **fields).tables["spans"].to_pylist()
    return dict(row)


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_in_a_name_is_replaced_and_counted(kind: str):
    spans = [span(CHAT | {key: f" {EXAMPLES[kind]} "}, span_id=bytes([n + 1] * 8)) for n, key in enumerate(COLUMNS)]

    made = process_range([message(request(*spans))], ENGINE)

    rows = made.tables["spans"].to_pylist()
    names = [row[column] for row, column in zip(rows, COLUMNS.values(), strict=True)]
    assert [name for name in names if not name.startswith(HIDDEN)] == []
    assert made.hidden["hidden_value"] >= len(COLUMNS)  # an agent also names a feature
    assert (made.dropped, set(made.hidden)) == ({}, {"hidden_value"})
    assert EXAMPLES[kind].lower() not in str({name: table.to_pylist() for name, table in made.tables.items()}).lower()


@pytest.mark.parametrize("column", ["service", "host", "pod"])
def test_names_of_the_resource_are_replaced_too(column: str):
    key = {"service": "service.name", "host": "host.name", "pod": "k8s.pod.name"}[column]
    told = request(span(CHAT), resource={key: EXAMPLES["email"]})

    (row,) = process_range([message(told)], ENGINE).tables["spans"].to_pylist()

    assert row[column].startswith(HIDDEN)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "gpt-4o-mini",
            "claude-3-5-sonnet@20240620",
            "publishers/google/models/gemini-2.5-pro",
            "ft:gpt-4o:acme::9f8a7b6c",
        ),
        *("chatcmpl-AbCdEf0123456789AbCdEf01", "resp_0123456789abcdef0123456789abcdef", "msg_01XFDUDYJgAACzvnptvVoYEL"),
        *(
            "acme",
            "team@work",
            "@ai-sdk/openai",
            "app@1.2.3",
            "basic subscription-plan-of-2026",
            "bearer of news",
            "v1.2.3",
        ),
        *(
            "task-list",
            "risk-assessment-pipeline-for-enterprise",
            "desk-0123456789abcdef",
            "ask-me-anything",
            "pkg-manager",
        ),
        *("550e8400-e29b-41d4-a716-446655440000", "4bf92f3577b34da6a3ce929d0e0e4736", "service_tier", "us-east-1"),
    ],
)
def test_ordinary_names_stay_as_they_are(name: str):
    given = {"tenant.id": name, "feature": name, "gen_ai.response.id": name, "gen_ai.tool.name": name}

    row = stored(given)

    assert {row[column] for column in ("tenant", "feature", "response_id", "tool_name")} == {name}


def test_the_same_secret_has_the_same_name_in_every_column_and_another_with_another_key():
    given = {"tenant.id": EXAMPLES["email"], "feature": EXAMPLES["email"], "my.tag": EXAMPLES["email"]}
    other = Engine.of(WorkerSettings(), user_key=b"another")

    row = stored(given)
    (elsewhere,) = process_range([message(request(span(CHAT | given)))], other).tables["spans"].to_pylist()

    assert {row["tenant"], row["feature"], dict(row["tags"])["my.tag"]} == {row["tenant"]}
    assert elsewhere["tenant"] != row["tenant"]


def test_what_the_gateway_says_is_never_touched():
    row = stored({}, tenant="jane.doe@example.com", principal="jane.doe@example.com")

    assert (row["tenant"], row["principal"]) == ("jane.doe@example.com", "jane.doe@example.com")


def test_a_session_or_task_that_is_called_after_its_user_is_hidden():
    row = stored({"user.id": "jane-7", "session.id": "jane-7", "task.id": "jane-7", "tenant.id": "jane-7"})

    assert row["session_id"].startswith(HIDDEN)
    assert row["task_id"] == row["session_id"]
    assert row["tenant"] == "jane-7"
    assert stored({"user.id": "jane-7", "session.id": "s-1"})["session_id"] == "s-1"


def test_an_evaluation_is_not_named_after_a_secret():
    given = {"gen_ai__evaluation__name": "helpful", "gen_ai__evaluation__score__label": EXAMPLES["email"]}

    outcomes = processed({}, events=[event("gen_ai.evaluation.result", after_ms=1, **given)]).tables["outcomes"]

    assert [(row["name"], row["label"]) for row in outcomes.to_pylist()] == [("helpful", None)]


@pytest.mark.parametrize("mark", ["\n", "\r", "\t", "\0", "\x1b", "\x7f", "\x85", "\u2028", "\u2029"])
def test_a_name_with_a_line_break_or_control_character_is_a_text(mark: str):
    made = processed({"feature": f"write{mark}me", "session.id": f"a{mark}b", "gen_ai.agent.name": "a b–ü"})

    (row,) = made.tables["spans"].to_pylist()
    assert row["feature"].startswith(HIDDEN)
    assert row["session_id"].startswith(HIDDEN)
    assert row["agent_name"] == "a b–ü"
    assert made.hidden == {"long_name": 2}
    assert is_hidden("feature", f"write{mark}me")


@pytest.mark.parametrize(
    ("version", "kept"), [("1.2.3b0", "1.2.3b0"), ("1.0+cu12", "1.0+cu12"), ("1.0 of Jane", None), ("jane", None)]
)
def test_a_scope_version_is_a_version(version: str, kept: str | None):
    told = request(span(CHAT), scope="some.scope", version=version)

    (row,) = process_range([message(told)], ENGINE).tables["spans"].to_pylist()

    assert row["scope_version"] == kept


def test_nothing_is_counted_where_nothing_was_hidden():
    assert processed({"tenant.id": "acme", "session.id": "s-1", "user.id": "jane"}).hidden == {}
    assert processed({"session.id": "jane", "user.id": "jane"}).hidden == {}  # a user, no secret


# ---- texts in the place of names


PROMPT = "please tell me what I should do about my neighbour who " * 3
MADE = ("tenant", "session_id", "task_id", "response_model", "response_id", "provider_account")
LONGEST = {name: ID_CHARACTERS if name in MADE else NAME_CHARACTERS for name in COLUMNS.values()}


@pytest.mark.parametrize(("key", "column"), COLUMNS.items())
def test_a_text_in_a_names_place_is_replaced_and_counted(key: str, column: str):
    text = PROMPT * 2

    made = processed({key: text})

    assert made.tables["spans"].to_pylist()[0][column].startswith(HIDDEN)
    assert made.hidden["long_name"] >= 1
    assert (made.dropped, "hidden_value" in made.hidden) == ({}, False)
    assert PROMPT[:20].lower() not in str({name: table.to_pylist() for name, table in made.tables.items()}).lower()


@pytest.mark.parametrize(("key", "column"), COLUMNS.items())
def test_a_name_of_the_longest_length_stays_and_one_more_character_does_not(key: str, column: str):
    most = LONGEST[column]

    assert stored({key: "ü" * most})[column] == "ü" * most
    assert stored({key: "ü" * (most + 1)})[column].startswith(HIDDEN)


@pytest.mark.parametrize("text", ["first line\nsecond", "first\r\nsecond"])
def test_a_name_stands_in_one_line(text: str):
    made = processed({"feature": text})

    assert made.tables["spans"].to_pylist()[0]["feature"].startswith(HIDDEN)
    assert made.hidden == {"long_name": 1}


def test_a_service_that_is_a_text_is_no_principal_either():
    (row,) = (
        process_range([message(request(span(CHAT), resource={"service.name": PROMPT}))], ENGINE)
        .tables["spans"]
        .to_pylist()
    )

    assert row["service"].startswith(HIDDEN)
    assert row["principal"] == row["service"]


def test_a_host_that_is_a_text_and_a_declared_tag_are_hidden_too():
    row = stored({"server.address": PROMPT * 2, "my.tag": PROMPT})

    assert row["server_address"].startswith(HIDDEN)
    assert dict(row["tags"])["my.tag"].startswith(HIDDEN)


def test_a_text_that_holds_a_secret_is_counted_once():
    assert processed({"feature": PROMPT + EXAMPLES["email"]}).hidden == {"hidden_value": 1}


def test_names_of_log_records_are_hidden_and_counted():
    given = {"spanledger.outcome.name": "success", "spanledger.outcome.score": 1.0}
    told = record("spanledger.outcome", given | {"feature": PROMPT, "tenant.id": EXAMPLES["email"]})

    made = process_range([log_message(logs(told))], ENGINE)

    (row,) = made.tables["outcomes"].to_pylist()
    assert row["feature"].startswith(HIDDEN)
    assert row["tenant"].startswith(HIDDEN)
    assert (made.hidden, made.dropped) == ({"hidden_value": 1, "long_name": 1}, {})

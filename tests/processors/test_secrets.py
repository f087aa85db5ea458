"""No credential and no e-mail address stands in a column where a name should: it is replaced, named and counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from processors.engine import Engine, process_range
from processors.messages import Message, Processed
from processors.normalise.secrets import HIDDEN, ID_CHARACTERS, NAME_CHARACTERS, SECRETS, is_hidden
from processors.settings import WorkerSettings
from tests.processors.flushes import Case, processed_of
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
    "phone": "whatsapp:+4915123456789",
    "dialled": "0049 151 23456789",
    "email": "jane.doe@example.com",
}
PHONES = [
    *("+49/151/23456789", "+1\u00a0415\u00a0555\u00a02671", "+49\u202f151\u202f23456789", "wa+14155552671"),
    *("chat_wa+14155552671", "0049/151/23456789", "call 0049 (151) 23456789", "0049\u00a0151\u00a023456789"),
]
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


def chat(given: dict[str, Any], **fields: Any) -> Message:
    """A record of one chat with these attributes."""
    of_message = {name: fields.pop(name) for name in ("tenant", "principal") if name in fields}
    return message(request(span(CHAT | given, **fields)), **of_message)


def processed(messages: Mapping[Case, Message]) -> dict[Case, Processed]:
    """What each record becomes, all in one flush."""
    return processed_of({case: [one] for case, one in messages.items()}, ENGINE)


def stored(messages: Mapping[Case, Message]) -> dict[Case, dict[str, Any]]:
    """The row of ``spans`` of each record of one chat."""
    return {case: only_row(made) for case, made in processed(messages).items()}


def only_row(made: Processed) -> dict[str, Any]:
    """Its one row of ``spans``."""
    (row,) = made.tables["spans"].to_pylist()
    return dict(row)


def text_of(made: Processed) -> str:
    """All that is stored, in lower case."""
    return str({name: table.to_pylist() for name, table in made.tables.items()}).lower()


def test_a_secret_in_a_name_is_replaced_and_counted():
    def everywhere(text: str) -> Message:
        return message(
            request(*(span(CHAT | {key: text}, span_id=bytes([n + 1] * 8)) for n, key in enumerate(COLUMNS)))
        )

    found = processed({kind: everywhere(f" {EXAMPLES[kind]} ") for kind in SECRETS})

    for kind, made in found.items():
        rows = made.tables["spans"].to_pylist()
        names = [row[column] for row, column in zip(rows, COLUMNS.values(), strict=True)]
        assert [name for name in names if not name.startswith(HIDDEN)] == [], kind
        assert made.hidden["hidden_value"] >= len(COLUMNS), kind  # an agent also names a feature
        assert (made.dropped, set(made.hidden)) == ({}, {"hidden_value"}), kind
        assert EXAMPLES[kind].lower() not in text_of(made), kind


def test_a_telephone_number_is_hidden_however_its_digits_are_set_apart():
    alone = stored({phone: chat({"session.id": phone}) for phone in PHONES})
    many = [
        span(CHAT | {"session.id": PHONES[n] if n < 8 else f"s-{n}"}, span_id=n.to_bytes(8)) for n in range(1, 3000)
    ]

    [made] = processed({"many": message(request(*many))}).values()

    assert {phone: row["session_id"][:7] for phone, row in alone.items()} == dict.fromkeys(PHONES, HIDDEN)
    assert made.hidden == {"hidden_value": 7}


def test_names_of_the_resource_are_replaced_too():
    keys = {"service": "service.name", "host": "host.name", "pod": "k8s.pod.name"}

    rows = stored(
        {column: message(request(span(CHAT), resource={key: EXAMPLES["email"]})) for column, key in keys.items()}
    )

    assert {column: row[column].startswith(HIDDEN) for column, row in rows.items()} == dict.fromkeys(keys, True)


def test_ordinary_names_stay_as_they_are():
    names = [
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
            "1.4.0+20261122",
            "+2026112 releases",
            "1.4.0-rc+20261122101",
            "1.4.0rc+20261122101",
            "00491512345678",
            "run 0012 20261122",
            "run 001 2026/11/22",
            "2026-11-22T10:00:00+01:00",
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
    ]

    keys = ("tenant.id", "feature", "gen_ai.response.id", "gen_ai.tool.name")

    rows = stored({name: chat(dict.fromkeys(keys, name)) for name in names})

    found = {
        name: {row[column] for column in ("tenant", "feature", "response_id", "tool_name")}
        for name, row in rows.items()
    }
    assert found == {name: {name} for name in names}


def test_the_same_secret_has_the_same_name_in_every_column_and_another_with_another_key():
    given = {"tenant.id": EXAMPLES["email"], "feature": EXAMPLES["email"], "my.tag": EXAMPLES["email"]}
    other = Engine.of(WorkerSettings(), user_key=b"another")

    row, elsewhere = (only_row(process_range([chat(given)], engine)) for engine in (ENGINE, other))

    assert {row["tenant"], row["feature"], dict(row["tags"])["my.tag"]} == {row["tenant"]}
    assert elsewhere["tenant"] != row["tenant"]


def test_what_the_gateway_says_is_never_touched():
    row = only_row(process_range([chat({}, tenant="jane.doe@example.com", principal="jane.doe@example.com")], ENGINE))

    assert (row["tenant"], row["principal"]) == ("jane.doe@example.com", "jane.doe@example.com")


def test_a_session_or_task_that_is_called_after_its_user_is_hidden():
    same = dict.fromkeys(("user.id", "session.id", "task.id", "tenant.id"), "jane-7")

    rows = stored({"same": chat(same), "other": chat({"user.id": "jane-7", "session.id": "s-1"})})

    row = rows["same"]
    assert row["session_id"].startswith(HIDDEN)
    assert row["task_id"] == row["session_id"]
    assert row["tenant"] == "jane-7"
    assert rows["other"]["session_id"] == "s-1"


def trace_of(*each: dict[str, Any], trace: int) -> Message:
    """A record of spans of one trace, each the parent of the next."""
    ids = {"trace_id": bytes([trace] * 16)}
    return message(
        request(
            *(span(CHAT | one, span_id=bytes([n + 1] * 8), parent_span_id=bytes([n] * 8) if n else b"", **ids)
              for n, one in enumerate(each))
        )
    )  # fmt: skip


def test_a_session_or_task_is_hidden_where_any_span_of_its_trace_names_that_user():
    user = {"user.id": "jane-7"}
    told = {
        "below the user": [user, {"session.id": "jane-7"}],
        "above the user": [{"session.id": "jane-7"}, user],
        "a task": [user, {"task.id": "Jane-7"}],
        "as a word": [user, {"session.id": "sess:jane-7/1"}],
        "by another key": [{"user.id": "u-1", "enduser.id": "jane-7"}, {"gen_ai.conversation.id": "jane-7"}],
        "by an evaluation": [user, {"task.outcome": "success", "session.id": "jane-7"}],
    }  # fmt: skip

    found = processed({case: trace_of(*each, trace=n + 1) for n, (case, each) in enumerate(told.items())})

    for case, made in found.items():
        assert "jane-7" not in text_of(made), case
        rows = made.tables["spans"].to_pylist()
        assert any(str(row[name]).startswith(HIDDEN) for row in rows for name in ("session_id", "task_id")), case
    assert found["by an evaluation"].tables["outcomes"]["session_id"].to_pylist()[0].startswith(HIDDEN)


def test_a_session_that_only_looks_like_a_user_stays():
    told = {
        "another trace": ([{"user.id": "jane-7"}], [{"session.id": "jane-7"}]),
        "a part of a word": ([{"user.id": "jane", "session.id": "janet"}],),
        "too short": ([{"user.id": "7", "session.id": "s-7"}],),
    }
    messages = {
        case: [trace_of(*one, trace=9 * n + m + 1) for m, one in enumerate(traces)]
        for n, (case, traces) in enumerate(told.items())
    }

    found = processed_of(messages, ENGINE)

    kept = {case: made.tables["spans"]["session_id"].to_pylist()[-1] for case, made in found.items()}
    assert kept == {"another trace": "jane-7", "a part of a word": "janet", "too short": "s-7"}


def test_an_evaluation_is_not_named_after_a_secret():
    given = {"gen_ai__evaluation__name": "helpful", "gen_ai__evaluation__score__label": EXAMPLES["email"]}

    made = process_range([chat({}, events=[event("gen_ai.evaluation.result", after_ms=1, **given)])], ENGINE)

    assert [(row["name"], row["label"]) for row in made.tables["outcomes"].to_pylist()] == [("helpful", None)]


def test_a_name_with_a_line_break_or_control_character_is_a_text():
    marks = ["\n", "\r", "\t", "\0", "\x1b", "\x7f", "\x85", "\u2028", "\u2029"]

    found = processed(
        {
            mark: chat({"feature": f"write{mark}me", "session.id": f"a{mark}b", "gen_ai.agent.name": "a b–ü"})
            for mark in marks
        }
    )

    for mark, made in found.items():
        row = only_row(made)
        assert row["feature"].startswith(HIDDEN), repr(mark)
        assert row["session_id"].startswith(HIDDEN), repr(mark)
        assert row["agent_name"] == "a b–ü", repr(mark)
        assert made.hidden == {"long_name": 2}, repr(mark)
        assert is_hidden("feature", f"write{mark}me"), repr(mark)


def test_a_scope_version_is_a_version():
    versions = [("1.2.3b0", "1.2.3b0"), ("1.0+cu12", "1.0+cu12"), ("1.0 of Jane", None), ("jane", None)]

    rows = stored(
        {version: message(request(span(CHAT), scope="some.scope", version=version)) for version, _ in versions}
    )

    assert [(version, row["scope_version"]) for version, row in rows.items()] == versions


def test_nothing_is_counted_where_nothing_was_hidden():
    named = {"tenant.id": "acme", "session.id": "s-1", "user.id": "jane"}
    user = {"session.id": "jane", "user.id": "jane"}  # hidden as a user, no secret

    found = processed({"named": chat(named), "user": chat(user)})

    assert {case: made.hidden for case, made in found.items()} == {"named": {}, "user": {}}


# ---- texts in the place of names


PROMPT = "please tell me what I should do about my neighbour who " * 3
MADE = ("tenant", "session_id", "task_id", "response_model", "response_id", "provider_account")
LONGEST = {name: ID_CHARACTERS if name in MADE else NAME_CHARACTERS for name in COLUMNS.values()}


def test_a_text_in_a_names_place_is_replaced_and_counted():
    found = processed({key: chat({key: PROMPT * 2}) for key in COLUMNS})

    for key, made in found.items():
        assert only_row(made)[COLUMNS[key]].startswith(HIDDEN), key
        assert made.hidden["long_name"] >= 1, key
        assert (made.dropped, "hidden_value" in made.hidden) == ({}, False), key
        assert PROMPT[:20].lower() not in text_of(made), key


def test_a_name_of_the_longest_length_stays_and_one_more_character_does_not():
    longest = {key: "ü" * LONGEST[column] for key, column in COLUMNS.items()}

    stays = stored({key: chat({key: name}) for key, name in longest.items()})
    goes = stored({key: chat({key: name + "ü"}) for key, name in longest.items()})

    assert {key: row[COLUMNS[key]] for key, row in stays.items()} == longest
    assert {key: row[COLUMNS[key]].startswith(HIDDEN) for key, row in goes.items()} == dict.fromkeys(COLUMNS, True)


def test_a_name_stands_in_one_line():
    texts = ["first line\nsecond", "first\r\nsecond"]

    for text, made in processed({text: chat({"feature": text}) for text in texts}).items():
        assert only_row(made)["feature"].startswith(HIDDEN), repr(text)
        assert made.hidden == {"long_name": 1}, repr(text)


def test_a_service_that_is_a_text_is_no_principal_either():
    told = request(span(CHAT), resource={"service.name": PROMPT})

    row = only_row(process_range([message(told)], ENGINE))

    assert row["service"].startswith(HIDDEN)
    assert row["principal"] == row["service"]


def test_a_host_that_is_a_text_and_a_declared_tag_are_hidden_too():
    row = only_row(process_range([chat({"server.address": PROMPT * 2, "my.tag": PROMPT})], ENGINE))

    assert row["server_address"].startswith(HIDDEN)
    assert dict(row["tags"])["my.tag"].startswith(HIDDEN)


def test_a_text_that_holds_a_secret_is_counted_once():
    made = process_range([chat({"feature": PROMPT + EXAMPLES["email"]})], ENGINE)

    assert made.hidden == {"hidden_value": 1}


def test_names_of_log_records_are_hidden_and_counted():
    given = {"spanledger.outcome.name": "success", "spanledger.outcome.score": 1.0}
    told = record("spanledger.outcome", given | {"feature": PROMPT, "tenant.id": EXAMPLES["email"]})

    made = process_range([log_message(logs(told))], ENGINE)

    (row,) = made.tables["outcomes"].to_pylist()
    assert row["feature"].startswith(HIDDEN)
    assert row["tenant"].startswith(HIDDEN)
    assert (made.hidden, made.dropped) == ({"hidden_value": 1, "long_name": 1}, {})

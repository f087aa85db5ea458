"""The alias table against the shared list of conventions, and against itself."""

import csv
import re
from pathlib import Path

import pytest

from processors.conventions.rules import NAMED, SPAN_KINDS, error_rules, roles, scopes, usage_rules, words
from processors.conventions.spelling import spellings
from processors.conventions.table import REPEATS, load_table, read_rows
from warehouse.schemas import BILLABLE_OPERATIONS, OTHER_OPERATIONS

DATA = Path(__file__).parent.parent / "data" / "conventions"
TABLE = load_table()
OPERATIONS = {*BILLABLE_OPERATIONS, *OTHER_OPERATIONS}
NOT_ON_SPANS = {"metric", "metric_label", "metric_attr", "provider", "log"}
SAME = {
    "conversation_id": "session_id",
    "time_to_first_token": "ttft|other_ttft|server_ttft|first_chunk_at",
    "workflow_name": "feature",
    "service_name": "service",
    "service_namespace": "tenant",
    "duration": "reported_duration",
    "retry_count": "resend_count",
    "provider_model": "provider_model",
    "stream": "stream|stream_asked",
    "guardrail_verdict": "guardrail_action",
    "guardrail_status": "guardrail_action",
    "guardrail_category": "safety_category",
    "request_id": "call_id|response_id",
    "usage_raw": "cached_input_tokens",
    "user_feedback": "evaluation_name|evaluation_source",
    "exception_message": "error_message",
    "error_type": "error_type|error_level",
    "operation": "operation|operation_kind|span_type",
    "tenant": "tenant|provider_account",
}
"""Where the list's word for a field is not ours."""


def _shared() -> list[dict[str, str]]:
    with (DATA / "attributes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    on_spans = [row for row in rows if not set(row["where"].split("|")) <= NOT_ON_SPANS]
    return [row for row in on_spans if row["canonical_field"] != "content"]


def _ours() -> dict[str, set[str]]:
    """Key, or key -> $.path, or event -> the fields that its rows fill."""
    found: dict[str, set[str]] = {}
    for row in read_rows("aliases.csv"):
        for name in (row["key"], f"{row['key']} -> $.{row['path']}", row["event"]):
            found.setdefault(name, set()).add(row["field"])
    for alias in TABLE.aliases:
        found.setdefault(alias.key, set()).add(alias.field)
    return found


@pytest.mark.parametrize("row", _shared(), ids=lambda row: f"{row['convention']}:{row['attribute_key'][:60]}")
def test_every_span_attribute_of_every_convention_is_read_or_left_out_for_a_reason(row: dict[str, str]):
    apart = {line["key"]: line["reason"] for line in read_rows("apart.csv")}
    wanted = SAME.get(row["canonical_field"], row["canonical_field"]).split("|")

    fields = _ours().get(row["attribute_key"], set())

    assert apart.get(row["attribute_key"]) or fields & {*wanted, "*"}


def test_nothing_that_holds_content_is_kept_as_text():
    with (DATA / "attributes.csv").open(encoding="utf-8", newline="") as file:
        content = {row["attribute_key"] for row in csv.DictReader(file) if row["canonical_field"] == "content"}
    texts = {field.name for field in TABLE.fields if field.kind in ("text", "first")} - {"error_message"}
    read_whole = {alias.key for alias in TABLE.aliases if not alias.path and alias.field in texts}

    assert content & read_whole == set()


def test_units_agree_with_the_shared_list():
    with (DATA / "attributes.csv").open(encoding="utf-8", newline="") as file:
        seconds = {row["attribute_key"]: row["unit"] for row in csv.DictReader(file) if row["unit"] in ("s", "ms")}

    ours = {row["key"]: row["unit"] for row in read_rows("aliases.csv") if row["unit"] in ("s", "ms")}

    assert {key: unit for key, unit in ours.items() if key in seconds and seconds[key] != unit} == {}


def test_every_field_of_an_alias_is_a_field():
    fields = {field.name for field in TABLE.fields}

    assert {alias.field for alias in TABLE.aliases} <= fields
    kinds = {field.kind for field in TABLE.fields}
    assert kinds == {"text", "first", "who", "integer", "count", "real", "elapsed", "bool", "time"}


def test_aliases_are_numbered_by_precedence_and_fit_16_bits():
    assert [alias.index for alias in TABLE.aliases] == list(range(len(TABLE.aliases)))
    assert len(TABLE.aliases) < 2**15


def test_no_two_aliases_of_a_field_are_the_same():
    seen = [(a.field, a.place, a.event, a.key, a.path, a.group) for a in TABLE.aliases]

    assert len(seen) == len(set(seen))


def test_numbered_keys_are_expanded():
    keys = {alias.key for alias in TABLE.aliases if alias.key.startswith("evaluations.")}

    assert f"evaluations.{REPEATS - 1}.evaluation.name" in keys
    assert not any("{i}" in alias.key for alias in TABLE.aliases)


def test_token_counts_say_what_they_include():
    counts = [row for row in read_rows("aliases.csv") if row["field"] in ("input_tokens", "output_tokens")]

    assert {row["includes"] for row in counts} == {"inclusive", "exclusive", "rest"}


@pytest.mark.parametrize(
    ("name", "spelled"),
    [
        ("tenant.id", ("tenant.id", "tenant_id", "tenantId")),
        ("app.use_case", ("app.use_case", "app.use.case", "app_use_case", "appUseCase")),
        ("feature", ("feature",)),
    ],
)
def test_a_name_has_dotted_snake_and_camel_spellings(name: str, spelled: tuple[str, ...]):
    assert spellings(name) == spelled


def test_canonical_words_are_those_of_the_design():
    assert set(words("operation").values()) <= OPERATIONS
    assert set(words("operation_kind").values()) <= OPERATIONS
    assert set(words("model_operation").values()) <= OPERATIONS
    assert set(words("finish_reason").values()) == {"stop", "length", "tool_calls", "content_filter", "error"}
    assert set(words("guardrail_action").values()) == {"blocked", "redacted", "flagged", "allowed"}


def test_error_classes_are_those_of_the_shared_taxonomy():
    with (DATA / "error_taxonomy.csv").open(encoding="utf-8", newline="") as file:
        taxonomy = {row["canonical_class"] for row in csv.DictReader(file)}

    assert {rule.error_class for rule in error_rules()} <= taxonomy
    assert {rule.kind for rule in error_rules()} == {
        "package",
        "code",
        "http",
        "exception",
        "message",
        "word",
        "finish",
    }
    assert all(re.compile(rule.pattern) for rule in error_rules())


def test_scopes_are_tried_longest_first():
    lengths = [len(scope.prefix) for scope in scopes()]

    assert lengths == sorted(lengths, reverse=True)
    assert {scope.stream_ends for scope in scopes()} == {"here", "always", "elsewhere"}


def test_roles_and_usage_rules_speak_known_words():
    fields = {field.name for field in TABLE.fields}

    assert {role.role for role in roles()} - {""} <= {
        "call",
        "usage_record",
        "repeat",
        "aggregate",
        "pending",
        "fetch",
        "other",
    }
    assert {role.field for role in roles()} - {""} <= fields
    assert {role.kind for role in roles()} - {""} <= {*SPAN_KINDS}
    said = {operation for role in roles() for operation in (role.operation, role.otherwise)}
    assert said - {"", NAMED} <= OPERATIONS
    assert all(role.group("operation") for role in roles() if role.otherwise == NAMED)
    said = {side for rule in usage_rules() for side in (rule.input, rule.output)}
    inputs = {"inclusive_of_read", "inclusive_of_tools", "or_guessed", "by_total", "either"}
    assert said == {"inclusive", "exclusive", "unknown", *inputs, "bare", "twice", "by_api"}


def test_a_convention_is_added_by_rows_alone():
    tagged = load_table(("my.key",))

    assert tagged.fields[-1].name == "tag:my.key"
    assert "my.key" in tagged.span
    assert "my.key" in tagged.resource


def test_every_attribute_of_our_own_is_documented():
    text = (Path(__file__).parent.parent.parent / "docs" / "attributes.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`(spanledger\.[a-z_.]+)`", text))

    assert documented == {row["key"] for row in read_rows("aliases.csv") if row["convention"] == "spanledger"}

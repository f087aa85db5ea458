"""Decode: verdicts, values, precedence."""

import json
import time
from typing import Any

import pytest

from processors.conventions.table import load_table
from processors.decode import Decoded, decode, reprs
from processors.decode.values import structure
from processors.decode.wire import attributes
from processors.messages import Drop
from tests.processors.otlp import START_NS, event, message, request, span

TABLE = load_table(("team.color",))


def _decode(*values: Any) -> Decoded:
    return decode([message(value) for value in values], TABLE)


def _one(given: dict[str, Any], **more: Any) -> dict[str, Any]:
    resource = more.pop("resource", None)
    return _decode(request(span(given, **more), resource=resource)).spans.to_pylist()[0]


def test_a_bad_payload_fails_alone():
    good = request(span())

    decoded = _decode(good, b"\x0a\xff\xff", good)

    assert [letter.index for letter in decoded.dead] == [1]
    assert decoded.dead[0].reason is Drop.BAD_PAYLOAD
    assert decoded.spans["message_index"].to_pylist() == [0, 2]


def test_a_payload_without_spans_is_empty():
    decoded = _decode(b"", b"{}", b"[]", b'{"resourceMetrics": []}', request())

    assert [letter.reason for letter in decoded.dead] == [Drop.EMPTY] * 5


def test_spans_without_valid_ids_are_counted_and_the_others_stand():
    bad = [span(trace_id=b"\x01" * 15), span(span_id=b""), span(trace_id=bytes(16)), span(span_id=bytes(8))]

    decoded = _decode(request(*bad, span()))

    assert decoded.dropped == {(0, "bad_span"): 4}
    assert decoded.dead == ()
    assert decoded.spans["span_index"].to_pylist() == [4]


def test_a_parent_id_of_zeroes_is_no_parent():
    assert _one({}, parent_span_id=bytes(8))["parent_span_id"] is None
    assert _one({}, parent_span_id=b"\x03" * 8)["parent_span_id"] == b"\x03" * 8


def test_nothing_in_nothing_out():
    decoded = _decode()

    assert decoded.spans.num_rows == 0
    assert decoded.messages.num_rows == 0


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (7, 7),
        ("7", 7),
        (" 7 ", 7),
        (7.0, 7),
        ("7.0", 7),
        ("1e2", 100),
        ("1.5E+1", 15),
        ("150e-1", 15),
        ("9223372036854775807", 2**63 - 1),
        ("1.5", -1),
        ("1e-2", -1),
        ("1e400", -1),
        ("1e999999999", -1),
        ("1,200", 1200),
        ("1_200_000", 1_200_000),
        ("1.200", -1),
        ("12,00", -1),
        ("1200 tokens", -1),
        ("0x4b0", -1),
        ("NaN", -1),
        ("-inf", -1),
        ("None", None),
        ("info", None),
        (-7, -7),
        (7.5, -1),
        ("many", None),
        ("", None),
        (True, None),
        (float("nan"), -1),
        (float("inf"), -1),
        (1e300, -1),
        ("9" * 40, -1),
        ([7], None),
        (None, None),
    ],
)
def test_a_count_is_read_from_numbers_and_text_and_minus_one_where_a_number_counts_nothing(written: Any, read: Any):
    assert _one({"gen_ai.usage.input_tokens": written})["input_tokens"] == read


@pytest.mark.parametrize(
    ("written", "read"), [(True, True), ("True", True), ("false", False), (1, True), (0, False), ("maybe", None)]
)
def test_booleans_are_read_from_text_and_numbers(written: Any, read: Any):
    assert _one({"llm.is_streaming": written})["stream"] == read


@pytest.mark.parametrize(
    "written",
    [
        *(["stop", "length"], ["", "stop"], [None, "stop"]),
        *('["stop"]', "['stop']", "[None, 'stop']", "stop", '"stop"', "'stop'", " stop "),
        *("('stop',)", "('stop', 'length')", "{'stop'}", "{'stop', 'tool_calls'}", "frozenset({'stop'})"),
    ],
)
def test_the_first_of_several_finish_reasons_is_read_from_lists_texts_and_reprs(written: Any):
    assert _one({"gen_ai.response.finish_reasons": written})["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("<FinishReason.STOP: 'STOP'>", "FinishReason.STOP"),
        ("[<FinishReason.STOP: 1>]", "FinishReason.STOP"),
        ("[[['stop']]]", None),
        ("[" * 900, None),
        ("()", None),
        ("set()", None),
        ("{'stop': 1}", None),
        ("(stop", None),
    ],
)
def test_a_repr_of_enums_gives_their_names_and_one_of_no_text_gives_nothing(written: str, read: str | None):
    assert _one({"gen_ai.response.finish_reasons": written})["finish_reason"] == read


def test_an_empty_value_leaves_the_field_to_the_next_alias():
    assert _one({"gen_ai.provider.name": "", "gen_ai.system": "openai"})["provider"] == "openai"
    assert _one({"gen_ai.usage.input_tokens": "?", "gen_ai.usage.prompt_tokens": 5})["input_tokens"] == 5


def test_rank_wins_over_the_order_on_the_wire():
    new_first = {"gen_ai.provider.name": "anthropic", "gen_ai.system": "openai"}
    old_first = dict(reversed(new_first.items()))

    assert _one(new_first)["provider"] == _one(old_first)["provider"] == "anthropic"


def test_a_span_attribute_wins_over_the_same_key_of_its_resource():
    assert _one({"tenant.id": "span"}, resource={"tenant.id": "resource"})["tenant"] == "span"
    assert _one({}, resource={"tenant.id": "resource"})["tenant"] == "resource"


def test_an_explicit_tenant_of_the_resource_wins_over_a_team_of_the_span():
    assert _one({"team.id": "search"}, resource={"tenant.id": "acme"})["tenant"] == "acme"


def test_the_winner_says_which_key_gave_the_value():
    decoded = _decode(request(span({"gen_ai.usage.prompt_tokens": 5})))

    winner = TABLE.aliases[decoded.winners["input_tokens"][0].as_py()]

    assert (winner.key, winner.convention, winner.includes) == (
        "gen_ai.usage.prompt_tokens",
        "otel_genai_deprecated",
        "inclusive",
    )


@pytest.mark.parametrize(
    "written",
    [
        {"metadata": '{"tenant_id": "acme"}'},
        {"metadata": "{'tenantId': 'acme', 'x': None}"},
        {"metadata": {"tenant.id": "acme"}},
        {"traceloop.association.properties.customer_id": "acme"},
        {"ai.settings.context.tenantId": "acme"},
        {"ai.telemetry.metadata.tenant": "acme"},
        {"langfuse.observation.metadata.tenant_id": '"acme"'},
        {"litellm.metadata.organizationId": "acme"},
    ],
)
def test_free_maps_are_searched_for_every_spelling(written: Any):
    assert _one(written)["tenant"] == "acme"


def test_users_sessions_tasks_and_features_are_found_in_free_maps_too():
    found = _one({"metadata": '{"userId": "u", "session_id": "s", "taskId": "t", "feature_name": "f"}'})

    assert (found["user_id"], found["session_id"], found["task_id"], found["feature"]) == ("u", "s", "t", "f")


def test_usage_hidden_in_a_python_repr_is_found():
    repr_text = "{'prompt_tokens_details': {'cached_tokens': 1024, 'audio_tokens': None}, 'prompt_tokens': 1200}"

    found = _one({"metadata.usage_object": repr_text})

    assert (found["cached_input_tokens"], found["input_tokens"], found["audio_input_tokens"]) == (1024, 1200, None)


@pytest.mark.parametrize(
    "other",
    [
        "datetime.datetime(2020, 1, 1)",
        "UUID('12345678-1234-5678-1234-567812345678')",
        "<Request at 0x7f>",
        "<Colour.RED: 'a'>",
        "[1, <lambda>, {2: f(3)}]",
        "__import__('os').abort()",
        "-x",
        "nan",
    ],
)
def test_an_object_in_a_python_repr_leaves_what_is_literal_beside_it(other: str):
    found = _one({"metadata": f"{{'tenantId': 't<1>', 'd': {other}, 'userId': 'u'}}"})

    assert (found["tenant"], found["user_id"]) == ("t<1>", "u")


@pytest.mark.parametrize(
    "written",
    [
        "Usage(completion_tokens=7, prompt_tokens=90, details=None, prompt_tokens_details=Wrapper(cached_tokens=64))",
        "litellm.types.Usage(prompt_tokens=90, prompt_tokens_details=Wrapper(cached_tokens=64, kind=<Kind.TEXT: 1>))",
        "prompt_tokens=90 prompt_tokens_details=Wrapper(audio_tokens=None, cached_tokens=64) note='a b=1, c=2'",
        "Usage[int](prompt_tokens=90, made=<A at 0x7f>, prompt_tokens_details=Usage.<locals>.In(cached_tokens=64))",
        "{'prompt_tokens': 90, 'prompt_tokens_details': Wrapper(audio_tokens=None, cached_tokens=64)}",
        "OrderedDict([('prompt_tokens', Decimal('90')), ('prompt_tokens_details', Mapping({'cached_tokens': 64}))])",
        "{'prompt_tokens': 90, 'prompt_tokens_details': 'audio_tokens=None cached_tokens=64'}",
        '{"prompt_tokens": 90, "prompt_tokens_details": "Wrapper(cached_tokens=64)"}',
    ],
)
def test_usage_in_the_repr_of_an_object_is_found_under_every_key_that_holds_it(written: str):
    inside = written if written[0] == "{" and '"' not in written else json.dumps(written)

    told = [
        _one(given)
        for given in (
            {"metadata.usage_object": written},
            {"metadata": f"{{'usage_object': {inside}, 'made': <object at 0x7f>}}"},
            {"metadata": json.dumps({"usage_object": written})},
            {"metadata": {"usage_object": written}},
            {"hidden_params": json.dumps({"usage_object": written})},
        )
    ]

    assert [(one["input_tokens"], one["cached_input_tokens"]) for one in told] == [(90, 64)] * 5


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Page(a=<End.STOP: 'stop'>, b=<End.STOP: 1>, c=End.STOP)", {"a": "stop", "b": "End.STOP", "c": "End.STOP"}),
        ("{'a': <Tier.FLEX: \"flex\">, 'b': 'a <Tier.FLEX: 1> b'}", {"a": "flex", "b": "a <Tier.FLEX: 1> b"}),
        ("Row(a=defaultdict(<class 'int'>, {'b': 1}), c=deque([1]))", {"a": {"b": 1}, "c": [1]}),
        ("Row(at=dt.datetime(2026, 1, 2), on=f(2, 1, 2), s=SecretStr('**'))", {"at": None, "on": None, "s": "**"}),
        ("a=1 b=Row(c='x=1 y=2', d=[Row(e=2)])", {"a": 1, "b": {"c": "x=1 y=2", "d": [{"e": 2}]}}),
        *((text, None) for text in ("print('x')", "Sure (", "f(1, b=2)", "list[0]", "a=", "x == 1", "it=is not=so")),
    ],
)  # fmt: skip
def test_objects_and_enums_of_a_repr_are_what_they_hold(written: str, read: Any):
    assert structure(written) == read


def test_both_decoders_agree_on_how_long_the_name_of_an_object_is():
    assert attributes.NAME_BYTES == reprs.NAME_BYTES


@pytest.mark.parametrize(
    "text",
    [
        *("{'a':" * 20_000, "{'" + "\\'" * 300_000 + "<", "{" + "-" * 20_000 + "1: <a>}"),
        *("A(" * 20_000, "a=A(b=" * 20_000, "a='" + "\\'" * 300_000, "a=1 " * 200_000, "a=" + " " * 60_000 + "<"),
    ],
)
def test_a_repr_made_to_be_slow_or_deep_tells_nothing_and_takes_no_time(text: str):
    before = time.process_time()

    assert structure(text) in (None, {})
    assert time.process_time() - before < 2


def test_seconds_and_milliseconds_are_told_apart_by_the_key():
    assert _one({"gen_ai.response.time_to_first_chunk": 0.25})["ttft"] == 250
    assert _one({"ai.response.msToFirstChunk": 250})["other_ttft"] == 250


def test_the_first_of_many_chunk_events_is_kept():
    chunks = [event("gen_ai.content.completion.chunk", after_ms=after) for after in (30, 20, 40)]

    assert _one({}, events=chunks)["first_chunk_at"] == START_NS + 20_000_000


def test_the_last_exception_stands():
    events = [event("exception", after_ms=1, exception__type=name) for name in ("First", "Last")]

    assert _one({}, events=events)["exception_type"] == "Last"


def test_every_evaluation_of_a_span_is_a_row():
    events = [event("gen_ai.evaluation.result", after_ms=1, gen_ai__evaluation__name=name) for name in ("a", "b")]
    flat = {"evaluations.0.evaluation.name": "c", "annotations.3.annotation.name": "d"}

    found = _decode(request(span(), span(flat, span_id=b"\x09" * 8, events=events))).evaluations.to_pylist()

    assert sorted((row["row"], row["evaluation_name"]) for row in found) == [(1, "a"), (1, "b"), (1, "c"), (1, "d")]


def test_declared_tags_are_kept_as_text():
    assert _one({"team.color": 7})["tag:team.color"] == "7"


def test_text_that_is_too_long_for_a_name_is_no_name():
    assert _one({"tenant.id": "x" * 1025})["tenant"] is None
    assert _one({"tenant.id": "é" * 512})["tenant"] == "é" * 512


def test_the_status_message_is_read_of_errors_only():
    assert _one({}, status=1, message="all about it")["status_message"] is None
    assert _one({}, status=2, message="all about it")["status_message"] == "all about it"


def test_unknown_attributes_are_nowhere_in_the_columns():
    decoded = _decode(request(span({"gen_ai.input.messages": "my secret", "input.value": "my secret"})))

    assert "my secret" not in json.dumps(decoded.spans.to_pylist(), default=str)

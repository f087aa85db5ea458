"""What nobody foresaw stops one message, never its partition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from polars.exceptions import PanicException

from processors.conventions.table import read_rows
from processors.engine import Engine, process_range
from processors.messages import Message, Processed
from processors.settings import WorkerSettings
from processors.sieve import STOPS, process_surely, stopping
from tests.processors.flushes import Case, processed_of
from tests.processors.otlp import message, request, span

ENGINE = Engine.of(WorkerSettings(), user_key=bytes(32))
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 5,
}


def good(offset: int) -> Message:
    return message(request(span(CHAT, span_id=offset.to_bytes(8))), offset=offset)


def stopping_at(offsets: set[int], error: BaseException):
    def process(messages: Sequence[Message], engine: Engine) -> Processed:
        if any(m.offset in offsets for m in messages):
            raise error
        return process_range(messages, engine)

    return process


@pytest.mark.parametrize("error", [ValueError("secret"), PanicException("secret")], ids=["error", "panic"])
def test_a_message_that_stops_the_engine_is_a_dead_letter_and_its_neighbours_stand(
    error: BaseException, caplog: pytest.LogCaptureFixture
):
    messages = [good(4), message(b"\xff", offset=5), good(6), good(7), good(8)]

    processed = process_surely(messages, ENGINE, stopping_at({6, 8}, error))

    assert processed.tables["spans"]["source_offset"].to_pylist() == [4, 7]
    assert [(d.index, d.reason.value) for d in processed.dead] == [
        (1, "bad_payload"),
        (2, "unprocessable"),
        (4, "unprocessable"),
    ]
    assert processed.dropped == {"bad_payload": 1, "unprocessable": 2}
    assert "secret" not in caplog.text + str(processed.dead)


def test_an_error_that_no_message_raises_alone_is_raised():
    def process(messages: Sequence[Message], engine: Engine) -> Processed:
        if len(messages) > 1:
            raise ValueError("between messages")
        return process_range(messages, engine)

    with pytest.raises(ValueError, match="between messages"):
        process_surely([good(1), good(2)], ENGINE, process)


def test_a_lack_of_memory_is_no_fault_of_a_message():
    with pytest.raises(MemoryError):
        process_surely([good(1)], ENGINE, stopping_at({1}, MemoryError()))


def test_nothing_is_tried_twice_where_nothing_raises():
    asked: list[int] = []

    def process(messages: Sequence[Message], engine: Engine) -> Processed:
        asked.append(len(messages))
        return process_range(messages, engine)

    process_surely([good(1), good(2)], ENGINE, process)

    assert asked == [2]


NASTY = [
    '"\\ud800"', "0x" + "f" * 5000, "1e999", "-1e999", "NaN", '"' + "a" * 300 + '\\ud800"', "9" * 400,
    "[]", "{}", "true", "null", '"\\u0000"', str(-(2**63)), str(2**63 - 1), "1.5", '"1e400"', 'b"x"', "(1,2)",
    '"0001-01-01T00:00:00+14:00"', '"9999-12-31T23:59:59-14:00"', '["\\ud800"]', "[0x" + "f" * 5000 + "]",
    "\u0663", "\xb2", 2**63 - 1, -(2**63), 1e300, 5e-324, float("nan"), float("inf"), True,
    b"\xff\xfe", ["a", "b"], None, "", "\x00",
]  # fmt: skip
"""Values as they may stand anywhere: in an attribute, or at the end of a path in one."""


def standing(cases: Mapping[Case, ExportTraceServiceRequest]) -> dict[Case, Processed]:
    """What each case comes to, from one pass; what stops it is named."""
    sent = {case: [message(one)] for case, one in cases.items()}
    try:
        return processed_of(sent, ENGINE)
    except STOPS as error:
        alone = [case for case, messages in sent.items() if stopping(messages, ENGINE)]
        pytest.fail(f"stopped by {alone or 'all together'}: {error!r}")


def _nested(path: str, value: object) -> object:
    """A value at the end of a path, as JSON text."""
    if not path or not isinstance(value, str):
        return value
    for step in reversed(path.split(".")):
        value = f'{{"{step}": {value}}}'
    return value


def test_no_value_of_any_known_attribute_stops_the_engine():
    rows = [row for row in read_rows("aliases.csv") if row["key"]]
    cases = {}
    for number, value in enumerate(NASTY):
        told = [CHAT | {row["key"].replace("*", "tenant"): _nested(row["path"], value)} for row in rows]
        spans = [span(given, span_id=(1 + i).to_bytes(8)) for i, given in enumerate(told)]
        cases[number, str(value)[:20]] = request(*spans)

    made = standing(cases)

    assert {case: (one.tables["spans"].num_rows, one.dead) for case, one in made.items()} == dict.fromkeys(
        cases, (len(rows), ())
    )


LONE = "\\ud83d"


def test_attributes_that_stopped_the_engine_once_do_so_no_more():
    cases: dict[str, dict[str, object]] = {
        "lone surrogate": {"output.value": f'{{"id": "{LONE}"}}'},
        "huge number": {"output.value": "{'id': 0x" + "f" * 5000 + "}"},
        "finish reason": {"gen_ai.response.finish_reasons": f'["{LONE}"]'},
        "free map": {"metadata": f'{{"tenant_id": "{LONE}", "feature": "{LONE * 600}"}}'},
        "booleans": {
            "llm.is_streaming": "{'a': 0x" + "f" * 5000 + "}",
            "metadata": "{'tenant_id': 0x" + "f" * 5000 + "}",
        },
        "resends": {"http.request.resend_count": 2**63 - 1},
        "most resends": {"http.request.resend_count": 2**31 - 1},
        "counts": {"gen_ai.usage.input_tokens": 2**63 - 1, "gen_ai.usage.output_tokens": -(2**63)},
    }

    made = standing({case: request(span({**CHAT, **given})) for case, given in cases.items()})

    assert {case: (one.tables["spans"].num_rows, one.dead) for case, one in made.items()} == dict.fromkeys(
        cases, (1, ())
    )


def test_escaped_surrogates_become_the_character_that_they_mean():
    expected = {
        r'{"tenant_id": "a\ud83d\ude00"}': "a\U0001f600",
        r"{'tenant_id': 'a\ud83d\ude00'}": "a\U0001f600",
        r'{"tenant_id": "a\ud83d"}': "a\ufffd",
    }

    made = standing({text: request(span({**CHAT, "metadata": text})) for text in expected})

    assert {text: one.tables["spans"]["tenant"].to_pylist() for text, one in made.items()} == {
        text: [tenant] for text, tenant in expected.items()
    }

"""The compiled decoder beside the one through the protobuf library: the same columns, the same verdicts."""

from __future__ import annotations

import mmap
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from benchmarks.fuzz import compare
from benchmarks.payloads import Shape, payloads
from benchmarks.random_payloads import random_payload, reverse_pairs, shuffle_fields
from processors import decode
from processors.conventions.table import load_table
from processors.decode import walk, wire
from processors.decode.wire.room import Room
from processors.decode.wire.scratch import IS_LEFT, MESSAGE
from processors.decode.wire.structures import Structures
from processors.decode.wire.walker import Walker
from processors.messages import Message
from tests.processors.otlp import attributes, collected, event, request, span

ROOT = Path(__file__).parents[2]
CAPTURES = sorted((ROOT / "tests/data/captures").glob("*pb/*.pb"))
TABLE = load_table()


def test_the_captures_of_sdks_and_of_the_collector_decode_alike_in_one_range() -> None:
    assert len(CAPTURES) > 200
    assert compare([file.read_bytes() for file in CAPTURES], TABLE) == []


@pytest.mark.parametrize("seed", range(8))
def test_random_payloads_decode_alike_whole_or_damaged(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(4):
        assert compare([random_payload(rng, TABLE) for _ in range(100)], TABLE) == []


@pytest.mark.parametrize("kind", ["chat", "traces"])
def test_fields_in_any_order_give_the_same_columns(kind: str) -> None:
    rng = random.Random(1)
    shuffled = [shuffle_fields(one, rng) for one in payloads(Shape(kind=kind), 500)]

    assert compare(shuffled, TABLE) == []


@pytest.mark.parametrize("kind", ["chat", "traces"])
def test_values_before_their_keys_as_the_collector_writes_them_give_the_same_columns(kind: str) -> None:
    assert compare([reverse_pairs(one) for one in payloads(Shape(kind=kind), 500)], TABLE) == []


@pytest.mark.parametrize(
    "told",
    [
        {"user.id": "null"},
        {"user.id": " Nobody"},
        {"user.id": ""},
        {"user.id": 7},
        {"gen_ai.request.model": "x" * 2000},
        {"gen_ai.request.model": "{"},
        {"gen_ai.request.model": "modèle"},
        {"gen_ai.usage.input_tokens": "12"},
        {"gen_ai.usage.input_tokens": "1e2"},
        {"gen_ai.usage.input_tokens": -(2**63)},
        {"gen_ai.usage.input_tokens": 2**56},
        {"gen_ai.response.time_to_first_chunk": -1.0},
        {"gen_ai.response.time_to_first_chunk": float("nan")},
        {"gen_ai.request.stream": "yes"},
        {"gen_ai.response.finish_reasons": ["", "stop"]},
        {"gen_ai.response.finish_reasons": []},
        {"gen_ai.output.messages": '[{"parts": [{"refusal": "no"}], "finish_reason": "stop"}]'},
        {"gen_ai.output.messages": '[{"content_filter_results": {"hate": {"filtered": true}}}]'},
        {"gen_ai.output.messages": '[{"prompt": "a word that is mentioned, and nothing is meant"}]'},
        {"feature": '{"tenant": "x"}'},
    ],
    ids=repr,
)
def test_a_value_that_a_known_shape_has_not_had_so_far_is_read_as_in_any_other_span(told: dict[str, Any]) -> None:
    usual = {
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.response.time_to_first_chunk": 0.5,
        "gen_ai.request.stream": True,
        "gen_ai.response.finish_reasons": ["stop"],
        "user.id": "ann",
        "feature": "chat",
        "gen_ai.output.messages": "[]",
    }
    spans = [span(usual), span(usual), span(usual | told), span(usual), span(usual | told), span({**told, **usual})]

    assert compare([request(*spans).SerializeToString()] * 3, TABLE) == []


_CATEGORY, _FILTERS = "gen_ai.guardrail.security.risk.category", "content_filter_results"
_JUDGED = {"gen_ai.evaluation.name": "helpful", "gen_ai.evaluation.score.value": 0.5}


@pytest.mark.parametrize(
    ("told", "events", "left"),
    [
        ({_CATEGORY: "prompt_injection"}, (), 0),
        ({_CATEGORY: ["pii", "jailbreak"]}, (), 0),
        ({_CATEGORY: 7}, (), 0),
        ({_FILTERS: '{"hate": {"filtered": true}}'}, (), 0),
        ({_CATEGORY: "pii", _FILTERS: '{"hate": {"filtered": true}}'}, (_JUDGED,), 1),
        ({}, (_JUDGED, _JUDGED), 0),
        ({}, ({"gen_ai.evaluation.score.label": "good"}, {"": "nothing"}, {}), 0),
    ],
    ids=repr,
)
def test_python_reads_of_a_span_what_only_it_can_read(
    told: dict[str, Any], events: tuple[dict[str, Any], ...], left: int
) -> None:
    """Of several verdicts on a span the whole span is read, as they are merged; events of any time are one parse."""
    made = [event("gen_ai.evaluation.result", after_ms=after) for after in range(len(events))]
    for one, given in zip(made, events, strict=True):
        one.attributes.extend(attributes(given))
    spans = [span(told, events=made), span({"user.id": "ann"}), span({**told, "user.id": "bob"}, events=made[::-1])]
    payload = request(*spans).SerializeToString()

    assert compare([payload, collected(request(*spans))] * 2, TABLE) == []
    message = Message(topic="otlp_spans", partition=0, offset=0, received_at_us=0, value=payload)
    walked, found, _ = Walker(TABLE).walk([message])
    assert not walked.rows[:, IS_LEFT].any()
    assert len(Structures(TABLE).read([message], walked.rows[:, MESSAGE], found).left) == 2 * left


def test_what_a_resource_tells_is_not_taken_from_a_shape_that_stood_below_another() -> None:
    told = ({"tenant.id": "a"}, {}, {"service.name": "s", "tenant.id": "b"}, {"deployment.environment": "prod"})
    made = [
        request(
            span({"feature": "f"}), span({"tenant.id": "c", "feature": "f"}), resource=one | {"host.name": f"h{at}"}
        )
        for at in range(200)
        for one in told
    ]

    assert compare([one.SerializeToString() for one in made], TABLE) == []


def chunks(*at_ns: int, first: str = "gen_ai.content.completion.chunk") -> bytes:
    """A stream whose chunks came at these times, in this order on the wire; the first one under another name."""
    names = [first, *["gen_ai.content.completion.chunk"] * (len(at_ns) - 1)]
    events = [Span.Event(name=name, time_unix_nano=at) for name, at in zip(names, at_ns, strict=True)]
    return request(span({}, events=events)).SerializeToString()


@pytest.mark.parametrize(
    ("payload", "first"),
    [
        (chunks(400, 250), 250),
        (chunks(250, 400, 300), 250),
        (chunks(0, 400, 0, 250), 250),
        (chunks(2**63 + 2, 2**63 + 1, 2**63 + 3), 2**63 + 1),
        (chunks(400, 250, first="First Token Stream Event"), 400),
        (chunks(400, 250, first="llm.content.completion.chunk"), 250),
        (chunks(0, 0), None),
    ],
)
def test_of_several_chunks_the_earliest_is_the_first_wherever_it_stands(payload: bytes, first: int | None) -> None:
    messages = [Message(topic="otlp_spans", partition=0, offset=0, received_at_us=0, value=payload)]

    assert wire.decode(messages, TABLE).spans["first_chunk_at"].to_pylist() == [first]
    assert compare([payload], TABLE) == []


@pytest.mark.parametrize(
    ("told", "milliseconds"),
    [
        ({"gen_ai.response.time_to_first_chunk": -1, "gen_ai.client.operation.time_to_first_chunk": 0.3}, 300.0),
        ({"gen_ai.response.time_to_first_chunk": -0.5, "gen_ai.client.operation.time_to_first_chunk": 0.3}, 300.0),
        ({"gen_ai.response.time_to_first_chunk": "-1", "gen_ai.client.operation.time_to_first_chunk": "0.3"}, 300.0),
        ({"gen_ai.response.time_to_first_chunk": 0.25, "gen_ai.client.operation.time_to_first_chunk": -1}, 250.0),
        ({"gen_ai.response.time_to_first_chunk": 0, "gen_ai.client.operation.time_to_first_chunk": 0.3}, 0.0),
        ({"gen_ai.response.time_to_first_chunk": -1}, None),
    ],
)
def test_a_time_below_none_is_no_time_and_the_next_attribute_tells(
    told: dict[str, Any], milliseconds: float | None
) -> None:
    payload = request(span(told)).SerializeToString()
    messages = [Message(topic="otlp_spans", partition=0, offset=0, received_at_us=0, value=payload)]

    assert wire.decode(messages, TABLE).spans["ttft"].to_pylist() == [milliseconds]
    assert compare([payload], TABLE) == []


def test_one_bad_payload_never_fails_its_neighbours() -> None:
    good = list(payloads(Shape(spans_per_message=3), 30))
    made = [one for pair in zip(good, [b"\xff" * 9, b"", b"\x0a\x02\x0b\x0c", b"{", good[0][:-1]] * 2) for one in pair]  # noqa: B905  # the shorter one ends it
    messages = [Message(topic="", partition=0, offset=i, received_at_us=0, value=one) for i, one in enumerate(made)]

    decoded = wire.decode(messages, TABLE)

    assert [(letter.index, letter.reason.value) for letter in decoded.dead][:5] == [
        (1, "bad_payload"), (3, "empty"), (5, "empty"), (7, "bad_payload"), (9, "bad_payload"),
    ]  # fmt: skip
    assert decoded.spans.num_rows == 3 * 10


def field(number: int, content: bytes) -> bytes:
    """A field of bytes as the wire has it; fewer than 128 of them."""
    return bytes([number << 3 | 2, len(content)]) + content


@pytest.mark.parametrize("size", range(1, 11))
def test_a_length_has_no_more_bytes_than_protobuf_takes(size: int) -> None:
    length = bytes([4 | 0x80] + [0x80] * (size - 2) + [0]) if size > 1 else b"\x04"
    attribute = field(1, b"user.id") + field(2, b"\x0a" + length + b"jane")
    told = field(1, bytes([1] * 16)) + field(2, bytes([1] * 8)) + field(9, attribute)
    value = field(1, field(2, field(2, told)))
    made = Message(topic="", partition=0, offset=0, received_at_us=0, value=value)

    assert compare([value] * 2, TABLE) == []
    assert len(wire.decode([made], TABLE).dead) == (size > 5)


def test_tags_of_settings_are_read_too() -> None:
    table = load_table(("app.region", "service.name"))

    assert compare(list(payloads(Shape(), 200)), table) == []


def test_a_small_range_does_not_load_the_compiled_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "_fast", [])
    message = Message(topic="", partition=0, offset=0, received_at_us=0, value=next(payloads(Shape(), 1)))

    assert decode.decode([message], TABLE).spans.equals(walk.decode([message], TABLE).spans)
    assert decode._fast == []


def test_without_numba_the_objects_give_the_columns_and_a_warning_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(decode, "_fast", [])
    monkeypatch.setitem(sys.modules, "processors.decode.wire", None)

    assert decode.prepare() is False
    assert "numba is not available" in caplog.text


@pytest.mark.long
@pytest.mark.timeout(480)
def test_the_kernel_never_reads_outside_a_payload() -> None:
    """A build that checks every index: reading outside would end it with an error. It takes minutes to compile."""
    checked = {**os.environ, "SPANLEDGER_CHECKED": "1", "NUMBA_OPT": "0"}
    command = [sys.executable, "-m", "benchmarks.fuzz", "--payloads", "1500", "--seed", "7"]

    run = subprocess.run(command, cwd=ROOT, env=checked, capture_output=True, text=True, timeout=450, check=False)

    assert run.returncode == 0, run.stdout + run.stderr


def test_texts_that_all_differ_find_room_however_long_they_are() -> None:
    long = [
        request(
            *(
                span({"session.id": f"{number:05}-{at}" * 90, "feature": f"f{at % 7}", "user.id": f"{number}" * at})
                for at in range(40)
            )
        ).SerializeToString()
        for number in range(120)
    ]

    assert compare([*long, *payloads(Shape(), 3000), *long[:20]], TABLE) == []


def test_many_more_spans_than_the_first_messages_let_expect_find_room() -> None:
    long = request(span({"x": "x" * 40_000, "feature": "f"})).SerializeToString()
    short = [request(*(span({"user.id": f"{n}-{at}"}) for at in range(400))).SerializeToString() for n in range(30)]
    made = [long if at % 3 == 0 else short[at % 30] for at in range(40)]

    assert compare(made, TABLE) == []


def test_only_the_room_that_is_short_grows_as_rooms_are_kept_for_ever() -> None:
    """Else every shortage of one would double all, and a worker that runs for days would have no memory left."""
    walker = Walker(TABLE)
    few, many = (request(*(span({"x": "x" * 300}) for _ in range(count))).SerializeToString() for count in (2, 3000))
    before = walk_sizes(walker, few)

    grown = [walk_sizes(walker, many) for _ in range(3)]

    assert grown[0]["log"] > 8 * before["log"]
    assert grown[0]["groups"] < 8 * before["groups"]
    assert grown[0] == grown[1] == grown[2]


def walk_sizes(walker: Walker, payload: bytes) -> dict[str, int]:
    """Rows of each of a walker's rooms after it has walked over a payload."""
    message = Message(topic="otlp_spans", partition=0, offset=0, received_at_us=0, value=payload)
    walker.walk([message])
    return {name: len(walker._room.all_of(name)) for name in ("groups", "log", "inner", "rows", "words")}


def test_a_table_with_more_aliases_than_a_column_can_number_is_refused() -> None:
    wide = replace(TABLE, aliases=TABLE.aliases * (1 + (1 << 15) // len(TABLE.aliases)))

    with pytest.raises(ValueError, match="more than a column of winners can number"):
        wire.decode([], wide)


def test_cells_take_the_memory_that_is_touched():
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * mmap.PAGESIZE

    before = resident()
    cells = Room().take_wide("cells", 64, 1 << 21, np.uint8)
    cells[:, 0] = 1

    assert cells.nbytes > 1 << 27
    assert resident() - before < 1 << 24

"""Random payloads: every field, kind and form that the wire knows, whole or damaged, and shapes that come again."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from processors.conventions.table import AliasTable

SHAPES = 60
"""Of spans that come again and again."""
TEXTS = (
    *("", " ", "gpt-4o", "12", "-7", "1e2", "1.5", "true", "False", "stop", "['stop']", '["stop", "length"]', "('a',)"),
    *('{"a": 1}', ' {"tenant": "x"}', '{"tenant.id": "acme", "feature": "chat", "user_id": 7}', "nan", "a" * 1030),
    *("ä", "\u00a0x", "\u3000", "日本", "\U0001f600", "<Finish.STOP: 1>", '"quoted"', "x" * 5000, "refusal", "é" * 600),
    *("null", "None", " nil", "NaN ", "undefined", "NULL\u00a0", "nullable", "n", "nan\n", "UNDEFINED.", "none é"),
    *('[{"finish_reason": "stop", "refusal": "no"}]', '{"choices": [{"content_filter_results": {"hate": true}}]}'),
    *(
        "Usage(prompt_tokens=5, input=<T.X: 7>)",
        "prompt_tokens=5 a=B(c=1)",
        "a.b[c](tenant='t')",
        "A" * 64 + "(b=1)",
        "f(",
        "=1",
    ),
    *("2026-01-01T00:00:00Z", "pii=redacted", '{"prompt_tokens": 5, "completion_tokens": 7, "total": 12}'),
)
NUMBERS = (0, 1, -1, 7, 127, 128, 2**31, 2**53, 2**63 - 1, -(2**63), 1_790_000_000_000_000_000)
TIMES = (0, 0, 5, 9, 2**64 - 1)
"""Of events; in the place of 0 stands a random one, which may be 0."""
REALS = (0.0, -0.0, 1.0, -0.5, 1e300, float("inf"), float("nan"), 12.0)


def random_payload(rng: random.Random, table: AliasTable) -> bytes:
    """A request of a few spans with keys that are known, and perhaps a few bytes that are wrong."""
    if rng.random() < 0.5:
        return _usual_payload(rng, table)
    request = ExportTraceServiceRequest()
    for _ in range(rng.randint(0, 2)):
        resource_spans = request.resource_spans.add(schema_url=rng.choice(("", "s")))
        _fill(resource_spans.resource.attributes, list(table.resource), rng, 3)
        for _ in range(rng.randint(0, 2)):
            scope_spans = resource_spans.scope_spans.add()
            scope_spans.scope.name = rng.choice(("", "openinference.instrumentation.openai", "ai", "litellm"))
            _fill(scope_spans.scope.attributes, list(table.scope) or ["x"], rng, 1)
            for _ in range(rng.randint(0, 3)):
                _fill_span(scope_spans.spans.add(), rng, table)
    written = request.SerializeToString()
    if rng.random() < 0.3:
        written = shuffle_fields(written, rng)
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 5))):
        written = _damage(written, rng)
    return written


def _usual_payload(rng: random.Random, table: AliasTable) -> bytes:
    """As instrumentations write them: sound, and in shapes that come again and again; the values differ."""
    request = ExportTraceServiceRequest()
    for _ in range(rng.choice((1, 1, 1, 2))):
        resource_spans = request.resource_spans.add()
        _fill(resource_spans.resource.attributes, list(table.resource), rng, rng.choice((0, 0, 3)))
        scope_spans = resource_spans.scope_spans.add()
        shape = rng.randrange(SHAPES)
        for _ in range(rng.randint(1, 8)):
            shape = rng.choice((shape, shape, rng.randrange(SHAPES)))
            span = scope_spans.spans.add(trace_id=rng.randbytes(16), span_id=rng.randbytes(8), name=rng.choice(TEXTS))
            span.kind, span.start_time_unix_nano = rng.choice((0, 3)), rng.choice((0, 5, 2**64 - 1))
            span.parent_span_id = rng.choice((b"", rng.randbytes(8)))
            if rng.random() < 0.3:
                span.status.code, span.status.message = rng.choice(((2, ""), (1, "ok"), (2, rng.choice(TEXTS))))
            _fill_shape(span.attributes, table, rng, shape)
            if rng.random() < 0.05:
                _fill(span.attributes, list(table.span), rng, 2)
            if rng.random() < 0.05:
                span.events.add(name=rng.choice([*table.events]), time_unix_nano=7)
    written = request.SerializeToString()
    if rng.random() < 0.2:
        written = reverse_pairs(written) if rng.random() < 0.5 else shuffle_fields(written, rng)
    return _damage(written, rng) if rng.random() < 0.1 else written


def _fill_shape(attributes: object, table: AliasTable, rng: random.Random, number: int) -> None:
    """The attributes of one shape: most are of a kind that the field of their key can use."""
    shape, (usual, inside, kinds) = random.Random(number), _usual_keys(table)
    keys = [*shape.sample(usual, 9), *shape.sample(inside, 2), *shape.sample(_WITH_WORDS, 1), "x1", "x2"]
    keys += shape.sample(list(table.span), 1) if shape.random() < 0.1 else []
    for key in shape.sample(keys, shape.randint(0, 9)):
        field = next((alias.field for alias in table.span.get(key, ())), "")
        fit = shape.choice(_FIT.get(kinds.get(field, ""), "sidbak") if shape.random() < 0.95 else "sidbak")
        value = attributes.add(key=key).value  # type: ignore[attr-defined]  # a repeated field
        _fill_value(value, rng, 3, fit if rng.random() < 0.98 else "")
        if fit == "s" and value.string_value and rng.random() < 0.8:
            value.string_value = rng.choice(_USUAL)


@cache
def _usual_keys(table: AliasTable) -> tuple[list[str], list[str], dict[str, str]]:
    """Keys that tell no verdict, keys of structures, and the kinds of fields."""
    usual = [key for key, aliases in table.span.items() if not any(_is_verdict(alias.field) for alias in aliases)]
    inside = [key for key, aliases in table.span.items() if any(alias.path for alias in aliases)]
    return usual, inside, {field.name: field.kind for field in table.fields}


def _is_verdict(field: str) -> bool:
    return field.startswith(("evaluation", "safety_verdicts"))


_USUAL = (
    *(
        "gpt-4o",
        "12",
        "stop",
        "acme",
        "user-7",
        "日本",
        "x" * 40,
        "x" * 33,
        "api.example.net",
        "2026",
        '{"tenant": "x"}',
    ),
    *(
        '[{"role": "user", "parts": [{"type": "text", "content": "ä"}]}]',
        "[]",
        '{"tenant": "x"}',
        '{"usage": {"prompt_tokens": 5}}',
    ),
    *('[{"role": "assistant", "parts": [{"refusal": "no"}]}]', '[{"prompt_filter_results": []}]', "n" * 64, "y" * 65),
)
_WITH_WORDS = ("gen_ai.output.messages", "output.value", "gen_ai.completion", "llm.response", "ai.response.text")
_FIT = {
    "text": "s",
    "first": "sa",
    "who": "s",
    "integer": "is",
    "count": "iiis",
    "real": "di",
    "elapsed": "di",
    "bool": "bi",
    "time": "i",
}
"""Kind of a field -> what fills it."""


def _fill_span(span: Span, rng: random.Random, table: AliasTable) -> None:
    span.trace_id = rng.choice((rng.randbytes(16), rng.randbytes(16), bytes(16), b"", rng.randbytes(5)))
    span.span_id = rng.choice((rng.randbytes(8), rng.randbytes(8), rng.randbytes(8), bytes(8)))
    span.parent_span_id = rng.choice((b"", rng.randbytes(8), bytes(8), b"1"))
    span.name = rng.choice(TEXTS)
    span.kind = rng.choice((0, 1, 3, 5, 9, -1))  # type: ignore[assignment]  # the wire may hold any number
    span.start_time_unix_nano, span.end_time_unix_nano = rng.choice(NUMBERS[:4]) % 2**64, rng.choice(NUMBERS) % 2**64
    span.trace_state, span.flags = rng.choice(("", "k=v")), rng.choice((0, 1))
    span.status.code = rng.choice((0, 1, 2, 2, 7))  # type: ignore[assignment]  # likewise
    span.status.message = rng.choice(TEXTS)
    most = rng.choice((0, 12, 12, 12))  # none: attributes often leave the whole span to Python
    _fill(span.attributes, list(table.span), rng, most)
    for name in _event_names(rng, table):
        event = span.events.add(name=name, time_unix_nano=rng.choice(TIMES) or rng.randrange(1 << rng.randint(1, 64)))
        _fill(event.attributes, [*(table.event_keys(name) or ()), "exception.type", "x"], rng, min(most, 3))
    if rng.random() < 0.1:
        _fill(span.links.add(trace_id=b"1").attributes, ["a"], rng, 2)


def _event_names(rng: random.Random, table: AliasTable) -> list[str]:
    """Of some events; often several among them whose time is read, so that the first must be found."""
    names = [rng.choice((*table.events, "gen_ai.evaluation.x", "unread", "")) for _ in range(rng.choice((0, 0, 1, 2)))]
    if rng.random() < 0.3:
        timed = [name for name, keys in table.events.items() if "" in keys]
        names += rng.choices(rng.sample(timed, min(2, len(timed))), k=rng.randint(2, 5))
    rng.shuffle(names)
    return names


def _fill(attributes: object, keys: list[str], rng: random.Random, most: int) -> None:
    for _ in range(rng.randint(0, most)):
        key = rng.choice(keys) if rng.random() < 0.8 else rng.choice(("x", "", "ünknown", "tenant.id", "metadata"))
        _fill_value(attributes.add(key=key).value, rng, 3)  # type: ignore[attr-defined]  # a repeated field


def _fill_value(value: AnyValue, rng: random.Random, levels: int, kind: str = "") -> None:
    match kind or rng.choice("sssssiiidbyakn" if levels else "sidb"):
        case "s":
            value.string_value = rng.choice(TEXTS)
        case "i":
            value.int_value = rng.choice(NUMBERS)
        case "d":
            value.double_value = rng.choice(REALS)
        case "b":
            value.bool_value = rng.random() < 0.5
        case "y":
            value.bytes_value = rng.randbytes(3)
        case "a":
            for _ in range(rng.randint(0, 3)):
                _fill_value(value.array_value.values.add(), rng, levels - 1)
        case "k":
            for _ in range(rng.randint(0, 3)):
                _fill_value(
                    value.kvlist_value.values.add(key=rng.choice(("tenant", "id", "choices"))).value, rng, levels - 1
                )
        case _:
            pass


def reverse_pairs(message: bytes) -> bytes:
    """The same request as the Collector writes it: of every attribute the value first."""
    return _shuffle(message, _Reversed(), _REQUEST)


class _Reversed(random.Random):
    """Brings fields into descending order."""

    def shuffle(self, x: Any) -> None:
        """See above; fields that are repeated keep their own order."""
        x.sort(reverse=True)


def shuffle_fields(message: bytes, rng: random.Random) -> bytes:
    """The same request with the fields of its upper levels in another order; repeated ones keep theirs."""
    return _shuffle(message, rng, _REQUEST)


_Inside = dict[int, Any]
"""The fields of a message that are messages themselves."""
_SPAN: _Inside = {9: {}, 11: {3: {}}, 15: {}}
_REQUEST: _Inside = {1: {1: {1: {}}, 2: {1: {3: {}}, 2: _SPAN}}}


def _shuffle(message: bytes, rng: random.Random, inside: _Inside) -> bytes:
    by_field: dict[int, list[bytes]] = {}
    at = 0
    while at < len(message):
        begin = at
        tag, at = _varint(message, at)
        if tag & 7 == 2:
            size, at = _varint(message, at)
            body = message[at : at + size]
            at += size
            if tag >> 3 in inside:
                body = _shuffle(body, rng, inside[tag >> 3])
            whole = _write(tag) + _write(len(body)) + body
        else:
            at = _varint(message, at)[1] if tag & 7 == 0 else at + (8 if tag & 7 == 1 else 4)
            whole = message[begin:at]
        by_field.setdefault(tag >> 3, []).append(whole)
    order = [field for field, found in by_field.items() for _ in found]
    rng.shuffle(order)
    left = {field: iter(found) for field, found in by_field.items()}
    return b"".join(next(left[field]) for field in order)


def _varint(message: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = message[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, at


def _write(number: int) -> bytes:
    written = bytearray()
    while number >= 0x80:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*written, number])


def _damage(message: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(message) + 1)
    other = rng.randrange(len(message) + 1)
    match rng.randrange(6):
        case 0:
            return message[:at] + bytes([rng.randrange(256)]) + message[at + 1 :]
        case 1:
            return message[:at]
        case 2:
            return message[:at] + rng.randbytes(rng.randint(1, 4)) + message[at:]
        case 3:
            return message[: min(at, other)] + message[max(at, other) :]
        case 4:
            return message + message
        case _:
            return (
                message[:at] + rng.choice((b"\x0b\x0c", b"\x98\x06\x01", b"\xc2\x0c\x01x", b"\x80\x00")) + message[at:]
            )

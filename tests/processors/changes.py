"""What may happen to spans on their way, and may not change the bill: each makes messages of a world's spans."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from processors.messages import Message
from tests.processors.otlp import START_NS, collected, in_json, shuffled
from tests.processors.otlp import message as _message
from tests.processors.worlds import Told, World, request

LATER_US = START_NS // 1000 + 3_600_000_000
Change = Callable[[World, random.Random], list[Message]]

_WRAPPERS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    (
        "gen_ai",
        {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 7},
    ),
    ("openinference.instrumentation.langchain", {"openinference.span.kind": "CHAIN", "llm.token_count.prompt": 5}),
    ("opentelemetry.instrumentation.langchain", {"traceloop.span.kind": "task"}),
    ("ai", {"ai.operationId": "ai.streamText", "ai.usage.promptTokens": 5, "ai.usage.completionTokens": 7}),
)
_UNKNOWN: Mapping[str, Any] = {
    "acme.note": "x",
    "gen_ai.acme.count": 9,
    "llm.acme": ["a", 1],
    "response.id": "none",
    "": "empty",
}


def message(value: bytes | ExportTraceServiceRequest, **fields: int) -> Message:
    """A record of an hour after noon: the worlds have gone by."""
    return _message(value, **{"received_at_us": LATER_US} | fields)


def as_it_is(world: World, _: random.Random) -> list[Message]:
    """One message."""
    return [message(request(world.spans))]


def spans_in_another_order(world: World, chance: random.Random) -> list[Message]:
    """One message."""
    return [message(request(chance.sample(world.spans, len(world.spans))))]


def many_messages_in_any_order(world: World, chance: random.Random) -> list[Message]:
    """Each span in one of some messages, which stand in no order."""
    parts: list[list[Told]] = [[] for _ in range(chance.randint(2, 12))]
    for span in world.spans:
        chance.choice(parts).append(span)
    return [
        message(request(part), offset=offset, received_at_us=LATER_US + chance.randrange(10**6))
        for offset, part in enumerate(parts)
        if part
    ]


def messages_sent_again(world: World, chance: random.Random) -> list[Message]:
    """A client that lost its answer; the repeats come later, and not in order."""
    once = many_messages_in_any_order(world, chance)
    again = chance.choices(once, k=len(once))
    return once + [message(one.value, offset=len(once) + n) for n, one in enumerate(again)]


def spans_told_again(world: World, chance: random.Random) -> list[Message]:
    """A Collector that tries again with another batch."""
    spans = world.spans + chance.choices(world.spans, k=len(world.spans) // 2)
    return [message(request(chance.sample(spans, len(spans))))]


def agents_chains_and_tasks_around(world: World, chance: random.Random) -> list[Message]:
    """A span around every root, and around all that some spans enclose."""
    spans, wrappers = deepcopy(world.spans), []
    places: dict[tuple[int, int | None], list[Told]] = {}
    for span in spans:
        places.setdefault((span.trace, span.id if span.parent is None else span.parent), []).append(span)
    for (trace, _), inside in places.items():
        if inside[0].scope.startswith("logfire"):
            continue  # both halves of a stream are told below one span, so there are no two agents around them
        for parent in {span.parent for span in inside}:
            if parent is None or chance.random() < 0.5:
                wrapped = [span for span in inside if span.parent == parent]
                wrappers.append(_wrapper(trace, parent, wrapped, len(wrappers), chance))
    return [message(request(spans + wrappers))]


def _wrapper(trace: int, parent: int | None, wrapped: list[Told], number: int, chance: random.Random) -> Told:
    scope, given = chance.choice(_WRAPPERS)
    at = min(span.at for span in wrapped)
    ms = max(span.at + span.ms for span in wrapped) - at
    who = wrapped[0].service
    wrapper = Told(
        trace=trace, id=2**40 + number, parent=parent, at=at, ms=ms, service=who, scope=scope, given=dict(given)
    )
    for span in wrapped:
        span.parent = wrapper.id
    return wrapper


def spans_of_other_kinds_beside(world: World, chance: random.Random) -> list[Message]:
    """Databases and HTTP calls, below what is there and in traces of their own."""
    others = []
    for number, span in enumerate(chance.choices(world.spans, k=len(world.spans))):
        given = chance.choice(
            [{"db.system": "postgresql"}, {"http.request.method": "GET", "http.response.status_code": 500}]
        )
        trace, parent = (span.trace, span.id) if chance.random() < 0.7 else (2**50 + number, None)
        others.append(
            Told(
                trace=trace,
                id=2**41 + number,
                parent=parent,
                at=span.at,
                ms=3,
                service=span.service,
                scope="pg",
                given=given,
            )
        )
    return [message(request(chance.sample(world.spans + others, len(world.spans) + len(others))))]


def attributes_that_nobody_knows(world: World, chance: random.Random) -> list[Message]:
    """In any order among those that count."""
    spans = deepcopy(world.spans)
    for span in spans:
        mixed = list({**span.given, **_UNKNOWN}.items())
        span.given = dict(chance.sample(mixed, len(mixed)))
    return [message(request(spans))]


def written_as_json(world: World, _: random.Random) -> list[Message]:
    """OTLP/JSON."""
    return [message(json.dumps(in_json(request(world.spans))).encode())]


def written_by_a_collector(world: World, _: random.Random) -> list[Message]:
    """Fields in descending order."""
    return [message(collected(request(world.spans)))]


def fields_in_no_order(world: World, chance: random.Random) -> list[Message]:
    """As any encoder may write them."""
    return [message(shuffled(request(world.spans), chance))]


CHANGES: tuple[Change, ...] = (
    *(spans_in_another_order, many_messages_in_any_order, messages_sent_again, spans_told_again),
    *(agents_chains_and_tasks_around, spans_of_other_kinds_beside, attributes_that_nobody_knows),
    *(written_as_json, written_by_a_collector, fields_in_no_order),
)

"""Many copies of an encoded task: other ids, users and times, everything else alike.

A task is written by the SDK and encoded by its exporter's own encoder once. What differs between its copies is as long
in each of them, so a copy is the same bytes with some places overwritten, and numpy overwrites them in all at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from opentelemetry.sdk.trace import ReadableSpan

from ingest.simulator.stage import HALF_HOUR_NS
from ingest.simulator.tasks import Task
from ingest.simulator.tracing import Tracers

Bytes = npt.NDArray[np.uint8]

RESOURCE_SPANS, SCOPE_SPANS, SPANS = b"\x0a", b"\x12", b"\x12"
"""Tags of ``ExportTraceServiceRequest.resource_spans``, ``ResourceSpans.scope_spans``, ``ScopeSpans.spans``."""
TRACE_BYTES, SPAN_BYTES, TIME_BYTES, TASK_DIGITS, HALF_HOUR_DIGITS = 16, 8, 8, 16, 6
MORE = 0x80
"""Bit of a varint's byte behind which another follows."""
HEX = np.frombuffer(b"0123456789abcdef", np.uint8)


class Whose(NamedTuple):
    """Resource and scope that spans stand under, encoded, without them."""

    resource: bytes
    scope: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What differs: (copies, …) arrays. ``users`` are as long as the pattern's."""

    starts_ns: npt.NDArray[np.int64]
    traces: Bytes
    spans: Bytes  # (copies, steps, 8)
    tasks: Bytes  # hex digits
    users: Bytes

    def __len__(self) -> int:
        return len(self.starts_ns)

    def part(self, start: int, end: int) -> Drawn:
        """Some of them."""
        return Drawn(**{name: getattr(self, name)[start:end] for name in self.__slots__})


@dataclass(slots=True)
class _Part:
    """The spans of one resource and scope, each with its tag and length, and where what differs stands in them."""

    content: bytearray = field(default_factory=bytearray)
    traces: list[int] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)  # place, step
    times: list[tuple[int, int]] = field(default_factory=list)  # place, nanoseconds since the task's start
    tasks: list[int] = field(default_factory=list)
    users: list[int] = field(default_factory=list)
    half_hours: list[int] = field(default_factory=list)


class Pattern:
    """One encoded task."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self._parts: dict[Whose, _Part] = {}
        ended: list[ReadableSpan] = []
        tracers = Tracers(Random(task.task_id), lambda _, spans: ended.extend(spans))  # noqa: S311 - no secret
        started = tracers.start(task)
        for span, step in zip(started, task.steps, strict=True):
            span.end(step.ended_at_ns)
        tracers.flush()
        numbers = {span.get_span_context().span_id.to_bytes(SPAN_BYTES): at for at, span in enumerate(started)}
        for of_resource in encode_spans(ended).resource_spans:
            resource = ResourceSpans(resource=of_resource.resource, schema_url=of_resource.schema_url)
            for of_scope in of_resource.scope_spans:
                scope = ScopeSpans(scope=of_scope.scope, schema_url=of_scope.schema_url)
                whose = Whose(resource.SerializeToString(), scope.SerializeToString())
                part = self._parts.setdefault(whose, _Part())
                for one in of_scope.spans:
                    self._add(part, one, numbers)

    @property
    def size(self) -> int:
        """Bytes of one copy, without what its spans stand under."""
        return sum(len(part.content) for part in self._parts.values())

    def draw(self, starts_ns: npt.NDArray[np.int64], users: Sequence[str], rng: np.random.Generator) -> Drawn:
        """Fresh ids for copies that start then and are of these users."""
        count, length = len(starts_ns), len(self.task.user_id)
        digits = HEX[rng.integers(0, len(HEX), (count, TASK_DIGITS))]
        return Drawn(
            starts_ns=starts_ns,
            traces=_random(rng, count, TRACE_BYTES),
            spans=_random(rng, count * len(self.task.steps), SPAN_BYTES).reshape(count, -1, SPAN_BYTES),
            tasks=digits,
            users=np.frombuffer("".join(users).encode(), np.uint8).reshape(count, length),
        )

    def copy(self, drawn: Drawn) -> Iterator[tuple[Whose, Bytes]]:
        """(copies, bytes) of the spans of each resource and scope."""
        half_hours = drawn.starts_ns[:, None] // HALF_HOUR_NS // 10 ** np.arange(HALF_HOUR_DIGITS)[::-1] % 10
        for whose, part in self._parts.items():
            made = np.tile(np.frombuffer(bytes(part.content), np.uint8), (len(drawn), 1))
            for place in part.traces:
                made[:, place : place + TRACE_BYTES] = drawn.traces
            for place, step in part.spans:
                made[:, place : place + SPAN_BYTES] = drawn.spans[:, step]
            for place, since_ns in part.times:
                times = (drawn.starts_ns + since_ns).astype("<u8")
                made[:, place : place + TIME_BYTES] = times.view(np.uint8).reshape(-1, TIME_BYTES)
            for place in part.tasks:
                made[:, place : place + TASK_DIGITS] = drawn.tasks
            for place in part.users:
                made[:, place : place + drawn.users.shape[1]] = drawn.users
            for place in part.half_hours:
                made[:, place : place + HALF_HOUR_DIGITS] = half_hours + ord("0")
            yield whose, made

    def _add(self, part: _Part, span: Span, numbers: dict[bytes, int]) -> None:
        """Append a span and note where what differs stands."""
        task, content = self.task, span.SerializeToString()
        head = SPANS + _length(len(content))
        at = len(part.content) + len(head)
        part.content += head + content
        part.traces += [at + place for place in _places(content, span.trace_id)]
        for known, step in numbers.items():
            part.spans += [(at + place, step) for place in _places(content, known)]
        for time_ns in {span.start_time_unix_nano, span.end_time_unix_nano, *(e.time_unix_nano for e in span.events)}:
            since_ns = time_ns - task.started_at_ns
            part.times += [(at + place, since_ns) for place in _places(content, time_ns.to_bytes(TIME_BYTES, "little"))]
        part.tasks += [at + place for place in _places(content, task.task_id[-TASK_DIGITS:].encode())]
        part.users += [at + place for place in _places(content, task.user_id.encode())]
        session = task.session_id.encode()
        before = len(session) - HALF_HOUR_DIGITS
        part.half_hours += [at + place + before for place in _places(content, session)]


def join(spans: dict[Whose, list[Bytes]]) -> bytes:
    """An ``ExportTraceServiceRequest`` of them."""
    resources: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for whose, made in spans.items():
        body = whose.scope + b"".join(one.tobytes() for one in made)
        resources[whose.resource].append(SCOPE_SPANS + _length(len(body)) + body)
    bodies = [resource + b"".join(scopes) for resource, scopes in resources.items()]
    return b"".join(RESOURCE_SPANS + _length(len(body)) + body for body in bodies)


def _random(rng: np.random.Generator, count: int, length: int) -> Bytes:
    return np.frombuffer(rng.bytes(count * length), np.uint8).reshape(count, length)


def _places(content: bytes, wanted: bytes) -> Iterator[int]:
    at = content.find(wanted)
    while at >= 0:
        yield at
        at = content.find(wanted, at + len(wanted))


def _length(value: int) -> bytes:
    """As a varint."""
    out = bytearray()
    while value >= MORE:
        out.append(value % MORE | MORE)
        value //= MORE
    return bytes([*out, value])

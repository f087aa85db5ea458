"""The payloads that a measurement runs on, all in memory before any clock starts, cut as a worker flushes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from benchmarks.payloads import Shape, payloads
from ingest.simulator.backfill import DAY_NS, fill
from ingest.simulator.traffic import Traffic
from processors.conventions.table import load_table
from processors.decode import decode
from processors.messages import Message
from processors.pending import spans_at_most
from processors.settings import WorkerSettings

CHUNK = 256  # messages that are decoded at once to be counted
LATER_US = 1_000  # a record's time after the record before it
SIMULATED_FROM_NS = 20_700 * DAY_NS  # a Thursday of September 2026


class NoPayloads(Exception):
    """A folder that holds no payload, or one that cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """``flushes``: the messages of one partition, cut where a worker flushes; ``spans`` are those with valid ids."""

    flushes: tuple[tuple[Message, ...], ...]
    spans: int
    bytes: int

    @property
    def messages(self) -> int:
        """How many messages there are."""
        return sum(map(len, self.flushes))


def read_folder(folder: Path) -> list[bytes]:
    """The ``.pb`` files of a folder, by name; each one is one message. Raises NoPayloads."""
    found = [file.read_bytes() for file in sorted(folder.glob("*.pb"))]
    if not found:
        raise NoPayloads(f"{folder} holds no .pb file")
    return found


def make(shape: Shape, spans: int, kb_per_span: float | None = None) -> list[bytes]:
    """Payloads of our own; ``kb_per_span``: 1024 bytes of message for a span, content fills what is missing."""
    if kb_per_span is not None:
        bare = next(payloads(replace(shape, content_bytes=0), shape.spans_per_message))
        empty = len(bare) / max(shape.spans_per_message, 1)
        shape = replace(shape, content_bytes=max(0, round(kb_per_span * 1024 - empty)))
    return list(payloads(shape, spans))


def simulate(spans: int) -> list[bytes]:
    """Whole days of the simulator's applications until there are so many spans; the same ones in every run.

    Agents, tools, guards, retrievals and evaluations stand beside chats, as different instrumentations write them.
    """
    made: list[bytes] = []
    day_ns = SIMULATED_FROM_NS
    while sum(map(spans_at_most, made)) < spans:
        days = (day_ns, day_ns + DAY_NS)
        fill(Traffic(calls_per_s=1.0, seed="benchmark"), *days, lambda _, batch: made.append(batch.body), goes_on=bool)
        day_ns += DAY_NS
    Random(SIMULATED_FROM_NS).shuffle(made)  # features come one after the other
    return made


def corpus(values: Sequence[bytes], settings: WorkerSettings) -> Corpus:
    """Messages as Kafka would give them: each record is stamped after the latest span of all has ended.

    Raises NoPayloads where a payload is no ExportTraceServiceRequest or none holds a span.
    """
    spans, latest_us = _look(values)
    messages = [
        Message(topic="otlp_spans", partition=0, offset=at, received_at_us=latest_us + at * LATER_US, value=value)
        for at, value in enumerate(values)
    ]
    flushes = tuple(tuple(flush) for flush in cut(messages, settings))
    return Corpus(flushes=flushes, spans=spans, bytes=sum(map(len, values)))


def cut(messages: Sequence[Message], settings: WorkerSettings) -> Iterator[list[Message]]:
    """Messages by flush: as soon as one of the worker's sizes is reached, as ``processors.pending`` counts them."""
    flush: list[Message] = []
    spans = size = 0
    for message in messages:
        flush.append(message)
        spans += spans_at_most(message.value)
        size += len(message.value)
        if spans >= settings.flush_spans or size >= settings.flush_bytes:
            yield flush
            flush, spans, size = [], 0, 0
    if flush:
        yield flush


def _look(values: Sequence[bytes]) -> tuple[int, int]:
    """How many spans there are, and when the last one ends (UTC microseconds)."""
    table = load_table()
    spans = latest_ns = 0
    for first in range(0, len(values), CHUNK):
        chunk = values[first : first + CHUNK]
        decoded = decode(
            [
                Message(topic="otlp_spans", partition=0, offset=at, received_at_us=0, value=value)
                for at, value in enumerate(chunk)
            ],
            table,
        )
        if decoded.dead:
            dead = decoded.dead[0]
            raise NoPayloads(f"payload {first + dead.index} (by name, from 0) is {dead.reason}: {dead.detail}")
        spans += decoded.spans.num_rows
        latest_ns = max(latest_ns, *(decoded.spans["ended_ns"].to_numpy().tolist() or [0]))
    if not spans:
        raise NoPayloads("the payloads hold no span with valid ids")
    return spans, latest_ns // 1000 + LATER_US

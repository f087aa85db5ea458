"""What stands apart because only Python reads it: structured values, words of verdicts, events with evaluations.

Structured are JSON, Python reprs, lists and maps. Each is parsed once.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from processors.conventions.table import AliasTable
from processors.decode import values, verdicts
from processors.decode.columns import Found, evaluation
from processors.decode.paths import Paths
from processors.decode.walk import Walk
from processors.decode.wire.columns import Offer
from processors.decode.wire.values import ARRAY, EVENT, STRING
from processors.messages import Message

MOST_KEPT = 20_000
MOST_KEPT_BYTES = 4096
"""Longer ones are content: no two are the same."""
_TIME = b"\x09"
"""How an event begins whose time stands first, and how long that is with it."""
_TIME_BYTES = 9

Evaluation = tuple[Any, ...]
"""A row of ``EVALUATIONS``."""


class Told(NamedTuple):
    """Field, alias and value of everything that a structure or an event tells; the values of its evaluations."""

    fields: tuple[tuple[int, int, Any], ...]
    evaluations: tuple[Evaluation, ...]


class Read(NamedTuple):
    """What all of them told: offers by field, evaluations by row, and the rows that only the whole span settles."""

    offers: dict[int, list[Offer]]
    evaluations: list[Evaluation]
    left: set[int]


class Structures:
    """Reads structures and keeps what short ones told."""

    def __init__(self, table: AliasTable) -> None:
        self._walk = Walk(table)
        self._numbers = {field.name: number for number, field in enumerate(table.fields)}
        self._verdict = self._numbers[verdicts.FIELD]
        self._paths = [Paths.of(aliases) for aliases in table.span.values()]
        self._events = list(table.events.values())
        self._kept: OrderedDict[tuple[int, int, bytes], Told] = OrderedDict()

    def read(self, messages: Sequence[Message], of_row: NDArray[np.int64], found: NDArray[np.int64]) -> Read:
        """Left are rows of which several things tell a verdict.

        ``of_row``: row -> message; ``found``: row, slot, begin, size, kind of each structure.
        """
        offers: dict[int, list[Offer]] = defaultdict(list)
        evaluations: list[Evaluation] = []
        at = of_row[found[:, 0]].tolist()
        for message, (row, slot, begin, size, kind) in zip(at, found.tolist(), strict=True):
            written, time = messages[message].value[begin : begin + size], None
            if kind == EVENT:
                time, written = _part_time(written)
            structure = slot, kind, written
            told = self._kept.get(structure) or self._read(structure)
            for field, alias, value in told.fields:
                offers[field].append((row, alias, value))
            if told.evaluations:
                evaluations += [(row, time, *one) for one in told.evaluations]
        judged = [row for row, _, _ in offers.get(self._verdict, ())]
        left = {row for row, before in zip(sorted(judged)[1:], sorted(judged), strict=False) if row == before}
        evaluations = sorted((one for one in evaluations if one[0] not in left), key=itemgetter(0))
        return Read(offers, evaluations, left)

    def _read(self, structure: tuple[int, int, bytes]) -> Told:
        slot, kind, written = structure
        told = self._tell_event(slot, written) if kind == EVENT else self._tell(slot, _value(kind, written))
        if len(written) <= MOST_KEPT_BYTES:
            self._kept[structure] = told
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return told

    def _tell(self, slot: int, value: Any) -> Told:
        return Told(self._words(self._walk.inside(self._paths[slot], value)), ())

    def _tell_event(self, number: int, written: bytes) -> Told:
        found: Found = {}
        groups = self._walk.event(Span.Event.FromString(written), self._events[number], found)
        return Told(self._words(found), tuple(tuple(evaluation(group)) for group in groups))

    def _words(self, found: Found) -> tuple[tuple[int, int, Any], ...]:
        return tuple((self._numbers[name], alias, value) for name, (alias, value) in found.items())


def _part_time(event: bytes) -> tuple[int | None, bytes]:
    """The time of an event, None where it has none, and the event without it, so that others may be the same."""
    if event[:1] == _TIME:
        return int.from_bytes(event[1:_TIME_BYTES], "little") or None, event[_TIME_BYTES:]
    return Span.Event.FromString(event).time_unix_nano or None, event


def _value(kind: int, written: bytes) -> Any:
    """What stands on the wire as Python sees it."""
    if kind == STRING:
        return written.decode()
    value = AnyValue()
    (value.array_value if kind == ARRAY else value.kvlist_value).MergeFromString(written)
    return values.plain(value)

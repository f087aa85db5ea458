"""From rows and log to the columns of ``Decoded``: one field after the other, whole columns at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from processors.conventions.table import AliasTable
from processors.decode.decoded import KINDS
from processors.decode.wire import scratch as at
from processors.decode.wire import texts
from processors.decode.wire.compiled import compiled
from processors.decode.wire.room import Room
from processors.decode.wire.scratch import NO_ALIAS, unpack
from processors.decode.wire.templates import Placed, Template

Offer = tuple[int, int, Any]
"""Row, alias and value that a structure has told of a field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What the kernel gave: (n, …) rows, (m, …) log, the buffer they point into, and the templates of the groups."""

    buffer: NDArray[np.uint8]
    rows: NDArray[np.int64]
    log: NDArray[np.int64]
    template: NDArray[np.int64]  # of each row
    templates: Sequence[Template]
    placed: Placed
    room: Room


def structure(walked: Walked) -> list[pa.Array]:
    """The columns of ``STRUCTURE``."""
    rows, buffer = walked.rows, walked.buffer
    scopes = [template.scope_spans.scope for template in walked.templates]
    names = pa.array([scope.name or None for scope in scopes], pa.string())
    versions = pa.array([scope.version or None for scope in scopes], pa.string())
    which = pa.array(walked.template.copy())
    return [
        pa.array(rows[:, at.MESSAGE].astype(np.int32)),
        pa.array(rows[:, at.POSITION].astype(np.int32)),
        _ids(buffer, rows[:, at.TRACE], 16),
        _ids(buffer, rows[:, at.SPAN], 8),
        _ids(buffer, rows[:, at.PARENT], 8),
        _place_text(walked, at.NAME, at.NAME_SIZE),
        pa.array(rows[:, at.KIND].astype(np.int8)),
        pa.array(rows[:, at.STARTED].astype(np.uint64)),
        pa.array(rows[:, at.ENDED].astype(np.uint64)),
        pa.array(rows[:, at.CODE].astype(np.int8)),
        _place_text(walked, at.TEXT, at.TEXT_SIZE),
        names.take(which),
        versions.take(which),
    ]


def _place_text(walked: Walked, place: int, size: int) -> pa.Array:
    first, second = walked.rows[:, place], walked.rows[:, size]
    return texts.spread(*texts.encode(walked.buffer, first, second, first < 0, walked.room))


def fields(walked: Walked, table: AliasTable, told: Mapping[int, Sequence[Offer]]) -> tuple[pa.Table, pa.Table]:
    """Values and winning aliases of all fields; ``told``: what structures say, by the field's number."""
    count = len(walked.rows)
    starts, order = np.zeros(len(table.fields) + 1, np.int64), walked.room.take("order", len(walked.log), np.int64)
    _sort_log(walked.log, starts, starts.copy(), order)
    column = tuple(walked.room.take(f"word {i}", count, np.int64) for i in range(3))
    shared = (walked.placed.alias, walked.placed.first, walked.placed.second)
    factors = np.array([alias.factor for alias in table.aliases])
    numbers = {field.name: number for number, field in enumerate(table.fields)}
    values, winners = {}, {}
    for field in table.columns:
        number = numbers[field.name]
        entries = order[starts[number] : starts[number + 1]]
        offers = told.get(number, ())
        if not len(entries) and not offers and (shared[0][:, number] == NO_ALIAS).all():
            values[field.name], winners[field.name] = pa.nulls(count, KINDS[field.kind]), pa.nulls(count, pa.int16())
            continue
        _spread(walked.log, entries, walked.template, shared, number, column)
        alias = column[0]
        better = _settle(alias, offers)
        missing = alias == NO_ALIAS
        winners[field.name] = pa.array(alias.astype(np.int16), mask=missing)
        values[field.name] = _column(walked, field.kind, column, missing, factors, better)
    return pa.table(values), pa.table(winners)


@compiled
def _sort_log(log: Any, starts: Any, next_of: Any, order: Any) -> None:
    for i in range(len(log)):
        starts[unpack(log[i, 0])[1] + 1] += 1
    for field in range(len(starts) - 1):
        starts[field + 1] += starts[field]
    for field in range(len(starts)):
        next_of[field] = starts[field]
    for i in range(len(log)):
        field = unpack(log[i, 0])[1]
        order[next_of[field]] = i
        next_of[field] += 1


@compiled
def _spread(log: Any, entries: Any, template: Any, shared: Any, number: int, column: Any) -> None:
    """Alias and words of one field for every row: the span's own, else those of its template."""
    alias, first, second = column
    for row in range(len(alias)):
        one = template[row]
        alias[row] = shared[0][one, number]
        first[row] = shared[1][one, number]
        second[row] = shared[2][one, number]
    for i in range(len(entries)):
        row, _, given, size = unpack(log[entries[i], 0])
        alias[row] = given
        first[row] = log[entries[i], 1]
        second[row] = size


def _settle(alias: NDArray[np.int64], offers: Sequence[Offer]) -> dict[int, Any]:
    """Row -> value of the offers that are as good as what a row has; ``alias`` is changed for them."""
    better: dict[int, Any] = {}
    for number, offered, value in offers:
        if offered <= alias[number]:
            alias[number] = offered
            better[number] = value
    return better


def _column(
    walked: Walked,
    kind: str,
    column: tuple[NDArray[np.int64], ...],
    missing: NDArray[np.bool_],
    factors: NDArray[np.float64],
    better: Mapping[int, Any],
) -> pa.Array:
    alias, first, second = column
    if KINDS[kind] == pa.string():
        return _text(walked, first, second, missing, better)
    places = np.fromiter(better, np.int64, len(better))
    if kind == "real":
        factor = factors[np.where(missing, 0, alias)]
        factor[places] = 1.0  # these are in the field's own unit already
        numbers = first.view(np.float64)
        numbers[places] = list(better.values())
        return pa.array(numbers * factor, mask=missing)
    if kind == "time":
        first.view(np.uint64)[places] = list(better.values())
        return pa.array(first.view(np.uint64).copy(), mask=missing)
    first[places] = list(better.values())
    return pa.array(first != 0 if kind == "bool" else first.copy(), mask=missing)


def _text(
    walked: Walked,
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    missing: NDArray[np.bool_],
    better: Mapping[int, Any],
) -> pa.Array:
    own = missing.copy() if better else missing
    own[list(better)] = True
    codes, values = texts.encode(walked.buffer, first, second, own, walked.room)
    if not better:
        return texts.spread(codes, values)
    numbers: dict[str, int] = {}
    for number, value in better.items():
        codes[number] = len(values) + numbers.setdefault(value, len(numbers))
    return texts.spread(codes, pa.concat_arrays([values, pa.array(list(numbers), pa.string())]))


@compiled
def _gather_ids(buffer: Any, at: Any, size: int, data: Any, offsets: Any) -> int:
    end = 0
    for i in range(len(at)):
        offsets[i] = end
        if at[i] >= 0:
            for j in range(size):
                data[end + j] = buffer[at[i] + j]
            end += size
    offsets[len(at)] = end
    return end


def _ids(buffer: NDArray[np.uint8], at: NDArray[np.int64], size: int) -> pa.Array:
    """Ids as binary; NULL where there is none."""
    at = np.ascontiguousarray(at)
    data, offsets = np.empty(len(at) * size, np.uint8), np.empty(len(at) + 1, np.int32)
    end = _gather_ids(buffer, at, size, data, offsets)
    missing = at < 0
    mask = None if not missing.any() else pa.py_buffer(np.packbits(~missing, bitorder="little"))
    buffers = [mask, pa.py_buffer(offsets), pa.py_buffer(data[:end])]
    return pa.BinaryArray.from_buffers(pa.binary(), len(at), buffers)

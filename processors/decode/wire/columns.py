"""From rows and cells to the columns of ``Decoded``: one field after the other, whole columns at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from processors.conventions.table import AliasTable
from processors.decode.decoded import KINDS, REALS
from processors.decode.wire import scratch as at
from processors.decode.wire import texts
from processors.decode.wire.cells import GIVEN, MISSING, OWN, VALUES, Cells, fill_shared, settle_alias
from processors.decode.wire.compiled import compiled
from processors.decode.wire.room import fresh, to_array, valid
from processors.decode.wire.templates import Placed, Template

Offer = tuple[int, int, Any]
"""Row, alias and value that a structure has told of a field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What the kernel gave: (n, …) rows, ids and cells, and the templates of the groups."""

    rows: NDArray[np.int64]
    ids: NDArray[np.uint64]
    cells: Cells
    template: NDArray[np.int64]  # of each row
    templates: Sequence[Template]
    placed: Placed
    plan: NDArray[np.int16]  # of each row; -1: none
    plan_alias: NDArray[np.int16]  # (fields, plans)


def structure(walked: Walked) -> list[pa.Array]:
    """The columns of ``STRUCTURE``."""
    count = len(walked.rows)
    message, position = fresh(count, np.int32), fresh(count, np.int32)
    started, ended = fresh(count, np.uint64), fresh(count, np.uint64)
    kind, code = fresh(count, np.int8), fresh(count, np.int8)
    _cut_rows(walked.rows, message, position, started, ended, kind, code)
    traces, own, parents = fresh(2 * count, np.uint64), fresh(count, np.uint64), fresh(count, np.uint64)
    orphans = int(_cut_ids(walked.ids, traces, own, parents))
    scopes = [template.scope_spans.scope for template in walked.templates]
    name, text = (_texts(walked, len(walked.cells.is_text) - len(OWN) + number)[0] for number in range(len(OWN)))
    return [
        to_array(message),
        to_array(position),
        _ids(traces, 16),
        _ids(own, 8),
        _ids(parents, 8, parents == 0 if orphans else None),
        name,
        to_array(kind),
        to_array(started),
        to_array(ended),
        to_array(code),
        text,
        _of_template(walked, [scope.name for scope in scopes]),
        _of_template(walked, [scope.version for scope in scopes]),
    ]


@compiled
def _cut_rows(rows: Any, message: Any, position: Any, started: Any, ended: Any, kind: Any, code: Any) -> None:
    for row in range(len(rows)):
        message[row] = rows[row, at.MESSAGE]
        position[row] = rows[row, at.POSITION]
        started[row] = rows[row, at.STARTED]
        ended[row] = rows[row, at.ENDED]
        kind[row] = rows[row, at.KIND]
        code[row] = rows[row, at.CODE]


def _of_template(walked: Walked, words: Sequence[str]) -> pa.Array:
    """A text of each row's template; an empty one is NULL."""
    told = list(dict.fromkeys(filter(None, words)))
    numbers = np.array([told.index(word) if word else MISSING for word in words] or [MISSING], np.int32)
    codes = numbers[walked.template] if len(walked.template) else np.zeros(0, np.int32)
    return texts.column_of(pa.array(told, pa.string()), codes)


@cache
def _factors(table: AliasTable) -> dict[str, NDArray[np.float64]]:
    """Field -> factor of every alias, of the fields that are not always told in their own unit."""
    factors = np.array([alias.factor for alias in table.aliases])
    fields = {field.name for field in table.fields if field.kind in REALS}
    return dict.fromkeys(fields & {alias.field for alias in table.aliases if alias.factor != 1.0}, factors)


def fields(walked: Walked, table: AliasTable, told: Mapping[int, Sequence[Offer]]) -> tuple[pa.Table, pa.Table]:
    """Values and winning aliases of all fields; ``told``: what structures say, by the field's number.

    Texts that repeat are dictionary columns.
    """
    count = len(walked.rows)
    numbers = {field.name: number for number, field in enumerate(table.fields)}
    nothing = {kind: pa.nulls(count, kind) for kind in {*KINDS.values(), pa.int16()}}
    values, winners = {}, {}
    for field in table.columns:
        number = numbers[field.name]
        offers = told.get(number, ())
        if not walked.cells.state[number, GIVEN] and not offers and not walked.placed.is_told[number]:
            values[field.name], winners[field.name] = nothing[KINDS[field.kind]], nothing[pa.int16()]
        elif walked.cells.is_text[number]:
            values[field.name], winners[field.name] = _texts(walked, number, offers)
        else:
            values[field.name], winners[field.name] = _numbers(
                walked, number, field.kind, offers, _factors(table).get(field.name)
            )
    return pa.table(values), pa.table(winners)


def _alias(walked: Walked, number: int) -> NDArray[np.int16]:
    """The winning alias of each row, in memory of its own; where no span tells a field, its template may."""
    alias, cells = fresh(len(walked.plan), np.int16), walked.cells
    if not cells.state[number, GIVEN]:
        alias[:] = MISSING
    elif number >= len(walked.plan_alias):  # no field: every row has its own
        alias[:] = cells.alias[number, : len(alias)]
    else:
        settle_alias(walked.plan, walked.plan_alias[number], cells.alias[number], alias)
    if number < len(walked.plan_alias) and walked.placed.is_told[number]:
        shared, first, second = (np.ascontiguousarray(one[:, number]) for one in walked.placed.words())
        words = np.empty_like(first)
        fill_shared(walked.placed.texts, number, walked.template, shared, first, second, words, cells, alias)
    return alias


def _texts(walked: Walked, number: int, offers: Sequence[Offer] = ()) -> tuple[pa.Array, pa.Array]:
    """A column of texts, and their aliases."""
    cells, alias = walked.cells, _alias(walked, number)
    codes = fresh(len(alias), np.int32)
    is_whole = _take_codes(alias, cells.word[number], codes) == 0
    places = cells.values[number, : cells.state[number, VALUES]]
    better = _settle(alias, offers)
    if not better:
        missing = None if is_whole else codes == MISSING
        return texts.column(cells.heap, places, codes, missing), to_array(alias, missing)
    values = texts.gather(cells.heap, places, np.arange(len(places), dtype=np.int32), None)
    added: dict[str, int] = {}
    for row, value in better.items():
        codes[row] = len(values) + added.setdefault(value, len(added))
    values = pa.concat_arrays([values, pa.array(list(added), pa.string())])
    return texts.column_of(values, codes), to_array(alias, alias == MISSING)


@compiled
def _take_codes(alias: Any, words: Any, codes: Any) -> int:
    """-> how many rows have none."""
    missing = 0
    for row in range(len(alias)):
        codes[row] = MISSING if alias[row] == MISSING else words[row]
        missing += alias[row] == MISSING
    return missing


@compiled
def _take_words(alias: Any, words: Any, taken: Any) -> int:
    """-> how many rows have none."""
    missing = 0
    for row in range(len(alias)):
        taken[row] = 0 if alias[row] == MISSING else words[row]
        missing += alias[row] == MISSING
    return missing


def _numbers(
    walked: Walked, number: int, kind: str, offers: Sequence[Offer], factors: NDArray[np.float64] | None
) -> tuple[pa.Array, pa.Array]:
    """A column of numbers, and their aliases."""
    alias, words = _alias(walked, number), fresh(len(walked.rows), np.int64)
    is_whole = _take_words(alias, walked.cells.word[number], words) == 0
    if factors is not None:
        words.view(np.float64)[:] *= factors[alias]  # of what is missing it does not matter
    better = _settle(alias, offers)  # these are in the field's own unit already
    data = words.view(np.float64 if kind in REALS else np.uint64 if kind == "time" else np.int64)
    data[list(better)] = list(better.values())
    missing = None if is_whole else alias == MISSING
    values = pa.array(data != 0, mask=missing) if kind == "bool" else to_array(data, missing)
    return values, to_array(alias, missing)


def _settle(alias: NDArray[np.int16], offers: Sequence[Offer]) -> dict[int, Any]:
    """Row -> value of the offers that are as good as what a row has; ``alias`` is changed for them."""
    better: dict[int, Any] = {}
    for row, offered, value in offers:
        if alias[row] == MISSING or offered <= alias[row]:
            alias[row] = offered
            better[row] = value
    return better


@compiled
def _cut_ids(ids: Any, traces: Any, own: Any, parents: Any) -> int:
    """-> how many have no parent."""
    orphans = 0
    for row in range(len(ids)):
        traces[2 * row], traces[2 * row + 1] = ids[row, 0], ids[row, 1]
        own[row], parents[row] = ids[row, 2], ids[row, 3]
        orphans += ids[row, 3] == 0
    return orphans


def _ids(words: NDArray[np.uint64], size: int, missing: NDArray[np.bool_] | None = None) -> pa.Array:
    """Ids of so many bytes as binary."""
    count = len(words) * 8 // size
    offsets = fresh(count + 1, np.int32)
    offsets[:] = np.arange(0, (count + 1) * size, size, dtype=np.int32)
    mask = None if missing is None else valid(missing)
    return pa.BinaryArray.from_buffers(pa.binary(), count, [mask, pa.py_buffer(offsets), pa.py_buffer(words)])

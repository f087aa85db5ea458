"""The safety table: what guards and filters did, beside how many checks could have done it.

What tells of what: ``warehouse.once.safety``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl
import pyarrow as pa

from processors.codes import Groups, Numbers, encode, encode_integers, number, numbers
from processors.rollups import MODELS, encode_model, in_schema, model_of, to_minutes, to_times
from warehouse.once import LEDGER
from warehouse.once.facts import one_piece
from warehouse.once.safety import CHECKS, EVENTS, TELLING, tell
from warehouse.schemas import SAFETY

_PLACE = (LEDGER, "tenant", "feature", "service")
_READ = (*_PLACE, *MODELS, *TELLING, "ended_at", "suppressed_by")
_MOST_KEPT = 64


def roll_up_safety(spans: pa.Table) -> pa.Table:
    """Rows of ``SAFETY`` from the spans of one range: events, then checks by category, then billable calls.

    Spans of several ranges are told apart by ``LEDGER``, which then stands beside the rows: range by range.
    """
    is_one = LEDGER not in spans.column_names
    read = (spans.append_column(LEDGER, pa.repeat(0, spans.num_rows)) if is_one else spans).select(_READ)
    told = read.filter(read["suppressed_by"].is_null()) if read["suppressed_by"].null_count < len(read) else read
    minutes = to_minutes(told["ended_at"])
    where = [*(encode(told[name]) for name in _PLACE), encode_model(told), encode_integers(minutes)]
    places = number(where, told.num_rows)
    parts = _count(places, number([encode(told[name]) for name in TELLING], told.num_rows), told)
    place = np.concatenate([part.place for part in parts])
    ledger = numbers(one_piece(told[LEDGER]))[places.first]
    order = np.argsort(ledger[place], kind="stable")
    at = places.first[place[order]]
    said = told.select([*_PLACE, *MODELS]).take(pa.array(at))
    minute = to_times(minutes[at])
    columns = {name: said[name] for name in _PLACE if not (is_one and name == LEDGER)}
    columns |= {"minute": minute, "day": minute.cast(pa.date32()), "model": model_of(said)}
    for name in ("category", "action"):
        columns[name] = pa.concat_arrays([getattr(part, name) for part in parts]).take(pa.array(order))
    for name in (EVENTS, CHECKS):
        counts = [part.spans if part.counted == name else np.zeros(len(part.spans), np.int64) for part in parts]
        columns[name] = pa.array(np.concatenate(counts)[order])
    return in_schema(pa.table(columns), SAFETY)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Rows that count one thing (``counted``): (n,) number of the place, words, spans."""

    counted: str
    place: Numbers
    category: pa.Array
    action: pa.Array
    spans: Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What combinations tell, ascending by ``row``, their number: (n,) each ``word``, an index into the words."""

    counted: str
    row: Numbers
    word: Numbers
    category: pa.Array
    action: pa.Array


def _count(places: Groups, telling: Groups, spans: pa.Table) -> list[_Part]:
    """How often everything is told in each place, in the order in which it is."""
    pairs = number([(places.of_row, places.count), (telling.of_row, telling.count)], len(places.of_row))
    place, row = places.of_row[pairs.first], telling.of_row[pairs.first]
    times = np.bincount(pairs.of_row, minlength=pairs.count)
    given = spans.select(list(TELLING)).take(pa.array(telling.first))
    parts = []
    for told in _tell(tuple(zip(*(column.to_pylist() for column in given.columns), strict=True))):
        each = np.bincount(told.row, minlength=telling.count)
        starts, many = np.cumsum(each) - each, each[row]
        step = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        word = told.word[np.repeat(starts[row], many) + step]
        at = np.repeat(place, many)
        groups = number([(at, places.count), (word, max(len(told.category), 1))], len(at))
        sums = np.bincount(groups.of_row, weights=np.repeat(times, many), minlength=groups.count)
        words = pa.array(word[groups.first])
        parts.append(
            _Part(
                counted=told.counted,
                place=at[groups.first],
                category=told.category.take(words),
                action=told.action.take(words),
                spans=sums.astype(np.int64),
            )
        )
    return parts


@lru_cache(maxsize=_MOST_KEPT)
def _tell(combinations: tuple[tuple[str | bool | None, ...], ...]) -> tuple[_Told, ...]:
    """What combinations of ``TELLING`` tell."""
    rows = pl.DataFrame(list(combinations), schema=pl.Schema(TELLING), orient="row")
    return tuple(_as_told(told, counted) for counted, told in tell(rows))


def _as_told(rows: pl.DataFrame, counted: str) -> _Told:
    words = rows.select("category", "action").unique(maintain_order=True).with_row_index("word")
    each = rows.join(words, on=["category", "action"], how="left", nulls_equal=True, maintain_order="left")
    return _Told(
        counted=counted,
        row=each["row"].to_numpy(),
        word=each["word"].cast(pl.Int64).to_numpy(),
        category=words["category"].to_arrow().cast(pa.string()),
        action=words["action"].to_arrow().cast(pa.string()),
    )

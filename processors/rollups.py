"""The usage table: what the billable calls of one range add up to, per minute and dimension.

A row is a partial sum. Rows of other ranges carry the same dimensions; readers group and add, and every measure may be
added: counts, tokens, exact costs, histogram buckets. NULL tokens and costs add nothing, and a sum of nothing known is
NULL; ``priced_calls`` beside ``calls`` says how much is known. Rows stand in the order in which their dimensions first
occur in the range.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from processors.codes import Coded, Groups, Numbers, cast_to, encode, encode_integers, number, numbers
from processors.histograms import histograms
from processors.sums import add_up
from warehouse.once import LEDGER
from warehouse.once.facts import one_piece
from warehouse.schemas import COST_KINDS, TIME, TOKEN_KINDS, USAGE, USAGE_DIMENSIONS

KNOWN_COSTS = ("priced", "free")
_HISTOGRAMS = {"latency_hist": "duration_ms", "ttft_hist": "ttft_ms", "tpot_hist": "tpot_ms"}
_MONEY = (*COST_KINDS, "cost_usd")
_TOLD = tuple(name for name in USAGE_DIMENSIONS if name != "model")
MODELS = ("response_model", "request_model")
_READ = (
    *(*_TOLD, *MODELS, "billable", "ended_at", "attempt", "price_status"),
    *_HISTOGRAMS.values(),
    *TOKEN_KINDS,
    *_MONEY,
)
_MINUTE_US = 60_000_000


def roll_up_usage(spans: pa.Table) -> pa.Table:
    """Rows of ``USAGE`` from priced spans of one range; of several, where ``LEDGER`` tells which: it stays beside."""
    ledger = [LEDGER] if LEDGER in spans.column_names else []
    read = spans.select([*_READ, *ledger])
    calls = read if pc.all(read["billable"]).as_py() else read.filter(read["billable"])
    minutes = to_minutes(calls["ended_at"])
    same = [encode(calls[name]) for name in (*ledger, *_TOLD)]
    groups = number([*same, encode_model(calls), encode_integers(minutes)], calls.num_rows)
    first = calls.select([*ledger, *_TOLD, *MODELS]).take(pa.array(groups.first))
    minute = to_times(minutes[groups.first])
    columns = {name: first[name] for name in (*ledger, *_TOLD)}
    columns |= {"minute": minute, "day": minute.cast(pa.date32()), "model": model_of(first), **_counts(calls, groups)}
    for name in (*TOKEN_KINDS, *_MONEY):
        columns[name] = add_up(one_piece(calls[name]), groups.of_row, groups.count)
    for name, source in _HISTOGRAMS.items():
        values = np.asarray(one_piece(calls[source]).to_numpy(zero_copy_only=False), np.float64)
        columns[name] = histograms(values, groups.of_row, groups.count)
    return in_schema(pa.table(columns), USAGE)


def to_minutes(times: pa.ChunkedArray) -> NDArray[np.int64]:
    """(n,) minutes since the epoch, of times that are all known."""
    return np.asarray(numbers(one_piece(times.cast(pa.int64()))) // _MINUTE_US)


def to_times(minutes: NDArray[np.int64]) -> pa.Array:
    """The other way round."""
    return pa.array(minutes * _MINUTE_US).cast(TIME)


def model_of(rows: pa.Table) -> pa.ChunkedArray:
    """(n,) the model that answered, else the one that was asked for."""
    return pc.coalesce(*(rows[name].cast(pa.string()) for name in MODELS))


def encode_model(calls: pa.Table) -> Coded:
    """The column that ``model_of`` gives."""
    pairs = number([encode(calls[name]) for name in MODELS], calls.num_rows)
    codes, size = encode(model_of(calls.select(MODELS).take(pa.array(pairs.first))))
    return (codes[pairs.of_row], size) if size > 1 else (codes, size)


def _counts(calls: pa.Table, groups: Groups) -> dict[str, pa.Array]:
    priced = pc.is_in(one_piece(calls["price_status"]), pa.array(KNOWN_COSTS))
    ttft = np.asarray(one_piece(calls["ttft_ms"]).to_numpy(zero_copy_only=False), np.float64)
    conditions = {
        "priced_calls": priced,
        "stream_calls": calls["stream"],
        "ttft_calls": pa.array(~np.isnan(ttft)),
        "retries": pc.greater(calls["attempt"], 1),
    }
    all_calls = np.bincount(groups.of_row, minlength=groups.count).astype(np.int64)
    counted = {"calls": pa.array(all_calls)}
    counted |= {name: _count(one_piece(holds), groups, all_calls) for name, holds in conditions.items()}
    sides = (pc.fill_null(calls[name], 0) for name in ("input_tokens", "output_tokens"))
    tokens = pc.if_else(priced, pc.add(*sides), 0)
    return counted | {"priced_tokens": add_up(one_piece(tokens), groups.of_row, groups.count)}


def _count(holds: pa.Array, groups: Groups, all_calls: Numbers) -> pa.Array:
    rows = np.asarray(pc.fill_null(holds, False).to_numpy(zero_copy_only=False), np.bool_)
    if rows.all():
        return pa.array(all_calls)
    return pa.array(np.bincount(groups.of_row[rows], minlength=groups.count).astype(np.int64))


def in_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of a schema, and ``LEDGER`` where the table has it."""
    rows = cast_to(table, schema)
    return rows.append_column(LEDGER, table[LEDGER]) if LEDGER in table.column_names else rows

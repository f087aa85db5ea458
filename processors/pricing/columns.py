"""The cost columns of a table of spans.

``price_status`` says why a billable span has a cost or none:

================  ==============================================================================================
``priced``        ``cost_usd`` is known
``free``          likewise, and zero because every rate of the model is
``usage_missing``  no cost: neither input nor output tokens are reported, or they contradict each other, or the model
                  is priced by something else than tokens
``unpriced_model``  no cost: provider, model or service tier have no price at the time when the call started
``reported_only``  either of the two, but the producer reported a cost: it stays in ``reported_cost_usd``
================  ==============================================================================================

The response's model is priced, else the request's. A span that is not billable has NULL in every column added here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from processors.pricing.book import PriceBook
from processors.pricing.catalogue import Tariff
from processors.pricing.exact import calculate
from processors.pricing.rates import KINDS, Rates
from warehouse.schemas import COST_KINDS, TOKEN_KINDS

PRICED, FREE, USAGE_MISSING, UNPRICED_MODEL, REPORTED_ONLY = range(5)
STATUSES = ("priced", "free", "usage_missing", "unpriced_model", "reported_only")
ADDED = ("cost_usd", *COST_KINDS, "price_status", "price_version")

_DAY_US = 86_400_000_000
_NEEDED = (
    *("provider", "request_model", "response_model", "service_tier", "started_at", "ended_at", "reported_cost_usd"),
    *TOKEN_KINDS,
)


def price_spans(spans: pa.Table, book: PriceBook) -> pa.Table:
    """The table with the columns ``ADDED``; needs ``billable``, the token kinds, names, ``started_at``."""
    rows = np.flatnonzero(_bools(spans["billable"]))
    calls = _Calls.of(spans, rows)
    which, rates = _choose(calls, book)
    status, cost = _price(calls, which, rates)
    place = np.full(spans.num_rows, -1, np.int64)
    place[rows] = np.arange(len(rows))
    spread = pa.array(place, mask=place < 0)
    version = pa.array([book.version] * len(rows), pa.string())
    columns = (*cost, pa.array(STATUSES, pa.string()).take(pa.array(status)), version)
    for name, column in zip(ADDED, columns, strict=True):
        spans = spans.append_column(name, column.take(spread))
    return spans


@dataclass(frozen=True, slots=True, kw_only=True)
class _Calls:
    """The billable rows: counts as (n, len(KINDS)) with unreported = 0, and what chooses their rates."""

    counts: NDArray[np.int64]
    usable: NDArray[np.bool_]  # usage is reported, and no detail without its whole
    reported: NDArray[np.bool_]  # the producer reported a cost
    started_us: NDArray[np.int64]
    key: NDArray[np.int64]  # index into keys
    keys: list[tuple[Any, ...]]  # distinct (provider, model, service_tier)

    @classmethod
    def of(cls, spans: pa.Table, rows: NDArray[np.int64]) -> _Calls:
        table = spans.select(_NEEDED).take(pa.array(rows))
        known = {kind: _bools(pc.is_valid(table[kind])) for kind in TOKEN_KINDS}
        counts = np.ones((len(rows), len(KINDS)), np.int64)
        for column, kind in enumerate(TOKEN_KINDS):
            counts[:, column] = _ints(pc.fill_null(table[kind].cast(pa.int64()), 0))
        model = pc.coalesce(_text(table["response_model"]), _text(table["request_model"]))
        key, keys = _distinct([table["provider"], model, table["service_tier"]])
        started = pc.coalesce(table["started_at"], table["ended_at"])
        return cls(
            counts=counts,
            usable=_usable(known, counts),
            reported=_bools(pc.is_valid(table["reported_cost_usd"])),
            started_us=_ints(pc.fill_null(started.cast(pa.int64()), 0)),
            key=key,
            keys=keys,
        )


def _usable(known: dict[str, NDArray[np.bool_]], counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    count = dict(zip(TOKEN_KINDS, counts.T, strict=False))
    orphan = ~known["cache_write_tokens"] & (count["cache_write_1h_tokens"] > 0)
    for kind in ("cached_input_tokens", "cache_write_tokens", "audio_input_tokens"):
        orphan |= ~known["input_tokens"] & (count[kind] > 0)
    for kind in ("reasoning_tokens", "audio_output_tokens"):
        orphan |= ~known["output_tokens"] & (count[kind] > 0)
    return np.asarray((known["input_tokens"] | known["output_tokens"]) & ~orphan)


def _choose(calls: _Calls, book: PriceBook) -> tuple[NDArray[np.int64], list[Rates]]:
    """Index into the returned rates per call, -1 where there is no price."""
    which = np.full(len(calls.key), -1, np.int64)
    rates: list[Rates] = []
    order = np.argsort(calls.key, kind="stable")
    sizes = np.bincount(calls.key, minlength=len(calls.keys))
    for (provider, model, tier), end, size in zip(calls.keys, np.cumsum(sizes), sizes, strict=True):
        tariff = None if model is None else book.tariff(provider, model, tier)
        if tariff is None:
            continue
        rows = order[end - size : end]
        index: list[int] = []
        for rate in (rate for times in tariff.rates for brackets in times for rate in brackets):
            index.append(-1 if rate is None else len(rates))
            rates.extend([] if rate is None else [rate])
        which[rows] = np.array(index)[_cell(tariff, calls.started_us[rows], calls.counts[rows, 0])]
    return which, rates


def _cell(tariff: Tariff, started_us: NDArray[np.int64], input_tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    epoch = np.searchsorted(np.array(tariff.epoch_days, np.int64), started_us // _DAY_US, "right")
    time = np.searchsorted(np.array(tariff.day_micros, np.int64), started_us % _DAY_US, "right")
    size = np.searchsorted(np.array(tariff.context_tokens, np.int64), input_tokens, "left")
    return (epoch * (1 + len(tariff.day_micros)) + time) * (1 + len(tariff.context_tokens)) + size


def _price(
    calls: _Calls, which: NDArray[np.int64], rates: list[Rates]
) -> tuple[NDArray[np.int8], tuple[pa.Array, ...]]:
    """Status per call, and its cost columns: the total, then the parts."""
    by_tokens = np.array([rate.by_tokens for rate in rates], bool)
    free = np.array([rate.free for rate in rates], bool)
    able = calls.usable & (which >= 0)
    able[able] = by_tokens[which[able]]
    costs = calculate(calls.counts[able], rates, which[able])
    known = able.copy()
    known[able] = costs.consistent
    status = np.where(calls.usable & (which < 0), UNPRICED_MODEL, USAGE_MISSING).astype(np.int8)
    status[~known & calls.reported] = REPORTED_ONLY
    status[known] = np.where(free[which[known]], FREE, PRICED)
    place = np.full(len(which), -1, np.int64)
    place[able] = np.arange(np.count_nonzero(able))
    spread = pa.array(place, mask=place < 0)
    return status, tuple(column.take(spread) for column in (costs.total, *costs.parts))


def _distinct(columns: list[Any]) -> tuple[NDArray[np.int64], list[tuple[Any, ...]]]:
    """Number rows by their values: (n,) index, and the distinct rows."""
    encoded = [pc.dictionary_encode(_flat(_text(column)), null_encoding="encode") for column in columns]
    sizes = tuple(max(len(one.dictionary), 1) for one in encoded)
    codes = np.ravel_multi_index(tuple(_ints(one.indices.cast(pa.int64())) for one in encoded), sizes)
    found, index = np.unique(codes, return_inverse=True)
    values = [one.dictionary.to_pylist() for one in encoded]
    picks = zip(*np.unravel_index(found, sizes), strict=True)
    return index, [tuple(value[i] for value, i in zip(values, pick, strict=True)) for pick in picks]


def _flat(column: Any) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _text(column: Any) -> Any:
    return column.cast(pa.string())


def _bools(column: Any) -> NDArray[np.bool_]:
    return np.asarray(_flat(column).to_numpy(zero_copy_only=False), dtype=bool)


def _ints(column: Any) -> NDArray[np.int64]:
    return np.asarray(_flat(column).to_numpy(zero_copy_only=False), dtype=np.int64)

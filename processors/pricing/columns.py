"""The cost columns of a table of spans.

``price_status`` says why a billable span has a cost or none:

================  ==============================================================================================
``priced``        ``cost_usd`` is known
``free``          likewise, and zero because every rate of the model is
``usage_missing``  no cost: what the model is priced by is not reported, or the counts contradict each other
``unpriced_model``  no cost: provider, model or service tier have no price at the time when the call started
``reported_only``  either of the two, but the producer reported a cost: it stays in ``reported_cost_usd``; a cost of 0
                  beside missing usage is what the producer made of that, and no report
================  ==============================================================================================

A model may be priced by tokens and by other things. Reported must be what the operation is about (the seconds of a
transcription, the tokens of a chat) where the model has a price for it, else any one of the things; the others are
details like cached tokens: not reported = none. So a chat with a voice model costs its tokens, as
``genai_prices.calc_price`` has it, while a transcription without seconds, which is 0 there, has no cost here.

The response's model is priced, else the request's; ``processors.pricing.snapshots`` says when the request's stands in
for an answer without a price. The row's ``price_version`` then shows it, as it does where a name alone says whose model
it is (``processors.pricing.names``). A span that is not billable has NULL in every column added here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from processors.codes import Numbers, encode, number
from processors.pricing.book import Asked, PriceBook
from processors.pricing.catalogue import Tariff
from processors.pricing.exact import calculate
from processors.pricing.kernel import find_wanted
from processors.pricing.kinds import KINDS, TOKENS, WHOLES, subject
from processors.pricing.quantities import Quantities, read_quantities
from processors.pricing.rates import Rates
from processors.pricing.served import server_of
from warehouse.once.facts import one_piece
from warehouse.schemas import COST_KINDS, TOKEN_KINDS

PRICED, FREE, USAGE_MISSING, UNPRICED_MODEL, REPORTED_ONLY = range(5)
STATUSES = ("priced", "free", "usage_missing", "unpriced_model", "reported_only")
ADDED = ("cost_usd", *COST_KINDS, "price_status", "price_version")
NEEDED = (
    *("tenant", "operation", "provider", "request_model", "response_model", "service_tier", "started_at", "ended_at"),
    *("server_address", "reported_cost_usd", *TOKEN_KINDS, "units", "usage_semantics"),
)
"""Columns that decide what a call costs."""

_REFUSED = "refused"
"""First word of ``usage_semantics`` of token counts that are not believed."""
_DAY_US = 86_400_000_000
_FEW = 2**16  # keys that are sorted by their bytes


def price_spans(spans: pa.Table, book: PriceBook) -> pa.Table:
    """The table with the columns ``ADDED``; needs ``billable`` and the columns ``NEEDED``."""
    rows = np.flatnonzero(_bools(spans["billable"]))
    all_are = len(rows) == spans.num_rows
    needed = spans.select(NEEDED)
    calls = Calls.of(needed if all_are else needed.take(pa.array(rows)), book)
    which, rates = choose_rates(calls, book)
    status, cost = _price(calls, which, rates)
    place = np.full(spans.num_rows, -1, np.int64)
    place[rows] = np.arange(len(rows))
    spread = pa.array(place, mask=place < 0)
    version = _versions(book.version, which, rates)
    columns = (*cost, _words(status, pa.array(STATUSES, pa.string())), version)
    for name, column in zip(ADDED, columns, strict=True):
        spans = spans.append_column(name, column if all_are else column.take(spread))
    return spans


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """n billable calls: what they used, and what chooses their rates."""

    used: Quantities
    whole: NDArray[np.bool_]  # no detail is reported without what it is a part of
    refused: NDArray[np.bool_]  # the token counts are not believed
    reported: NDArray[np.bool_]  # the producer reported a cost
    spent: NDArray[np.bool_]  # likewise, and more than 0
    started_us: NDArray[np.int64]
    operation: NDArray[np.int64]  # index into operations
    operations: list[str | None]
    key: NDArray[np.int64]  # index into keys
    keys: list[Asked | None]  # None: no model is named

    @classmethod
    def of(cls, table: pa.Table, book: PriceBook) -> Calls:
        """From a table with the columns ``NEEDED``; only tenants with prices of their own are told apart."""
        used = read_quantities(table, reported=book.takes_reported)
        tenants = _each(table["tenant"], lambda name: name if name in book.tenants else None)
        plain = ("provider", "response_model", "request_model", "service_tier")
        told = [*(_each(table[name]) for name in plain), tenants, _each(table["server_address"], server_of)]
        alike = number([(codes, len(values)) for codes, values in told], table.num_rows)
        operation, operations = _each(table["operation"])
        semantics, refused = _each(table["usage_semantics"], lambda word: bool(word and word.startswith(_REFUSED)))
        started = pc.coalesce(table["started_at"], table["ended_at"])
        costs = table["reported_cost_usd"]
        return cls(
            used=used,
            whole=_whole(used),
            refused=np.array(refused, np.bool_)[semantics],
            reported=_bools(pc.is_valid(costs)),
            spent=_bools(pc.fill_null(pc.greater(costs, pa.scalar(0).cast(costs.type)), False)),
            started_us=_ints(pc.fill_null(started.cast(pa.int64()), 0)),
            operation=operation,
            operations=operations,
            key=alike.of_row,
            keys=[_asked(tuple(values[codes[row]] for codes, values in told)) for row in alike.first.tolist()],
        )


def _asked(key: tuple[str | None, ...]) -> Asked | None:
    provider, answered, requested, tier, tenant, server = key
    model = requested if answered is None else answered
    if model is None:
        return None
    other = requested if requested != model else None
    return Asked(provider=provider, model=model, tier=tier, tenant=tenant, requested=other, server=server)


def _each(column: pa.ChunkedArray, read: Callable[[Any], Any] = lambda word: word) -> tuple[Numbers, list[Any]]:
    """(n,) the number of each row's value, and what is read in the values."""
    alike = number([encode(column)], len(column))
    return alike.of_row, [read(word) for word in column.take(pa.array(alike.first)).to_pylist()]


def _versions(version: str, which: NDArray[np.int64], rates: list[Rates]) -> pa.Array:
    """(n,) ``price_version``: the tables', and the basis of the rates where that is another than the answer's model."""
    said = pa.array([version + basis for basis in ("", *(rate.basis for rate in rates))], pa.string())
    return _words(which + 1, said)


def _words(numbers: NDArray[Any], words: pa.Array) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(numbers.astype(np.int32)), words)


def _whole(used: Quantities) -> NDArray[np.bool_]:
    """No part above zero where the whole is not reported, and not the bare word that there was no output."""
    place = {KINDS[kind]: column for column, kind in enumerate(used.kinds)}
    there = used.counts > 0
    there[used.broken] |= (used.exact != 0).astype(bool)  # what is less than one is there too
    orphan = np.zeros(len(there), bool)
    for part, whole in WHOLES.items():
        if part in place:
            orphan |= there[:, place[part]] & ~used.known[:, place[whole]]
    told = used.known[:, place["output_tokens"]] & ~used.known[:, place["input_tokens"]]
    return np.asarray(~orphan & ~(told & ~there[:, :-1].any(axis=1)))


def choose_rates(calls: Calls, book: PriceBook) -> tuple[NDArray[np.int64], list[Rates]]:
    """Index into the returned rates per call, -1 where there is no price."""
    which = np.full(len(calls.key), -1, np.int64)
    rates: list[Rates] = []
    few = len(calls.keys) <= _FEW
    order = np.argsort(calls.key.astype(np.uint16) if few else calls.key, kind="stable")
    sizes = np.bincount(calls.key, minlength=len(calls.keys))
    for asked, end, size in zip(calls.keys, np.cumsum(sizes), sizes, strict=True):
        tariff = book.tariff(asked) if asked else None
        if tariff is None:
            continue
        rows = order[end - size : end]
        index: list[int] = []
        for rate in tariff.cells():
            index.append(-1 if rate is None else len(rates))
            rates.extend([] if rate is None else [rate])
        which[rows] = np.array(index)[_cell(tariff, calls.started_us[rows], calls.used.counts[rows, 0])]
    used = np.flatnonzero(np.bincount(which + 1, minlength=1)[1:])
    place = np.full(1 + len(rates), -1, np.int64)
    place[used] = np.arange(len(used))
    return place[which], [rates[i] for i in used]


def _cell(tariff: Tariff, started_us: NDArray[np.int64], input_tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    epoch = np.searchsorted(np.array(tariff.epochs_us, np.int64), started_us, "right")
    time = np.searchsorted(np.array(tariff.day_micros, np.int64), started_us % _DAY_US, "right")
    size = np.searchsorted(np.array(tariff.context_tokens, np.int64), input_tokens, "left")
    return (epoch * (1 + len(tariff.day_micros)) + time) * (1 + len(tariff.context_tokens)) + size


def _price(calls: Calls, which: NDArray[np.int64], rates: list[Rates]) -> tuple[NDArray[np.int8], tuple[pa.Array, ...]]:
    """Status per call, and its cost columns: the total, then the parts."""
    able = usable(calls, which, rates)
    costs = calculate(calls.used, rates, np.where(able, which, -1))
    known = costs.consistent
    status = np.where(able & (which < 0), UNPRICED_MODEL, USAGE_MISSING).astype(np.int8)
    status[~known & calls.reported & (calls.spent | (status == UNPRICED_MODEL))] = REPORTED_ONLY
    free = np.array([rate.free for rate in rates], bool)
    status[known] = np.where(free[which[known]], FREE, PRICED)
    return status, (costs.total, *costs.parts)


def usable(calls: Calls, which: NDArray[np.int64], rates: list[Rates]) -> NDArray[np.bool_]:
    """Whether a call reports what its rates need; without rates, whether it reports anything.

    Counts that are not believed are no report where tokens have a rate, whatever else is counted beside them.
    """
    kinds = calls.used.kinds[:-1].tolist()
    wanted = np.ones((1 + len(rates), len(calls.operations), len(kinds)), bool)  # the last row: no rates
    for at, rate in enumerate(rates):
        for place, operation in enumerate(calls.operations):
            columns = needed_kinds(rate, operation)
            wanted[at, place] = [kind in columns for kind in kinds] if columns else True
    by_token = np.array([TOKENS in rate.families for rate in rates] + [False])
    believed = ~(calls.refused & by_token[which])
    told = np.zeros(len(which), np.bool_)
    find_wanted(calls.used.known, wanted, which, calls.operation, told)
    return np.asarray(calls.whole & believed & told)


def needed_kinds(rate: Rates, operation: str | None) -> list[int]:
    """Columns of which a call must report one; none = any."""
    families = subject(operation, frozenset(rate.families))
    return [column for family in families for column in rate.families[family]]


def _bools(column: Any) -> NDArray[np.bool_]:
    return np.asarray(one_piece(column).to_numpy(zero_copy_only=False), dtype=bool)


def _ints(column: Any) -> NDArray[np.int64]:
    return np.asarray(one_piece(column).to_numpy(zero_copy_only=False), dtype=np.int64)

"""The cost columns of a table of spans.

``price_status`` says why a billable span has a cost or none:

================  ==============================================================================================
``priced``        ``cost_usd`` is known
``free``          likewise, and zero because every rate of the model is
``usage_missing``  no cost: what the model is priced by is not reported, or the counts contradict each other
``unpriced_model``  no cost: provider, model or service tier have no price at the time when the call started
``reported_only``  either of the two, but the producer reported a cost: it stays in ``reported_cost_usd``
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

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from processors.pricing.book import Asked, PriceBook
from processors.pricing.catalogue import Tariff
from processors.pricing.exact import calculate
from processors.pricing.kinds import KINDS, TOKENS, WHOLES, subject
from processors.pricing.quantities import Quantities, read_quantities
from processors.pricing.rates import Rates
from processors.pricing.served import server_of
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
_NO = pa.scalar(value=False)
_DAY_US = 86_400_000_000
_MOST_CODES = 2**62


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
    columns = (*cost, pa.array(STATUSES, pa.string()).take(pa.array(status)), version)
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
    started_us: NDArray[np.int64]
    operation: NDArray[np.int64]  # index into operations
    operations: list[str | None]
    key: NDArray[np.int64]  # index into keys
    keys: list[Asked | None]  # None: no model is named

    @classmethod
    def of(cls, table: pa.Table, book: PriceBook) -> Calls:
        """From a table with the columns ``NEEDED``; only tenants with prices of their own are told apart."""
        used = read_quantities(table, reported=book.takes_reported)
        answered, requested = (_text(table[name]) for name in ("response_model", "request_model"))
        tenant = _text(table["tenant"])
        tenant = pc.if_else(
            pc.is_in(tenant, pa.array(sorted(book.tenants), pa.string())), tenant, pa.scalar(None, pa.string())
        )
        server = _servers(table["server_address"])
        key, keys = _distinct([table["provider"], answered, requested, table["service_tier"], tenant, server])
        operation, operations = _distinct([table["operation"]])
        started = pc.coalesce(table["started_at"], table["ended_at"])
        return cls(
            used=used,
            whole=_whole(used),
            refused=_bools(pc.fill_null(pc.starts_with(_text(table["usage_semantics"]), _REFUSED), fill_value=_NO)),
            reported=_bools(pc.is_valid(table["reported_cost_usd"])),
            started_us=_ints(pc.fill_null(started.cast(pa.int64()), 0)),
            operation=operation,
            operations=[one[0] for one in operations],
            key=key,
            keys=[_asked(one) for one in keys],
        )


def _asked(key: tuple[str | None, ...]) -> Asked | None:
    provider, answered, requested, tier, tenant, server = key
    model = requested if answered is None else answered
    if model is None:
        return None
    other = requested if requested != model else None
    return Asked(provider=provider, model=model, tier=tier, tenant=tenant, requested=other, server=server)


def _servers(hosts: Any) -> pa.Array:
    """Whose each host is, as ``server_of`` says."""
    encoded = pc.dictionary_encode(_flat(_text(hosts)))
    return pa.array([server_of(host) for host in encoded.dictionary.to_pylist()], pa.string()).take(encoded.indices)


def _versions(version: str, which: NDArray[np.int64], rates: list[Rates]) -> pa.Array:
    """(n,) ``price_version``: the tables', and the basis of the rates where that is another than the answer's model."""
    said = pa.array([version + basis for basis in ("", *(rate.basis for rate in rates))], pa.string())
    return said.take(pa.array(which + 1))


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
    order = np.argsort(calls.key, kind="stable")
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
    used, place = np.unique(which, return_inverse=True)
    return np.where(which < 0, -1, place - (used[:1] < 0).sum()), [rates[i] for i in used if i >= 0]


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
    status[~known & calls.reported] = REPORTED_ONLY
    free = np.array([rate.free for rate in rates], bool)
    status[known] = np.where(free[which[known]], FREE, PRICED)
    return status, (costs.total, *costs.parts)


def usable(calls: Calls, which: NDArray[np.int64], rates: list[Rates]) -> NDArray[np.bool_]:
    """Whether a call reports what its rates need; without rates, whether it reports anything.

    Counts that are not believed are no report where tokens have a rate, whatever else is counted beside them.
    """
    counted = calls.used.known[:, :-1]
    kinds = calls.used.kinds[:-1]
    wanted = np.ones((1 + len(rates), len(calls.operations), len(kinds)), bool)  # the last row: no rates
    for number, rate in enumerate(rates):
        for place, operation in enumerate(calls.operations):
            columns = needed_kinds(rate, operation)
            wanted[number, place] = np.isin(kinds, columns) if columns else True
    by_token = np.array([TOKENS in rate.families for rate in rates] + [False])
    believed = ~(calls.refused & by_token[which])
    return np.asarray(calls.whole & believed & (counted & wanted[which, calls.operation]).any(axis=1))


def needed_kinds(rate: Rates, operation: str | None) -> list[int]:
    """Columns of which a call must report one; none = any."""
    families = subject(operation, frozenset(rate.families))
    return [column for family in families for column in rate.families[family]]


def _distinct(columns: list[Any]) -> tuple[NDArray[np.int64], list[tuple[Any, ...]]]:
    """Number rows by their values: (n,) index, and the distinct rows."""
    encoded = [pc.dictionary_encode(_flat(_text(column)), null_encoding="encode") for column in columns]
    each = [_ints(one.indices.cast(pa.int64())) for one in encoded]
    codes, span = np.zeros(len(each[0]), np.int64), 1
    for one, indices in zip(encoded, each, strict=True):
        if span * len(one.dictionary) > _MOST_CODES:
            codes = np.unique(codes, return_inverse=True)[1]
            span = len(codes)
        codes, span = codes * len(one.dictionary) + indices, span * len(one.dictionary)
    _, first, index = np.unique(codes, return_index=True, return_inverse=True)
    values = [one.dictionary.to_pylist() for one in encoded]
    picks = zip(*(indices[first] for indices in each), strict=True)
    return index, [tuple(value[i] for value, i in zip(values, pick, strict=True)) for pick in picks]


def _flat(column: Any) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _text(column: Any) -> Any:
    return column.cast(pa.string())


def _bools(column: Any) -> NDArray[np.bool_]:
    return np.asarray(_flat(column).to_numpy(zero_copy_only=False), dtype=bool)


def _ints(column: Any) -> NDArray[np.int64]:
    return np.asarray(_flat(column).to_numpy(zero_copy_only=False), dtype=np.int64)

"""Which spans the rules must look at: all of which anything but the verdict on a span alone may come out.

Each test asks less than the rule that it stands for, so what is left out has no part in any rule: it encloses no call
and no call encloses it, shares no response id, is no copy of a span that is here, and no other instrumentation or
record tells of a like call at that time. ``Doubt.why`` says which rules have something to look at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from warehouse.once.facts import Facts, distinct_words, holds, is_word, spelled, texts
from warehouse.once.kernels import Bools, Numbers, add_ancestors, beside, first_of, made_ids, pointed_at
from warehouse.once.lineage import Lineage

_ASKED_ID = (  # of asked_id in records.sql
    r"^(?:\d+_)?((?:chat)?cmpl-(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{8,}))"
    r"(?:[-_]\d+)?(?:-[0-9a-f]{8})?$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """``rows``: what the rules look at. ``why``: of nested, copied, shared, split, twins."""

    rows: Numbers
    why: frozenset[str]


def find_doubt(lineage: Lineage, alive: Bools) -> Doubt:
    """The rows among those ``alive``, ascending."""
    facts = lineage.facts
    nested = facts.is_call & (lineage.outer_call >= 0)
    nested[lineage.outer_call[nested]] = True
    has_id, shared = _find_ids(facts)
    found = {
        "nested": nested,
        "copied": _find_copied(facts, alive),
        "shared": shared,
        "split": _find_split(facts),
        "twins": _find_twins(facts, has_id, lineage.parent),
    }
    why = frozenset(name for name, rows in found.items() if rows.any())
    return Doubt(rows=np.flatnonzero(np.logical_or.reduce(list(found.values()))), why=why)


def _find_ids(facts: Facts) -> tuple[Bools, Bools]:
    """Calls whose id is surely theirs alone, and rows that may share one, with what vLLM adds to it or without."""
    at, data, known = facts.texts("response_id")
    asked = known & (facts.is_call | facts.is_fetch | facts.is_repeat)
    surely, shared = made_ids(facts.ledger, at, data, asked)
    served = facts.is_call & is_word(facts.spans["convention"], "vllm")
    if served.any():
        ids = pl.DataFrame(facts.spans.select(["response_id"])).select(pl.col("response_id").cast(pl.String))
        bare = pl.when(pl.Series(served)).then(pl.col("response_id").str.extract(_ASKED_ID, 1))
        names = ids.select(pl.coalesce(bare, "response_id").fill_null("")).to_series().to_arrow().cast(pa.string())
        shared |= made_ids(facts.ledger, *texts(pa.chunked_array([names]))[:2], asked)[1]
    return surely & ~shared, shared


def _find_copied(facts: Facts, alive: Bools) -> Bools:
    """Spans that name one that is here and tells of the same call, and those spans."""
    if not facts.has_successor.any():
        return np.zeros(len(alive), np.bool_)
    at, data, known = facts.texts("span_id")
    named_at, ids, names_one = facts.texts("suppressed_by")
    named, names = pointed_at(
        facts.ledger, (at, data, known & alive), (named_at, ids, names_one & facts.has_successor & alive)
    )
    return named | names


def _find_split(facts: Facts) -> Bools:
    """Records of usage, and what of their convention may be a stream that was asked for."""
    records = facts.is_call & facts.is_record
    if not records.any():
        return records
    at, data, known = facts.texts("convention")
    key = first_of(facts.ledger, at, data, known & facts.is_call)
    uncounted = ~facts.known("input_tokens", "output_tokens", "stream")
    asked = facts.is_call & ~records & (holds(facts.spans["stream"]) | uncounted) & np.isin(key, key[records])
    return asked | (records & np.isin(key, key[asked]))


def _find_twins(facts: Facts, has_id: Bools, parent: Numbers) -> Bools:
    """Calls of one service and kind that two instrumentations may have told side by side, and all spans above them."""
    found = np.zeros(len(facts.is_call), np.bool_)
    if _is_told_by_one(facts):
        return found
    service = _services(facts)
    teller = _first_of(service, _tellers(facts), facts.is_call)
    mixed = facts.is_call & (teller != teller[service])
    if not mixed.any():
        return found
    operation = pl.DataFrame(spelled(facts.spans.select(["operation"])))["operation"].replace("text_completion", "chat")
    several = facts.is_call & np.isin(service, service[mixed]) & _has_time(facts)
    key = _first_of(service, operation, several)
    rows = np.flatnonzero(several)
    failed = is_word(facts.spans["status"], "error")
    kept = facts.count("cached_input_tokens") + facts.count("cache_write_tokens")
    usage = (facts.count("input_tokens"), kept, facts.count("output_tokens"), facts.count("reasoning_tokens"))
    for edge in _times(facts):
        order = rows[np.lexsort((edge[rows], key[rows]))]
        beside(order, edge, key, (teller, has_id, failed), usage, found)
    late = several & facts.has_late_chunk
    if late.any():
        found |= several & np.isin(key, key[late]) & holds(facts.spans["stream"])
    add_ancestors(parent, found)
    return found


def _services(facts: Facts) -> Numbers:
    """(n,) the first call of the service, or of all where one has no service: that may be any."""
    names = pl.DataFrame(spelled(facts.spans.select(["service"])))["service"]
    nameless = facts.is_call & ~facts.known("service")
    return _first_of(facts.ledger, names.clear(len(names)) if nameless.any() else names, facts.is_call)


def _tellers(facts: Facts) -> pl.Series:
    """Which instrumentation speaks."""
    names = pl.DataFrame(spelled(facts.spans.select(["scope_name", "convention", "scope_version"])))
    nameless = pl.concat_str("convention", "scope_version", separator=" ", ignore_nulls=True)
    return names.select(pl.coalesce("scope_name", nameless)).to_series()


def _is_told_by_one(facts: Facts) -> bool:
    """Whether it is quickly seen that one instrumentation has told all calls."""
    scope = facts.spans["scope_name"]
    words = distinct_words(scope) if not scope.null_count else None
    return words is not None and len(words) <= 1


def _first_of(prefix: Numbers, names: pl.Series, asked: Bools) -> Numbers:
    """The first row with the same prefix and name; NULL is a name too."""
    at, data, _ = texts(pa.chunked_array([names.cast(pl.String).fill_null("").to_arrow().cast(pa.string())]))
    return first_of(prefix, at, data, asked)


def _has_time(facts: Facts) -> Bools:
    """As records.sql: a time that is the producer's own."""
    skewed = pl.Series(facts.spans["clock_skew"]).fill_null(value=False).to_numpy()
    return np.asarray(~skewed | facts.known("original_ended_at"), np.bool_)


def _times(facts: Facts) -> tuple[Numbers, Numbers]:
    """When a call began and ended by its producer's clock, microseconds; a record began when its reckoning does."""
    began, ended, original = (facts.microseconds(name) for name in ("started_at", "ended_at", "original_ended_at"))
    shift = np.where(original[1], original[0] - ended[0], 0)
    ended_us = ended[0] + shift
    reported_ms = pl.Series(facts.spans["duration_ms"]).fill_null(0.0).to_numpy()
    reckoned = ended_us - np.rint(np.where(facts.is_record, reported_ms, 0.0) * 1000).astype(np.int64)
    return np.where(facts.is_record, reckoned, began[0] + shift), ended_us

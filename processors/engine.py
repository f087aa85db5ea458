"""The engine: the messages of partitions' ranges in, the tables of the lake out.

decode, normalise, once, price, roll up: each step takes columns and gives columns. Pure and deterministic: the same
range gives equal tables whoever replays it and whatever ranges go with it, because nothing is asked but its messages
and the engine. The ranges of a flush go through in one pass, told apart by ``LEDGER``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from processors.codes import cast_to, count_words, spell
from processors.conventions.table import AliasTable, load_table
from processors.copies import take_units
from processors.decode import decode
from processors.messages import Message, Processed, total
from processors.metered import read_metrics
from processors.normalise import Rules, normalise
from processors.normalise.afterwards import finish
from processors.normalise.assemble import as_words
from processors.normalise.namesakes import hide_namesakes
from processors.normalise.parts import count_rules
from processors.outcomes import read_logs
from processors.pricing.book import PriceBook
from processors.pricing.columns import price_spans
from processors.rollups import in_schema, roll_up_usage
from processors.safety import roll_up_safety
from processors.settings import WorkerSettings
from warehouse import once
from warehouse.once import LEDGER
from warehouse.schemas import OUTCOMES, SPANS, TABLES

_EMPTY = {name: TABLES[name].flushed.empty_table() for name in ("gpu_samples", "token_samples")}
"""What spans never tell."""
STORED = as_words(SPANS)
"""``SPANS`` as the engine makes it, with dictionary columns, which Parquet takes as they are."""
_INHERITED = ("tenant", "feature", "session_id", "task_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Everything that a range is read with."""

    table: AliasTable
    rules: Rules
    book: PriceBook
    logs_topic: str = "otlp_logs"
    metrics_topic: str = "otlp_metrics"

    @classmethod
    def of(
        cls,
        settings: WorkerSettings,
        *,
        user_key: bytes,
        logs_topic: str = "otlp_logs",
        metrics_topic: str = "otlp_metrics",
    ) -> Engine:
        """Engine of a worker."""
        return cls(
            table=load_table(settings.tags, scan_pii=settings.scan_pii),
            rules=Rules(user_key=user_key, trusted_topics=settings.trust_span_tenant),
            book=PriceBook.from_settings(settings.prices, settings.price_book),
            logs_topic=logs_topic,
            metrics_topic=metrics_topic,
        )


def process_range(messages: Sequence[Message], engine: Engine) -> Processed:
    """Tables, dead letters and counts of one partition's range of messages."""
    return process_ranges([messages], engine)[0]


def process_ranges(ranges: Sequence[Sequence[Message]], engine: Engine) -> list[Processed]:
    """Several ranges in one pass: of each what ``process_range`` makes of it alone, for no more than one costs."""
    readers = {engine.logs_topic: read_logs, engine.metrics_topic: read_metrics}
    read_by = [readers.get(messages[0].topic) if messages else None for messages in ranges]
    spans = iter(_process_spans([one for one, read in zip(ranges, read_by, strict=True) if read is None], engine))
    return [
        next(spans) if read is None else read(messages, engine.table, engine.rules)
        for messages, read in zip(ranges, read_by, strict=True)
    ]


def _process_spans(ranges: Sequence[Sequence[Message]], engine: Engine) -> list[Processed]:
    if not ranges:
        return []
    starts = np.cumsum([0, *map(len, ranges)])
    normalised = normalise(decode(list(chain.from_iterable(ranges)), engine.table), engine.rules)
    numbered = _number_ranges(normalised.spans, starts)
    spans = bill(numbered, engine)
    ledger = spans[LEDGER]
    stored = _as_stored(spans)
    outcomes = _number_ranges(normalised.outcomes, starts).drop_columns("_message_index")
    outcomes = hide_namesakes(outcomes, numbered, engine.rules.user_key)
    each = {
        "outcomes": _cut(_place_outcomes(outcomes, stored.append_column(LEDGER, ledger)), len(ranges)),
        "usage": _cut(roll_up_usage(spans), len(ranges)),
        "safety": _cut(roll_up_safety(spans), len(ranges)),
        "spans": _cut(stored.append_column(LEDGER, ledger), len(ranges)),
    }
    why = _cut(spans.select(["_why", LEDGER]), len(ranges))
    semantics = _cut(spans.select(["usage_semantics", LEDGER]), len(ranges))
    processed = []
    for at in range(len(ranges)):
        first, end = int(starts[at]), int(starts[at + 1])
        tables = {name: cut[at] for name, cut in each.items()} | _EMPTY
        dead = [letter for letter in normalised.dead if first <= letter.index < end]
        processed.append(
            Processed(
                tables=tables,
                dead=tuple(replace(letter, index=letter.index - first) for letter in dead),
                dropped=total(normalised.dropped, first, end),
                suppressed=_count_suppressed(why[at]),
                repaired=count_rules(semantics[at]["usage_semantics"]),
                hidden=total(normalised.hidden, first, end),
            )
        )
    return processed


def _as_stored(spans: pa.Table) -> pa.Table:
    """The columns of ``SPANS``, as ``STORED``."""
    plain = [
        field.name for field in STORED if pa.types.is_dictionary(field.type) and spans[field.name].type == pa.string()
    ]
    for name in plain:
        spans = spans.set_column(spans.schema.get_field_index(name), name, spans[name].dictionary_encode())
    return cast_to(spans, STORED)


def _number_ranges(rows: pa.Table, starts: NDArray[np.int64]) -> pa.Table:
    """The rows with ``LEDGER``: the number of the range that their message is in; ``starts``: of each, and the end."""
    number = np.searchsorted(starts[1:], rows["_message_index"].to_numpy(), side="right")
    return rows.append_column(LEDGER, pa.array(number))


def _cut(rows: pa.Table, ranges: int) -> list[pa.Table]:
    """The rows of each range, which stand together; without ``LEDGER``."""
    ends = np.searchsorted(rows[LEDGER].to_numpy(), np.arange(ranges + 1))
    rest = rows.drop_columns(LEDGER)
    return [rest.slice(begin, end - begin) for begin, end in pairwise(ends.tolist())]


def bill(spans: pa.Table, engine: Engine) -> pa.Table:
    """Normalised spans with verdicts and prices: the columns of ``SPANS``, ``_why`` and the helpers of normalise."""
    key = engine.rules.user_key
    judged = once.apply(hide_namesakes(spans, spans, key), lambda told: finish(take_units(told)))
    return price_spans(judged, engine.book)


def _place_outcomes(outcomes: pa.Table, spans: pa.Table) -> pa.Table:
    """Outcomes belong to whom their span belongs to, also where the span has inherited it."""
    if not outcomes.num_rows:
        return outcomes
    ids = [LEDGER, "trace_id", "span_id"]
    each = pl.DataFrame(spell(spans.select([*ids, *_INHERITED]), _INHERITED)).group_by(ids, maintain_order=True)
    owners = each.agg(pl.col(_INHERITED).drop_nulls().first())  # a span told again has inherited only once
    placed = pl.DataFrame(outcomes).join(owners, on=ids, how="left", suffix="_of_span", maintain_order="left")
    own = (pl.coalesce(name, f"{name}_of_span").alias(name) for name in _INHERITED)
    return in_schema(placed.with_columns(*own).to_arrow(), OUTCOMES)


def _count_suppressed(spans: pa.Table) -> dict[str, int]:
    return {why: rows for why, rows in count_words(spans["_why"]).items() if why != once.WHY_NO_CALL}

"""The engine: the messages of one partition's range in, the tables of the lake out.

decode, normalise, once, price, roll up: each step takes columns and gives columns. Pure and deterministic: the same
range gives byte-equal tables whoever replays it, because nothing is asked but the messages and the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from processors.conventions.table import AliasTable, load_table
from processors.decode import decode
from processors.messages import Message, Processed
from processors.metered import read_metrics
from processors.normalise import Rules, normalise
from processors.normalise.parts import count_rules, refuse_contradictions
from processors.outcomes import read_logs
from processors.pricing.book import PriceBook
from processors.pricing.columns import price_spans
from processors.rollups import roll_up_usage
from processors.safety import roll_up_safety
from processors.settings import WorkerSettings
from processors.users import hash_users
from warehouse import once
from warehouse.schemas import GPU_SAMPLES, OUTCOMES, SPANS, TOKEN_SAMPLES

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
    read = {engine.logs_topic: read_logs, engine.metrics_topic: read_metrics}.get(messages[0].topic if messages else "")
    if read is not None:
        return read(messages, engine.table, engine.rules)
    normalised = normalise(decode(messages, engine.table), engine.rules)
    spans = bill(normalised.spans, engine)
    stored = spans.select(SPANS.names).cast(SPANS)
    return Processed(
        tables={
            "outcomes": _place_outcomes(normalised.outcomes, stored),
            "usage": roll_up_usage(stored),
            "safety": roll_up_safety(spans),
            "gpu_samples": GPU_SAMPLES.empty_table(),
            "token_samples": TOKEN_SAMPLES.empty_table(),
            "spans": stored,
        },
        dead=normalised.dead,
        dropped=normalised.dropped,
        suppressed=_count_suppressed(spans),
        repaired=count_rules(stored["usage_semantics"]),
        hidden=normalised.hidden,
    )


def bill(spans: pa.Table, engine: Engine) -> pa.Table:
    """Normalised spans with verdicts and prices: the columns of ``SPANS``, ``_why`` and the helpers of normalise."""
    told = refuse_contradictions(once.apply(spans))
    return price_spans(_rename_users(spans, told, engine.rules.user_key), engine.book)


def _rename_users(before: pa.Table, after: pa.Table, key: bytes) -> pa.Table:
    """A user is named within a tenant: where either was inherited, the name changes."""
    names = ("tenant", "_user")
    old, new = (pl.DataFrame(table.select(names)) for table in (before, after))
    changed = pl.select(pl.any_horizontal(*(new[name].ne_missing(old[name]) for name in names))).to_series()
    if not changed.any():
        return after
    tenants, users = (new[name].filter(changed).to_arrow() for name in names)
    hashed = hash_users(tenants, users, key)
    rows = changed.arg_true()
    named = pl.Series(after["user_id"], dtype=pl.String).scatter(rows, pl.Series(hashed, dtype=pl.String))
    index = after.schema.get_field_index("user_id")
    return after.set_column(index, after.field(index), named.to_arrow().cast(pa.string()))


def _place_outcomes(outcomes: pa.Table, spans: pa.Table) -> pa.Table:
    """Outcomes belong to whom their span belongs to, also where the span has inherited it."""
    if not outcomes.num_rows:
        return outcomes.cast(OUTCOMES)
    ids = ["trace_id", "span_id"]
    each = pl.DataFrame(spans.select([*ids, *_INHERITED])).group_by(ids, maintain_order=True)
    owners = each.agg(pl.col(_INHERITED).drop_nulls().first())  # a span told again has inherited only once
    placed = pl.DataFrame(outcomes).join(owners, on=ids, how="left", suffix="_of_span", maintain_order="left")
    own = (pl.coalesce(name, f"{name}_of_span").alias(name) for name in _INHERITED)
    return placed.with_columns(*own).select(OUTCOMES.names).to_arrow().cast(OUTCOMES)


def _count_suppressed(spans: pa.Table) -> dict[str, int]:
    why = pl.Series("why", spans["_why"], dtype=pl.String)
    counted = why.filter(why.is_not_null() & (why != once.WHY_NO_CALL)).value_counts(sort=True).sort("why")
    return dict(counted.iter_rows())

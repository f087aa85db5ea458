"""Columns of every Delta table: the contract between the worker, the questions and any other reader of the lake.

``streamed``: what workers write as it happens; ``settled``: the books that ``settle`` keeps; ``focus``: what it handed
out of them; ``invoices``: what providers billed; ``kinds``: types and words of all. A column that is added is NULL in
older rows (``warehouse.lake.handle`` adds it to lakes that stand); renaming one, or another type for it, is not done.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from warehouse.schemas.focus import FOCUS
from warehouse.schemas.invoices import INVOICES
from warehouse.schemas.kinds import (
    AMOUNTS,
    COST_KINDS,
    COUNTS,
    HISTOGRAM,
    HISTOGRAM_GAMMA,
    HISTOGRAM_ZERO,
    SAFETY_ACTIONS,
    TEXTS,
    TIME,
    TOKEN_KINDS,
    USD,
)
from warehouse.schemas.settled import GPU_MINUTES, LEDGER, SAFETY_HOURS, SETTLEMENTS, TASKS, USER_DAYS, corrections
from warehouse.schemas.streamed import (
    BILLABLE_OPERATIONS,
    CONTRIBUTOR,
    FLUSHES,
    GPU_SAMPLES,
    INCIDENTS,
    OTHER_OPERATIONS,
    OUTCOMES,
    SAFETY,
    SPANS,
    TOKEN_SAMPLES,
    USAGE,
    USAGE_DIMENSIONS,
)

CORRECTIONS = corrections(SPANS)

SOURCE_STREAM = pa.field("source_app_id", pa.string())
"""The stream of a row's record, as ``FLUSHES`` has it: the lake writes it to the tables that have the column.

``source_partition`` and ``source_offset`` mean nothing beyond it: a topic that is made anew counts from 0 again.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSpec:
    """One Delta table: its columns, the time that questions prune by, and its partition column."""

    schema: pa.Schema
    time: str
    partition_by: str = "day"

    @property
    def is_settled(self) -> bool:
        """Whether its rows count only once their settlement stands."""
        return "close_id" in self.schema.names and self.time != "closed_at"

    @property
    def flushed(self) -> pa.Schema:
        """The columns of what a flush brings: all but those that the lake adds."""
        return pa.schema([one for one in self.schema if one.name != SOURCE_STREAM.name])


TABLES: dict[str, TableSpec] = {
    "outcomes": TableSpec(schema=OUTCOMES.append(SOURCE_STREAM), time="observed_at"),
    "usage": TableSpec(schema=USAGE, time="minute"),
    "safety": TableSpec(schema=SAFETY, time="minute"),
    "gpu_samples": TableSpec(schema=GPU_SAMPLES.append(SOURCE_STREAM), time="sampled_at"),
    "token_samples": TableSpec(schema=TOKEN_SAMPLES, time="sampled_at"),
    "spans": TableSpec(schema=SPANS.append(SOURCE_STREAM), time="ended_at"),
    "flushes": TableSpec(schema=FLUSHES, time="flushed_at"),
    "incidents": TableSpec(schema=INCIDENTS, time="recorded_at"),
    "settlements": TableSpec(schema=SETTLEMENTS, time="closed_at"),
    "corrections": TableSpec(schema=CORRECTIONS, time="ended_at"),
    "ledger": TableSpec(schema=LEDGER, time="hour"),
    "tasks": TableSpec(schema=TASKS, time="hour"),
    "user_days": TableSpec(schema=USER_DAYS, time="hour"),
    "safety_hours": TableSpec(schema=SAFETY_HOURS, time="hour"),
    "gpu_minutes": TableSpec(schema=GPU_MINUTES, time="minute"),
    "focus": TableSpec(schema=FOCUS, time="BillingPeriodStart"),
    "invoices": TableSpec(schema=INVOICES, time="charged_at"),
}

COMMIT_ORDER = ("outcomes", "usage", "safety", "gpu_samples", "token_samples", "spans", "flushes")
"""The order in which one flush commits its tables (design, section 4, step 3)."""

__all__ = [
    "AMOUNTS",
    "BILLABLE_OPERATIONS",
    "COMMIT_ORDER",
    "CONTRIBUTOR",
    "CORRECTIONS",
    "COST_KINDS",
    "COUNTS",
    "FLUSHES",
    "FOCUS",
    "GPU_MINUTES",
    "GPU_SAMPLES",
    "HISTOGRAM",
    "HISTOGRAM_GAMMA",
    "HISTOGRAM_ZERO",
    "INCIDENTS",
    "INVOICES",
    "LEDGER",
    "OTHER_OPERATIONS",
    "OUTCOMES",
    "SAFETY",
    "SAFETY_ACTIONS",
    "SAFETY_HOURS",
    "SETTLEMENTS",
    "SOURCE_STREAM",
    "SPANS",
    "TABLES",
    "TASKS",
    "TEXTS",
    "TIME",
    "TOKEN_KINDS",
    "TOKEN_SAMPLES",
    "USAGE",
    "USAGE_DIMENSIONS",
    "USD",
    "USER_DAYS",
    "TableSpec",
]

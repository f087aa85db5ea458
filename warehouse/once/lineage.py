"""What a span inherits, and from which row: lineage.sql, walked along an array of parents."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from warehouse.once.facts import Facts
from warehouse.once.kernels import NO_RANK, Bools, Numbers, Ranks, find_parents, first_of, walk_down

_HANDED_DOWN = {
    "tenant": ("tenant",),
    "feature": ("feature",),
    "user_id": ("user_id",),
    "session_id": ("session_id",),
    "task_id": ("task_id",),
    "prompt_name": ("prompt_name", "prompt_version"),
}
"""What is inherited, and the columns that say whether a span has one of its own."""


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """Per row what lineage.sql says; -1 is NULL. ``source``: (6, n) rows, in the order of ``_HANDED_DOWN``."""

    facts: Facts
    parent: Numbers
    reached: Bools
    outer_call: Numbers
    outer_work: Bools
    stamp: Numbers
    tenant_rank: Ranks
    feature_rank: Ranks
    source: NDArray[np.int64]

    def table(self, rows: Numbers) -> pa.Table:
        """The table ``lineage`` of these rows."""
        rows = rows[self.reached[rows]]
        tenants = self.facts.spans["tenant"]
        stamped = self.stamp[rows]
        columns = {
            "row": pa.array(rows),
            "outer_call": _rows(self.outer_call[rows]),
            "outer_work": pa.array(self.outer_work[rows]),
            "stamp": tenants.take(_rows(stamped)).cast(pa.string()),
            "tenant_from": _rows(self.source[0][rows]),
            "tenant_rank": pa.array(self.tenant_rank[rows], mask=self.tenant_rank[rows] == NO_RANK),
            "feature_from": _rows(self.source[1][rows]),
            "feature_rank": pa.array(self.feature_rank[rows], mask=self.feature_rank[rows] == NO_RANK),
        }
        others = ("user_from", "session_from", "task_from", "prompt_from")
        return pa.table(columns | {name: _rows(self.source[2 + n][rows]) for n, name in enumerate(others)})

    @cached_property
    def inherited(self) -> pl.DataFrame:
        """``inherited`` of sources.sql: the rows that take a value from another, and from which."""
        own = np.arange(len(self.parent))
        changed = np.logical_or.reduce([(source >= 0) & (source != own) for source in self.source])
        rows = np.flatnonzero(changed & self.reached)
        from_ = {name: source[rows] for name, source in zip(_HANDED_DOWN, self.source, strict=True)}
        return pl.DataFrame({"row": rows} | {name: np.where(at < 0, rows, at) for name, at in from_.items()})


def trace_lineage(facts: Facts, parent: Numbers) -> Lineage:
    """The lineage of each row. ``parent``: (n,) row of the parent span, -1 where it is not here."""
    has = np.stack([facts.known(*names) for names in _HANDED_DOWN.values()])
    reached, outer, work, stamp, tenant_rank, feature_rank, source = walk_down(
        parent, facts.is_call, facts.is_work, _stamps(facts), (facts.tenant_rank, facts.feature_rank), has
    )
    return Lineage(
        facts=facts, parent=parent, reached=reached, outer_call=outer, outer_work=work, stamp=stamp,
        tenant_rank=tenant_rank, feature_rank=feature_rank, source=source,
    )  # fmt: skip


def find_family(facts: Facts, alive: Bools) -> tuple[Numbers, Numbers]:
    """(n,) the first row with the same ids and (n,) the row of the parent, among the rows that are ``alive``."""
    at, data, known = facts.texts("trace_id")
    trace = first_of(facts.ledger, at, data, known & alive)
    ids, parents = facts.texts("span_id"), facts.texts("parent_span_id")
    has_place = (trace >= 0) & ids[2]
    return find_parents(trace, (*ids[:2], has_place), parents)


def _stamps(facts: Facts) -> Numbers:
    """(n,) a number per tenant that a gateway has stamped: the first row that it stands in; -1 elsewhere."""
    if not facts.is_stamped.any():
        return np.full(len(facts.ledger), -1, np.int64)
    at, data, known = facts.texts("tenant")
    return first_of(np.zeros(len(facts.ledger), np.int64), at, data, known & facts.is_stamped)


def _rows(rows: Numbers) -> pa.Array:
    return pa.array(rows, mask=rows < 0)

"""The rules on spans of the lake: as if one flush had had all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from warehouse.once.facts import LENT, known, one_piece
from warehouse.once.kernels import Bools
from warehouse.once.rules import judge
from warehouse.once.told import restore

_INHERITED = (
    *(("tenant", "tenant_rank"), ("feature", "feature_rank"), ("user_id",), ("session_id",), ("task_id",)),
    ("prompt_name", "prompt_version"),
)
_RANKED = ("tenant_rank", "feature_rank")


def rejudge(spans: pa.Table, finish: Callable[[pa.Table], pa.Table] = lambda spans: spans) -> pa.Table:
    """The rows as the rules have them when they see all of them together, with ``why`` where one is not billed.

    ``spans``: columns of the lake and ``row`` = 0, 1, … in the order of the table, ``ledger`` = 0. ``finish``: what
    follows the rules. What a span has inherited stays where its ancestors are not all here and nobody tells better.
    """
    judged = judge(restore(spans), finish)
    judged = judged.rename_columns({"_why": "why", "_row": "row", "_ledger": "ledger"})
    return _keep(spans, judged)


def _keep(spans: pa.Table, judged: pa.Table) -> pa.Table:
    """``judged`` with what an ancestor has lent that is not here."""
    lost = {names: rows for names in _INHERITED if (rows := _is_lost(spans, judged, names)).any()}
    if not lost:
        return judged
    broken = _is_cut_off(spans)
    for names, rows in lost.items():
        judged = _put_back(spans, judged, names, rows & broken)
    return judged


def _is_lost(spans: pa.Table, judged: pa.Table, names: Sequence[str]) -> Bools:
    """(n,) where the flush knew a name, or a better one, and the rules know it no more."""
    here, before = (np.logical_or.reduce([known(one[name]) for name in names]) for one in (judged, spans))
    lost = before & ~here
    if names[-1] not in _RANKED:
        return np.asarray(lost)
    now, then = (np.asarray(pc.fill_null(one[names[-1]], 0).to_numpy()) for one in (judged, spans))
    return np.asarray(lost | (here & (then >= LENT) & (then % LENT < now % LENT)))


def _put_back(spans: pa.Table, judged: pa.Table, names: Sequence[str], rows: Bools) -> pa.Table:
    for name in names if rows.any() else ():
        index, field = judged.schema.get_field_index(name), judged.field(name)
        kept = pc.if_else(pa.array(rows), one_piece(spans[name]).cast(field.type), one_piece(judged[name]))
        judged = judged.set_column(index, field, kept)
    return judged


def _is_cut_off(spans: pa.Table) -> Bools:
    """(n,) rows of which an ancestor is not here."""
    told = pl.DataFrame(spans.select(["trace_id", "span_id", "parent_span_id"])).with_row_index("row")
    first = told.group_by("trace_id", "span_id").agg(pl.col("row").first().alias("parent"))
    own, outer = (["trace_id", name] for name in ("span_id", "parent_span_id"))
    found = told.join(first, left_on=outer, right_on=own, how="left", maintain_order="left")
    parent = found["parent"].cast(pl.Int64).fill_null(-1).to_numpy()
    cut_off = known(spans["parent_span_id"]) & (parent < 0)
    for _ in range(int(np.ceil(np.log2(len(parent) + 1)))):
        above = parent >= 0
        if not above.any():
            break
        cut_off[above] |= cut_off[parent[above]]
        parent = np.where(above, parent[parent], -1)
    return cut_off

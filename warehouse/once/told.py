"""What a span told itself, where its row says what the rules have made of it: kept, so that they can judge it again.

``note`` writes it beside what a flush has decided; ``restore`` makes rows of the lake what that flush was given. So the
rules have one input, and a settlement says what one flush would have said that had had all the spans.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from warehouse.once.facts import holds, is_word, known, one_piece, spelled
from warehouse.once.kernels import Bools
from warehouse.schemas import BILLABLE_OPERATIONS, COST_KINDS, SPANS
from warehouse.schemas.settled import CORRECTED

_STATED = ("billable", "suppressed_by", "cost_usd", *COST_KINDS, "price_status", "price_version")
NOTED = (*(name for name in CORRECTED if name not in _STATED), "tenant_rank", "feature_rank")
"""Columns in which the rules put what other spans tell, and what follows them."""

DECIDED = "_decided"
"""Rows of the lake: the span that is billed instead, of which a flush knew more than is here; else NULL."""
NOTES = ("role", "usage_rank", "as_told")
"""Columns of ``spans`` that the rules write for themselves."""
LEDGER = "_ledger"
"""Optional column that numbers closed ledgers: no rule looks from one into another."""

_ROLES = ("call", "usage_record", "repeat")  # of what is billed if it is a model call


def note(before: pa.Table, after: pa.Table) -> pa.Table:
    """``after`` with ``role usage_rank as_told`` of spans that were ``before``, as a flush has them.

    ``as_told``: a JSON object of the columns that say something else by now, as they were; NULL where none does.
    """
    changed = {}
    for name in NOTED:
        differs = _differs(before[name], after[name])
        if differs.any():
            changed[name] = differs
    notes = {
        "role": before["_role"],
        "usage_rank": before["_usage_rank"].cast(pa.int32()),
        "as_told": _describe(before, changed),
    }
    for name, column in notes.items():
        after = after.append_column(name, column)
    return after


def _differs(before: pa.ChunkedArray, after: pa.ChunkedArray) -> Bools:
    if after.equals(before):
        return np.zeros(len(before), np.bool_)
    one, other = one_piece(before), one_piece(after)
    if pa.types.is_dictionary(one.type):
        if one.dictionary.equals(other.dictionary):
            one, other = one.indices, other.indices
        else:
            one, other = one.cast(pa.string()), other.cast(pa.string())
    return pl.Series(one).ne_missing(pl.Series(other)).to_numpy()


def _describe(before: pa.Table, changed: Mapping[str, Bools]) -> pa.Array:
    """(n,) texts as a dictionary column: rows of which the same columns were NULL share one."""
    indices = np.full(before.num_rows, -1, np.int64)
    if not changed:
        return pa.nulls(before.num_rows, pa.dictionary(pa.int32(), pa.string()))
    which = np.zeros(before.num_rows, np.int64)
    had_some = np.zeros(before.num_rows, np.bool_)
    for place, (name, rows) in enumerate(changed.items()):
        which |= rows.astype(np.int64) << place
        if before[name].null_count < before.num_rows:
            had_some |= rows & known(before[name])
    alike = np.flatnonzero((which > 0) & ~had_some)
    encoded = pa.array(which[alike]).dictionary_encode()
    of_row = np.asarray(encoded.indices.to_numpy(), np.int64)
    first = np.zeros(len(encoded.dictionary), np.int64)
    first[of_row[::-1]] = alike[::-1]
    own = np.flatnonzero(had_some)
    indices[alike] = of_row
    indices[own] = len(first) + np.arange(len(own))
    shown = np.concatenate([first, own])
    texts = _as_json(before, shown, {name: rows[shown] for name, rows in changed.items()})
    return pa.DictionaryArray.from_arrays(pa.array(indices, pa.int32(), mask=indices < 0), texts)


def _as_json(before: pa.Table, rows: NDArray[np.int64], changed: Mapping[str, Bools]) -> pa.Array:
    told = pl.DataFrame(spelled(before.select(list(changed)).take(pa.array(rows))))
    members = [
        pl.when(pl.Series(there)).then(
            pl.struct(pl.col(name).cast(_in_json(name)).alias(name))
            .struct.json_encode()
            .str.strip_prefix("{")
            .str.strip_suffix("}")
        )
        for name, there in changed.items()
    ]
    text = pl.format("{{{}}}", pl.concat_str(members, separator=",", ignore_nulls=True))
    return one_piece(told.select(text.alias("as_told")).to_arrow()["as_told"]).cast(pa.string())


def _in_json(name: str) -> pl.DataType | type[pl.DataType]:
    """How a column stands in JSON: instants in microseconds, amounts as text."""
    kind = SPANS.field(name).type
    if pa.types.is_timestamp(kind):
        return pl.Int64
    if pa.types.is_decimal(kind):
        return pl.String
    return pl.Series(pa.array([], kind)).dtype


def restore(spans: pa.Table) -> pa.Table:
    """Rows of the lake as a flush was given them.

    ``spans``: columns of the lake, ``row`` and ``ledger``. What a flush has put to a span that is not here stays so
    (``DECIDED``), and so does what was written by a version of SpanLedger that did not say ``role``.
    """
    is_old = ~known(spans["role"])
    is_repeat = holds(pc.equal(spans["suppressed_by"], spans["parent_span_id"]))
    stays = known(spans["suppressed_by"]) & (is_old | ~_is_here(spans)) & ~is_repeat
    nothing = pa.scalar(None, pa.binary())
    spans = _take_back(spans)
    role = _roles(spans, is_old, is_repeat)
    added = {
        "_row": spans["row"],
        LEDGER: spans["ledger"],
        "_role": role,
        "_model_call": pa.array(is_word(role, *_ROLES) & is_word(spans["operation"], *BILLABLE_OPERATIONS)),
        "_usage_rank": spans["usage_rank"].cast(pa.int8()),
        DECIDED: pc.if_else(pa.array(stays), one_piece(spans["suppressed_by"]).cast(pa.binary()), nothing),
    }
    for name, column in added.items():
        spans = spans.append_column(name, column)
    return spans.drop_columns(["row", "ledger", "billable", "suppressed_by", *NOTES])


def _is_here(spans: pa.Table) -> Bools:
    """(n,) whether the span that is billed instead is among these."""
    ids = ("span_id", "suppressed_by")
    told = pl.DataFrame(
        [pl.Series("ledger", spans["ledger"]), *(pl.Series(name, spans[name], pl.Binary) for name in ids)]
    )
    here = told.select("ledger", pl.col("span_id").alias("suppressed_by"), pl.lit(value=True).alias("is_here")).unique()
    found = told.join(here, on=["ledger", "suppressed_by"], how="left", maintain_order="left")
    return found["is_here"].fill_null(value=False).to_numpy()


def _roles(spans: pa.Table, is_old: Bools, is_repeat: Bools) -> pa.Array:
    role = one_piece(spans["role"]).cast(pa.string())
    if not is_old.any():
        return role
    told = holds(spans["billable"]) | known(spans["suppressed_by"])
    other = pc.if_else(pa.array(is_repeat), "repeat", pc.if_else(pa.array(told), "call", "other"))
    return pc.if_else(pa.array(is_old), other, role)


def _take_back(spans: pa.Table) -> pa.Table:
    """Rows of the lake with their own values in place of those that a flush has put there."""
    words = one_piece(spans["as_told"]).dictionary_encode()
    if not len(words.dictionary):
        return spans
    texts = pl.Series(words.dictionary.cast(pa.string()))
    of_row = np.asarray(pc.fill_null(words.indices, -1).to_numpy(), np.int64)
    says = {name: texts.str.contains(f'"{name}":', literal=True).to_numpy() for name in NOTED}
    says = {name: there for name, there in says.items() if there.any()}
    told = texts.str.json_decode(pl.Struct({name: _in_json(name) for name in says})).struct.unnest()
    for name, there in says.items():
        rows = np.append(there, [False])[of_row]
        index, field = spans.schema.get_field_index(name), spans.field(name)
        if index < 0:
            continue
        own = told[name].to_arrow().cast(field.type).take(pa.array(of_row, mask=of_row < 0))
        spans = spans.set_column(index, field, pc.if_else(pa.array(rows), own, one_piece(spans[name])))
    return spans

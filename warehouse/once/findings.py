"""What is found of safety is told once: of one call by who is billed, of what a span repeats of others by them alone.

* Spans that tell of the same call tell together what they found: of each category the strongest action, and the call's
  own category and action are those of the strongest.
* A span that is no call (an agent, a chain, a tool, a guard around guards) does not tell again what a span below it
  tells as strongly, nor what was told of a call that it is around in the words of any teller; of guards only other
  guards do. What it knows alone stays. Between spans that were stamped for different tenants nobody is silenced.
* A client around calls whose counts are not its own is no teller of one of them: it tells as an agent does, and what
  it knows alone is told by the span that replaces it.
* ``content_filter`` and ``guardrail`` say that something was found, and not what: any category as strong says it too.

What a span itself told stays in ``as_told`` (``told.py``).
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

from warehouse.once.facts import known, one_piece
from warehouse.once.kernels import Bools, Numbers
from warehouse.once.lineage import Lineage
from warehouse.schemas import SAFETY_ACTIONS

PII = "pii"
INJECTION = "prompt_injection"
FILTER = "content_filter"
GUARD = "guardrail"
SEEN = "-"
"""In place of an action: detected, and nobody acted on it."""
STRENGTH = {action: rank for rank, action in enumerate((*SAFETY_ACTIONS[:-1], SEEN, SAFETY_ACTIONS[-1]))}

_ACTION = {rank: action for action, rank in STRENGTH.items()}
_FLAGS = {PII: "pii_detected", INJECTION: "injection_detected"}
_WORDS = ("safety_category", "guardrail_action", "safety_findings")
_TOLD = (*_WORDS, *_FLAGS.values())
_VAGUE = (FILTER, GUARD)
_MOST_LEVELS = 256
"""So far above a span is looked for those that repeat it."""


def tell_once(spans: pa.Table, tellers: pl.DataFrame, lineage: Lineage) -> pa.Table:
    """Spans that the rules have judged, with safety told once. ``tellers``: as ``Decision`` has them."""
    tells = np.logical_or.reduce([known(spans[name]) for name in _TOLD])
    if not tells.any():
        return spans
    apart = tellers.filter(~pl.col("repeats"))
    told = _read(spans, np.flatnonzero(tells)).with_columns(
        pl.col("is_around") & (pl.col("stands") | pl.col("row").is_in(apart["row"].implode()))
    )
    pairs = _pair(told)
    told, pairs, united = _unite(told, pairs, tellers.filter("repeats"))
    below = _find_below(told, tellers, lineage)
    told, pairs, left = _leave_out(told, pairs, below)
    told, pairs, heard = _unite(told, pairs, _that_still_tell(told, pairs, tellers, apart))
    told, pairs, again = _leave_out(told, pairs, below.filter(pl.col("row").is_in(heard.implode())))
    changed = pl.concat([united, left, heard, again]).unique()
    return _write(spans, _say(changed, told, pairs)) if len(changed) else spans


def _that_still_tell(
    told: pl.DataFrame, pairs: pl.DataFrame, tellers: pl.DataFrame, apart: pl.DataFrame
) -> pl.DataFrame:
    """Those ``apart`` that know something alone, and the spans that replace them."""
    flagged = told.filter(pl.any_horizontal(pl.col(*_FLAGS.values()).is_not_null()))["row"]
    alone = apart.filter(pl.col("row").is_in(pl.concat([pairs["row"], flagged]).implode()))
    own = tellers.filter((pl.col("nth") == 0) & pl.col("billed").is_in(alone["billed"].implode()))
    return pl.concat([own, alone])


def _read(spans: pa.Table, rows: Numbers) -> pl.DataFrame:
    """What rows tell; ``is_around``: it is not billed, ``stands``: no other span replaces it."""
    taken = spans.select([*_TOLD, "operation", "billable", "suppressed_by"]).take(pa.array(rows))
    columns = {name: pl.Series(one_piece(taken[name])) for name in taken.column_names}
    return pl.DataFrame({"row": pl.Series(rows, dtype=pl.Int64), **columns}).select(
        "row",
        *(pl.col(name).cast(pl.String) for name in _WORDS),
        *(pl.col(name).cast(pl.Boolean) for name in _FLAGS.values()),
        pl.col("operation").cast(pl.String).eq_missing(GUARD).alias("is_guard"),
        (~pl.col("billable").fill_null(value=False)).alias("is_around"),
        pl.col("suppressed_by").is_null().alias("stands"),
    )


def _pair(told: pl.DataFrame) -> pl.DataFrame:
    """One row per row and category that it tells of: ``row``, ``category``, ``strength`` of what was done."""
    own, done = pl.col("safety_category"), pl.col("guardrail_action").fill_null("")
    named = told.select("row", done.alias("done"), pl.col("safety_findings").str.split(" ").alias("pair"))
    split = pl.col("pair").str.splitn("=", 2).struct.rename_fields(["category", "told"])
    named = named.explode("pair").drop_nulls("pair").with_columns(split.alias("pair")).unnest("pair")
    word = pl.when(pl.col("told") == "").then("done").otherwise("told")
    nothing = own.is_null() & pl.col("safety_findings").is_null()
    silent = pl.col("is_guard") & nothing & ~pl.any_horizontal(pl.col(*_FLAGS.values()).fill_null(value=False))
    parts = [
        named.select("row", "category", word.alias("word")),
        told.filter(own.is_not_null()).select("row", own.alias("category"), done.alias("word")),
        told.filter(silent & (done != "")).select("row", pl.lit(GUARD).alias("category"), done.alias("word")),
    ]
    for category, flag in _FLAGS.items():
        seen = pl.when(own.is_null()).then(done).otherwise(pl.lit(SEEN))
        parts.append(told.filter(flag).select("row", pl.lit(category).alias("category"), seen.alias("word")))
    strength = pl.col("word").replace_strict(STRENGTH, return_dtype=pl.Int8).alias("strength")
    return pl.concat(parts).with_columns(strength).group_by("row", "category").agg(pl.min("strength"))


def _unite(
    told: pl.DataFrame, pairs: pl.DataFrame, tellers: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame, pl.Series]:
    """The same with what is billed telling all that is told of it, and which rows that changes."""
    heard = tellers.join(told.select("row", "guardrail_action", *_FLAGS.values()), on="row")
    heard = heard.filter((pl.col("nth") > 0).any().over("billed"))
    of_call = heard.join(pairs, on="row").group_by("billed", "category").agg(pl.min("strength"))
    sure = pl.col("strength").filter(~pl.col("category").is_in(_VAGUE)).min().over("billed")
    clear = ~pl.col("category").is_in(_VAGUE) | (pl.col("strength") < sure).fill_null(value=True)
    done = pl.col("guardrail_action").replace_strict(STRENGTH, return_dtype=pl.Int8).min().replace_strict(_ACTION)
    said = heard.group_by("billed").agg(done, *(pl.max(flag) for flag in _FLAGS.values()))
    said = said.rename({"billed": "row"}).with_columns(
        pl.lit(None, pl.String).alias("safety_category"),
        pl.lit(None, pl.String).alias("safety_findings"),
        pl.lit(value=False).alias("is_guard"),
        pl.lit(value=False).alias("is_around"),
        pl.lit(value=True).alias("stands"),
    )
    united = said["row"]
    theirs = of_call.filter(clear).rename({"billed": "row"}).select(pairs.columns)
    told = pl.concat([told.filter(~pl.col("row").is_in(united.implode())), said.select(told.columns)])
    return told, pl.concat([pairs.filter(~pl.col("row").is_in(united.implode())), theirs]), united


def _leave_out(
    told: pl.DataFrame, pairs: pl.DataFrame, below: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame, pl.Series]:
    """The same without what spans around others repeat of them, and which rows that changes."""
    guards = told.select("row", "is_guard", *_FLAGS.values())
    both = below.join(guards.rename({name: f"{name}_" for name in guards.columns[1:]} | {"row": "above"}), on="above")
    both = both.join(guards, on="row").filter(~pl.col("is_guard_") | pl.col("is_guard"))
    theirs = pairs.rename({"row": "above", "category": "of", "strength": "as"})
    same = (pl.col("of") == pl.col("category")) | pl.col("of").is_in(_VAGUE)
    again = both.join(theirs, on="above").join(pairs, on="row").filter(same & (pl.col("strength") <= pl.col("as")))
    again = again.select(pl.col("above").alias("row"), pl.col("of").alias("category")).unique()
    flags = []
    for flag in _FLAGS.values():
        looked = both.filter(pl.col(flag).is_not_null() & (pl.col(flag) | ~pl.col(f"{flag}_")))["above"].unique()
        flags.append((flag, looked))
        is_again = pl.col("row").is_in(looked.implode()) & pl.col("is_around")
        told = told.with_columns(pl.when(~is_again).then(flag).alias(flag))
    left = pl.concat([again["row"], *(looked for _, looked in flags)]).unique()
    pairs = pairs.join(again, on=["row", "category"], how="anti")
    is_silent = pl.col("row").is_in(again["row"].implode()) & ~pl.col("row").is_in(pairs["row"].implode())
    told = told.with_columns(pl.when(~(is_silent & pl.col("is_around"))).then("guardrail_action"))
    return told, pairs, left


def _find_below(told: pl.DataFrame, tellers: pl.DataFrame, lineage: Lineage) -> pl.DataFrame:
    """Spans that tell anything (``row``), each beside every span ``above`` it that is around and tells something.

    Above a call is what is above any of its tellers.
    """
    parents, stamps = lineage.parent, lineage.stamp
    is_around: Bools = np.zeros(len(parents), np.bool_)
    is_around[told.filter("is_around")["row"].to_numpy()] = True
    nothing = pl.DataFrame(schema={"row": pl.Int64, "above": pl.Int64})
    if not is_around.any():
        return nothing
    itself = told.filter(pl.col("stands") | pl.col("is_around")).select("row", pl.col("row").alias("at"))
    heard = pl.concat([told["row"], tellers.filter(~pl.col("repeats"))["billed"]])
    calls = tellers.filter("repeats", pl.col("billed").is_in(heard.implode()))
    looks = pl.concat([itself, calls.select(pl.col("billed").alias("row"), pl.col("row").alias("at"))]).unique()
    rows, above, found = looks["row"].to_numpy(), looks["at"].to_numpy(), []
    stamped = stamps[above]
    for _ in range(_MOST_LEVELS):
        above = parents[above]
        here = above >= 0
        rows, above, stamped = rows[here], above[here], stamped[here]
        if not len(rows):
            break
        foreign = (stamped >= 0) & (stamps[above] >= 0) & (stamped != stamps[above])
        here = is_around[above] & (above != rows) & ~foreign
        found.append(pl.DataFrame({"row": rows[here], "above": above[here]}, schema=nothing.schema))
    below = pl.concat([nothing, *found]).unique()
    return below.join(below.rename({"row": "above", "above": "row"}), on=["row", "above"], how="anti")  # circles


def _say(changed: pl.Series, told: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """The words of rows that are told otherwise: ``row`` and ``_TOLD``."""
    word = pl.col("strength").replace_strict(_ACTION)
    acted = pl.when(~word.is_in(["", SEEN])).then(word)
    mine = pairs.filter(pl.col("row").is_in(changed.implode())).sort(
        "row", "strength", pl.col("category").is_in(_VAGUE), "category"
    )
    first = mine.group_by("row", maintain_order=True).agg(pl.first("category"), acted.first().alias("done"))
    named = pl.when((word == "") & pl.col("done").is_not_null()).then(pl.lit(SEEN)).otherwise(word)
    listed = (
        mine.join(first.select("row", "done"), on="row", maintain_order="left")
        .with_columns(pl.concat_str("category", pl.lit("="), named).alias("pair"))
        .group_by("row", maintain_order=True)
        .agg(pl.col("pair").str.join(" ").alias("safety_findings"))
    )
    alone = pl.when(~pl.col("is_around")).then("guardrail_action")
    return (
        told.filter(pl.col("row").is_in(changed.implode()))
        .drop("safety_category", "safety_findings")
        .join(first, on="row", how="left")
        .join(listed, on="row", how="left")
        .select(
            "row",
            pl.col("category").alias("safety_category"),
            pl.when(pl.col("category").is_null()).then(alone).otherwise("done").alias("guardrail_action"),
            "safety_findings",
            *_FLAGS.values(),
        )
    )


def _write(spans: pa.Table, said: pl.DataFrame) -> pa.Table:
    rows = said["row"]
    for name in _TOLD:
        index, field = spans.schema.get_field_index(name), spans.schema.field(name)
        plain = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        values = pl.Series(one_piece(spans[name]).cast(plain)).scatter(rows, said[name]).to_arrow().cast(plain)
        values = values.dictionary_encode() if pa.types.is_dictionary(field.type) else values
        spans = spans.set_column(index, field, values.cast(field.type))
    return spans

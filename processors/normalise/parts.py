"""Counts that are parts of other counts: cached in input, an hour's write in writes, reasoning in output.

``input_tokens`` contains what was read from and written to a cache, and audio; ``cache_write_tokens`` contains the
writes kept for an hour; ``output_tokens`` contains reasoning, and audio. What says otherwise is refused under the name
of a rule: it leaves all counts of its span unknown, because nobody can say which of them is wrong.

* ``one_hour_beyond_write``: more kept for an hour than was written at all. Anthropic, who invented it, counts the
  hour's writes within the writes, and so does everybody who passes them on: no way is known in which they are left out;
* ``audio_beyond_input``, ``audio_beyond_output``: likewise; OpenAI and Google count audio within the sums;
* ``parts_disagree``: a billed span took its cached, written or reasoning part from other spans of the same call, and
  together they do not fit into the sum.

``part_without_sum`` names a part above zero whose sum no span of the call knows: it stands, but there is no cost.
"""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from warehouse.schemas import TOKEN_KINDS

REFUSED = "refused"
"""First word of ``usage_semantics`` where the counts of a span are not believed; the rules stand behind it."""

_SUMS = {
    "input_tokens": ("cached_input_tokens", "cache_write_tokens"),
    "output_tokens": ("reasoning_tokens",),
}
"""Sum -> parts that are disjoint: they fit into it together."""

_BEYOND = {
    "one_hour_beyond_write": ("cache_write_1h_tokens", "cache_write_tokens"),
    "audio_beyond_input": ("audio_input_tokens", "input_tokens"),
    "audio_beyond_output": ("audio_output_tokens", "output_tokens"),
}
"""Rule -> part and whole."""

_WHOLES = {part: whole for whole, parts in _SUMS.items() for part in parts} | dict(_BEYOND.values())


def refuse_parts(frame: pl.DataFrame) -> pl.DataFrame:
    """Add to ``_repair`` and ``_refused`` what cannot be; the counts of such spans become NULL."""
    refused = pl.any_horizontal(*_beyond().values())
    return frame.with_columns(
        name_rules(_beyond()).alias("_repair"),
        (pl.col("_refused") | refused).alias("_refused"),
        *[pl.when(~refused).then(pl.col(name)).alias(name) for name in TOKEN_KINDS],
    )


def refuse_contradictions(spans: pa.Table) -> pa.Table:
    """Spans after the once rules, which fill gaps from other spans: what now exceeds its sum, or still has none."""
    frame = pl.DataFrame(spans.select([*TOKEN_KINDS, "usage_semantics"]))
    disagree = pl.any_horizontal(*[exceeds(parts, whole) for whole, parts in _SUMS.items()], *_beyond().values())
    orphan = pl.any_horizontal(*[(pl.col(part) > 0) & pl.col(whole).is_null() for part, whole in _WHOLES.items()])
    frame = frame.with_columns(disagree.alias("_disagree"), orphan.fill_null(value=False).alias("_orphan"))
    if not (frame["_disagree"] | frame["_orphan"]).any():
        return spans
    earlier = pl.col("usage_semantics").str.extract(r"(\+.+)$")
    known = frame.select(
        *[pl.when(~pl.col("_disagree")).then(pl.col(name)).alias(name) for name in TOKEN_KINDS],
        pl.when("_disagree")
        .then(pl.concat_str(pl.lit(REFUSED), earlier, pl.lit("+parts_disagree"), ignore_nulls=True))
        .when("_orphan")
        .then(pl.concat_str(pl.lit(REFUSED), earlier, pl.lit("+part_without_sum"), ignore_nulls=True))
        .otherwise("usage_semantics")
        .alias("usage_semantics"),
    ).to_arrow()
    for name in known.column_names:
        index = spans.schema.get_field_index(name)
        spans = spans.set_column(index, spans.field(index), known[name].cast(spans.field(index).type))
    return spans


def _beyond() -> dict[str, pl.Expr]:
    return {rule: exceeds((part,), whole) for rule, (part, whole) in _BEYOND.items()}


def exceeds(parts: tuple[str, ...], whole: str) -> pl.Expr:
    """Whether the known parts are more than the whole; False where the whole is unknown."""
    together = pl.sum_horizontal(*[pl.col(part).fill_null(0) for part in parts])
    return (together > pl.col(whole)).fill_null(value=False)


def name_rules(holds: dict[str, pl.Expr]) -> pl.Expr:
    """``_repair`` with the rules that hold behind it, separated by ``+``; NULL where there is none."""
    named = [pl.when(condition).then(pl.lit(rule)) for rule, condition in holds.items()]
    rules = pl.concat_str("_repair", *named, separator="+", ignore_nulls=True)
    return pl.when(rules != "").then(rules)


def count_rules(semantics: pa.ChunkedArray) -> dict[str, int]:
    """How many spans each rule repaired or refused, from their ``usage_semantics``."""
    rules = pl.Series("rule", semantics, dtype=pl.String).drop_nulls().str.split("+").list.slice(1).explode()
    return dict(rules.drop_nulls().value_counts().sort("rule").iter_rows())

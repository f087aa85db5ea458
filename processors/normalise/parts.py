"""Counts that are parts of other counts: cached in input, an hour's write in writes, reasoning in output.

``input_tokens`` contains what was read from and written to a cache, and audio; ``cache_write_tokens`` contains the
writes kept for an hour; ``output_tokens`` contains reasoning, and audio. What says otherwise is refused under the name
of a rule: it leaves all counts of its span unknown, because nobody can say which of them is wrong.

* ``one_hour_beyond_write``: more kept for an hour than was written at all. Anthropic, who invented it, counts the
  hour's writes within the writes, and so does everybody who passes them on: no way is known in which they are left out;
* ``citation_beyond_output``: Perplexity's citations are output, which ``usage`` adds; here they come from another span;
* ``audio_beyond_input``, ``audio_beyond_output``, ``image_beyond_input``, ``image_beyond_output``,
  ``video_beyond_input``, ``video_beyond_output``: likewise; OpenAI and Google count audio, images and video within the
  sums. ``modalities_beyond_input``, ``modalities_beyond_output``: each of them fits, but not all, because no token is a
  sound and a picture;
* ``audio_cached_beyond_audio``, ``image_cached_beyond_image``, ``video_cached_beyond_video``: what a cache gave of them
  is part of them. It is part of all that the cache gave as well: ``modalities_beyond_cached``;
* ``parts_disagree``: a billed span took its cached, written or reasoning part from other spans of the same call, and
  together they do not fit into the sum.

``part_without_sum`` names a part above zero whose sum no span of the call knows: it stands, but there is no cost, for
of the sum is known only how small it cannot be. ``input_missing`` and ``output_missing`` name the side of a billed call
that no span of it tells, neither the sum nor any part, while the other one is told: that one stands and is priced, so
the cost is of what is reported, and how often that is so is counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from processors.codes import count_words, numbers_or, spell, words_in
from warehouse.once.facts import one_piece
from warehouse.schemas import BILLABLE_OPERATIONS, TOKEN_KINDS

REFUSED = "refused"
"""First word of ``usage_semantics`` where the counts of a span are not believed; the rules stand behind it."""

_SUMS = {
    "input_tokens": ("cached_input_tokens", "cache_write_tokens"),
    "output_tokens": ("reasoning_tokens",),
}
"""Sum -> parts that are disjoint: they fit into it together."""

_COUNTED = ("image", "video")
MODALITIES = (
    *(f"{name}_{side}_tokens" for name in _COUNTED for side in ("input", "output")),
    *(f"{name}_cached_input_tokens" for name in (*_COUNTED, "audio")),
    "citation_output_tokens",
)
"""Parts that stand among the units of a row."""

FIVE_MINUTES = "cache_write_5m_tokens"
"""The writes that are not kept for an hour; no column of the lake."""


def _each(place: str) -> tuple[str, ...]:
    return tuple(f"{name}_{place}_tokens" for name in ("audio", *_COUNTED))


_BEYOND = {
    "one_hour_beyond_write": (("cache_write_1h_tokens",), "cache_write_tokens"),
    "audio_beyond_input": (("audio_input_tokens",), "input_tokens"),
    "audio_beyond_output": (("audio_output_tokens",), "output_tokens"),
    "image_beyond_input": (("image_input_tokens",), "input_tokens"),
    "image_beyond_output": (("image_output_tokens",), "output_tokens"),
    "video_beyond_input": (("video_input_tokens",), "input_tokens"),
    "video_beyond_output": (("video_output_tokens",), "output_tokens"),
    "citation_beyond_output": (("citation_output_tokens",), "output_tokens"),
    "audio_cached_beyond_audio": (("audio_cached_input_tokens",), "audio_input_tokens"),
    "image_cached_beyond_image": (("image_cached_input_tokens",), "image_input_tokens"),
    "video_cached_beyond_video": (("video_cached_input_tokens",), "video_input_tokens"),
    "modalities_beyond_input": (_each("input"), "input_tokens"),
    "modalities_beyond_output": (_each("output"), "output_tokens"),
    "modalities_beyond_cached": (_each("cached_input"), "cached_input_tokens"),
}
"""Rule -> disjoint parts and whole; of several parts it holds where none of them alone is named for that whole."""

UNANSWERED = ("embeddings", "rerank")
"""Operations whose answer is made of no tokens."""

_MISSING = {
    "input_missing": ("input_tokens", "output_tokens", BILLABLE_OPERATIONS),
    "output_missing": ("output_tokens", "input_tokens", set(BILLABLE_OPERATIONS) - set(UNANSWERED)),
}
"""Rule -> the side that is not told, the one that is, and the operations that have both."""

_WHOLES = {part: whole for whole, parts in _SUMS.items() for part in parts} | {
    part: whole for parts, whole in _BEYOND.values() for part in parts
}
"""Part -> what must be told with it; of audio and images that a cache gave, the last: what it gave at all."""


_JUDGED = r"\+(?:part_without_sum|input_missing|output_missing)\b"
"""What a row is called for want of other spans, which a settlement may bring; a row's input has all its parts."""

_NONE = -(1 << 62)
"""A count that is not told."""

_PIECES = {
    FIVE_MINUTES: "cache_write_tokens",
    "taken_input_tokens": "input_tokens",
    "taken_output_tokens": "output_tokens",
}
"""Parts that no row keeps; a span that tells one without its sum is no source of counts for its call."""


def apply_rules(
    frame: pl.DataFrame, rules: Mapping[str, pl.Expr], mend: Callable[[pl.DataFrame], pl.DataFrame]
) -> pl.DataFrame:
    """The frame mended, and the rules that hold named in ``_repair``; most ranges need nothing of it.

    ``mend`` sees each rule as a column that says where it holds, and must change nothing elsewhere.
    """
    holds = frame.select(condition.fill_null(value=False).alias(rule) for rule, condition in rules.items())
    if not any(column.any() for column in holds.iter_columns()):
        return frame
    named = mend(frame.hstack(holds)).with_columns(name_rules({rule: pl.col(rule) for rule in rules}).alias("_repair"))
    return named.drop(*rules)


def refuse(rules: Iterable[str], counts: Iterable[str]) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """What makes counts unknown where one of the rules holds."""
    refused = pl.any_horizontal(*rules)
    unknown = [pl.when(~refused).then(pl.col(name)).alias(name) for name in counts]
    return lambda frame: frame.with_columns((pl.col("_refused") | refused).alias("_refused"), *unknown)


def refuse_parts(frame: pl.DataFrame) -> pl.DataFrame:
    """Add to ``_repair`` and ``_refused`` what cannot be; the counts of such spans become NULL."""
    told = {name for name in (*TOKEN_KINDS, *MODALITIES, *_PIECES) if frame[name].null_count() < len(frame)}
    rules = _beyond(told)
    alone = [(pl.col(piece) > 0) & pl.col(whole).is_null() for piece, whole in _PIECES.items() if piece in told]
    if alone:
        rules["part_without_sum"] = pl.any_horizontal(*alone)
    if not rules:
        return frame
    return apply_rules(frame, rules, refuse(rules, (*TOKEN_KINDS, *MODALITIES)))


def refuse_contradictions(spans: pa.Table) -> pa.Table:
    """Spans after the once rules, which fill gaps from other spans: what now exceeds its sum, or still lacks some.

    Texts come back as they were given: as they are, or as dictionary columns.
    """
    modalities = _modalities(spans["units"])
    if not modalities and not _may_contradict(spans):
        return spans
    frame = pl.DataFrame(spell(spans.select([*TOKEN_KINDS, "usage_semantics", "operation", "billable"])))
    frame = frame.hstack(modalities).with_columns(_unjudged().alias("usage_semantics"))
    disagree = pl.any_horizontal(
        *[exceeds(parts, whole) for whole, parts in _SUMS.items()], *_beyond(frame.columns).values()
    )
    orphan = pl.any_horizontal(
        *[(pl.col(part) > 0) & pl.col(whole).is_null() for part, whole in _WHOLES.items() if part in frame.columns]
    )
    found = {
        "parts_disagree": disagree,
        "part_without_sum": orphan.fill_null(value=False),
        **{rule: _lacks(*sides) for rule, sides in _MISSING.items()},
    }
    first = pl.coalesce(*[pl.when(holds).then(pl.lit(rule)) for rule, holds in found.items()])
    frame = frame.with_columns(first.alias("_rule"))
    if frame["_rule"].is_null().all() and not _is_judged(spans):
        return spans
    known = frame.select(
        *[pl.when(pl.col("_rule").ne_missing("parts_disagree")).then(pl.col(name)).alias(name) for name in TOKEN_KINDS],
        _name_rule().alias("usage_semantics"),
    ).to_arrow()
    for name in known.column_names:
        field = spans.schema.field(name)
        words = pa.types.is_dictionary(field.type)
        column = known[name].cast(pa.string()).dictionary_encode() if words else known[name].cast(field.type)
        spans = spans.set_column(spans.schema.get_field_index(name), name, column)
    return spans


def _may_contradict(spans: pa.Table) -> bool:
    """Whether a look at the numbers finds any row that a rule may be about; nearly always none, which is quickly seen.

    For spans without ``MODALITIES`` among their units.
    """
    told = {name: numbers_or(spans[name], _NONE) for name in TOKEN_KINDS if spans[name].null_count < len(spans)}
    none = np.full(len(spans), _NONE)
    for parts, whole in [*((parts, whole) for whole, parts in _SUMS.items()), *_BEYOND.values()]:
        known = [np.maximum(told[part], 0) for part in parts if part in told]
        if known and whole in told and ((sum(known) > told[whole]) & (told[whole] != _NONE)).any():
            return True
    for part, whole in _WHOLES.items():
        if part in told and ((told[part] > 0) & (told.get(whole, none) == _NONE)).any():
            return True
    for missing, side, operations in _MISSING.values():
        lacks = (told.get(missing, none) == _NONE) & (told.get(side, none) != _NONE)
        if lacks.any() and _any_billed(spans.filter(pa.array(lacks)), operations):
            return True
    return _is_judged(spans)


def _is_judged(spans: pa.Table) -> bool:
    return any(re.search(_JUDGED, word) for word in words_in(spans["usage_semantics"]) if word)


def _any_billed(spans: pa.Table, operations: Collection[str]) -> bool:
    about = pc.is_in(spell(spans.select(["operation"]))["operation"], pa.array(sorted(operations)))
    return bool(pc.any(pc.and_(about, pc.fill_null(spans["billable"], False))).as_py())


def _unjudged() -> pl.Expr:
    """``usage_semantics`` as it was before rows were judged that tell a sum, lest they be judged twice."""
    said = pl.col("usage_semantics")
    plain = said.str.replace_all(_JUDGED, "")
    told = pl.any_horizontal(pl.col("input_tokens", "output_tokens").is_not_null())
    return pl.when(told).then(pl.when(plain == REFUSED).then(pl.lit("inclusive")).otherwise(plain)).otherwise(said)


def _modalities(units: pa.ChunkedArray) -> list[pl.Series]:
    """(n,) each: the amounts of the parts that any row has among its units; NULL where a row has none."""
    maps = one_piece(units)
    found = pc.unique(maps.keys).to_pylist() if len(maps) > units.null_count else []
    told = [(name, pc.map_lookup(maps, name, "first")) for name in MODALITIES if name in found]
    return [pl.Series(name, amounts.cast(pa.int64(), safe=False)) for name, amounts in told]


def _lacks(missing: str, told: str, operations: Collection[str]) -> pl.Expr:
    billed = pl.col("billable") & pl.col("operation").is_in(sorted(operations))
    return (billed & pl.col(missing).is_null() & pl.col(told).is_not_null()).fill_null(value=False)


def _name_rule() -> pl.Expr:
    """``usage_semantics`` with ``_rule`` behind it; what contradicts itself is refused, whatever was done before."""
    before = pl.col("usage_semantics")
    refused = pl.concat_str(pl.lit(REFUSED), before.str.extract(r"(\+.+)$"), ignore_nulls=True)
    said = pl.when(pl.col("_rule").is_in(list(_MISSING))).then(before).otherwise(refused)
    return pl.when(pl.col("_rule").is_not_null()).then(pl.concat_str(said, "_rule", separator="+")).otherwise(before)


def _beyond(told: Collection[str]) -> dict[str, pl.Expr]:
    """The rules that can hold where only these counts are told."""
    rules: dict[str, pl.Expr] = {}
    for rule, (parts, whole) in _BEYOND.items():
        known = tuple(part for part in parts if part in told)
        alone = [one for one, (single, of) in _BEYOND.items() if of == whole and set(single) < set(parts)]
        if known and whole in told and not (alone and len(known) == 1):
            named = [rules[one] for one in alone if one in rules]
            rules[rule] = exceeds(known, whole) & ~pl.any_horizontal(pl.lit(value=False), *named)
    return rules


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
    rules: Counter[str] = Counter()
    for said, rows in count_words(semantics).items():
        for rule in said.split("+")[1:]:
            rules[rule] += rows
    return dict(sorted(rules.items()))

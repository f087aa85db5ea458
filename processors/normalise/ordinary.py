"""Spans whose token counts no rule is about: nearly all, which a look at the numbers shows.

A span is ordinary where its scope and its keys say of both sides that they contain all their parts, and

* it tells an input above zero and an output; no part is more than its sum; a total, if told, is both sides; of all
  other counts, which only some instrumentations know, it tells none; or
* it tells no count at all.

Whatever else holds, ``usage`` would come to the same for such a span: nothing is added, moved, refused or named. The
look may miss ordinary spans, and must never take another for one.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from processors.codes import Numbers, numbers_or
from processors.normalise.frame import told_in
from processors.normalise.parts import MODALITIES
from processors.normalise.pieces import PIECES
from processors.normalise.semantics import RULED
from warehouse.schemas import TOKEN_KINDS

COUNTS_WHOLE = "_counts_whole"
"""Column of shapes: see ``counts_whole``."""
MOST_TOKENS = 1_000_000_000
"""Beyond any context window by a factor of a hundred: such a count is not a count of tokens."""
READ = (*TOKEN_KINDS, *PIECES, *MODALITIES)
"""All columns of counts."""

_PARTS = {
    "input_tokens": ("cached_input_tokens", "cache_write_tokens"),
    "output_tokens": ("reasoning_tokens",),
    "cache_write_tokens": ("cache_write_1h_tokens",),
}
_PLAIN = (*_PARTS, *(part for parts in _PARTS.values() for part in parts), "total_tokens")
_UNTOLD = -(1 << 62)


def counts_whole() -> pl.Expr:
    """Whether rules and keys say of a shape that its counts contain all their parts; needs ``RULED``."""
    said = [pl.coalesce(ruled, f"{side}_includes", pl.lit("inclusive")) == "inclusive" for side, ruled in RULED.items()]
    rests = [pl.col(f"{side}_is_rest").fill_null(value=False) for side in RULED]
    return (pl.all_horizontal(*said) & ~pl.any_horizontal(*rests)).alias(COUNTS_WHOLE)


def find_ordinary(frame: pl.DataFrame) -> NDArray[np.bool_]:
    """(n,) whether a span is ordinary; reads ``READ usage_is_cut`` and ``COUNTS_WHOLE``."""
    told = set(told_in(frame, (*READ, "usage_is_cut")))
    known = {name: numbers_or(frame[name].to_arrow(), _UNTOLD) for name in _PLAIN if name in told}
    untold = np.full(len(frame), _UNTOLD)
    input_, output, total = (known.get(name, untold) for name in ("input_tokens", "output_tokens", "total_tokens"))
    both = (input_ > 0) & (output >= 0) & ((total == _UNTOLD) | (total == input_ + output))
    for whole, parts in _PARTS.items():
        both &= _fit(known.get(whole, untold), [known[part] for part in parts if part in known])
    none = np.ones(len(frame), np.bool_)
    for one in known.values():
        both &= one <= MOST_TOKENS
        none &= one == _UNTOLD
    ordinary = (both | none) & frame[COUNTS_WHOLE].to_numpy()
    for name in told - known.keys():
        ordinary &= frame[name].is_null().to_numpy()
    return np.asarray(ordinary)


def _fit(whole: Numbers, parts: list[Numbers]) -> NDArray[np.bool_] | bool:
    """Whether parts that are told are neither negative nor, together, more than their whole; none need be told."""
    if not parts:
        return True
    fits = sum(np.maximum(part, 0) for part in parts) <= np.maximum(whole, 0)
    for part in parts:
        fits &= (part >= 0) | (part == _UNTOLD)
    return fits

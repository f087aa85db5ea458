"""Names of instrumentations: those that the table of scopes knows are kept, of others their keyed hash.

Anybody can call a tracer anything. The once rules ask whether two spans are of one instrumentation, which hashes answer
too, and for the libraries of those that are known.
"""

from __future__ import annotations

from typing import cast

import polars as pl
import pyarrow as pa

from processors.conventions.rules import scopes
from processors.normalise.secrets import HIDDEN, hide

_WORD = r"^[A-Za-z0-9_.@/-]{1,128}$"


def hide_tellers(names: pa.Array, key: bytes) -> pa.Array:
    """The names, as dictionary where any is hidden."""
    encoded = names if pa.types.is_dictionary(names.type) else names.dictionary_encode()
    words = cast("pl.Series", pl.from_arrow(encoded.dictionary.cast(pa.string())))
    hidden = words.is_not_null() & ~_are_known(words)
    if not hidden.any():
        return names
    shown = hide(words, hidden, key).to_arrow().cast(encoded.type.value_type)
    return pa.DictionaryArray.from_arrays(encoded.indices, shown)


def _are_known(words: pl.Series) -> pl.Series:
    known = [pl.col("word").str.starts_with(prefix) for prefix in (HIDDEN, *(one.prefix for one in scopes()))]
    is_word = pl.col("word").str.contains(_WORD)
    return words.to_frame("word").select((pl.any_horizontal(known) & is_word).fill_null(value=False)).to_series()

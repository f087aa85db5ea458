"""Names of instrumentations: those that the table of scopes knows are kept, of others their keyed hash.

Anybody can call a tracer anything. The once rules ask whether two spans are of one instrumentation, which hashes answer
too, and for the libraries of those that are known.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import cast

import polars as pl
import pyarrow as pa

from processors.conventions.rules import scope_pattern, scopes
from processors.normalise.secrets import HIDDEN, hide

_MOST = 128
_WORD = re.compile(r"[A-Za-z0-9_.@/-]+")


def hide_tellers(names: pa.Array, key: bytes) -> pa.Array:
    """The names, as dictionary where any is hidden."""
    encoded = names if pa.types.is_dictionary(names.type) else names.dictionary_encode()
    spelled = encoded.dictionary.to_pylist()
    hidden = [word is not None and not (len(word) <= _MOST and _is_known(word)) for word in spelled]
    if not any(hidden):
        return names
    words = cast("pl.Series", pl.from_arrow(encoded.dictionary.cast(pa.string())))
    shown = hide(words, pl.Series(hidden), key).to_arrow().cast(encoded.type.value_type)
    return pa.DictionaryArray.from_arrays(encoded.indices, shown)


@lru_cache(maxsize=4096)
def _is_known(word: str) -> bool:
    return _WORD.fullmatch(word) is not None and (word.startswith(HIDDEN) or _known().search(word) is not None)


@cache
def _known() -> re.Pattern[str]:
    return re.compile("|".join(scope_pattern(one.prefix) for one in scopes()))

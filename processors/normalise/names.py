"""Names of rows as Arrow columns: whose each span is and what it is called, found out once for what is told alike.

The steps of ``identity`` and ``secrets`` see one row for each distinct combination of names; what differs in nearly
every span (``APART``, users) is looked at by itself. Columns of few words come out as dictionary columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from processors.codes import Groups, Numbers, encode, number, numbers_or, words_in
from processors.decode import Decoded
from processors.messages import Tally
from processors.normalise.identity import place
from processors.normalise.rules import Rules
from processors.normalise.secrets import RULES, are_harmless, are_versions, hide_secrets, look_at
from processors.normalise.tiers import tier_words
from processors.users import hash_users, hide
from warehouse.once.facts import one_piece

APART = ("session_id", "task_id", "response_id")
_STAMPS = ("topic", "header_tenant", "header_tenants", "header_principal")
_RANKS = ("tenant_rank", "feature_rank")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """``columns``: by name, (n,) each; ``hidden``: how many names were replaced, by message and rule."""

    columns: Mapping[str, pa.Array]
    hidden: Tally


def settle_names(given: Mapping[str, pa.Array], decoded: Decoded, rules: Rules) -> Named:
    """Names as they are stored, and ``user_id _user _other_user tenant_rank feature_rank``.

    ``given``: names as they were told, (n,) each, with ``user_id other_user_id`` and ``tenant_class feature_class``.
    """
    rows = decoded.spans.num_rows
    message = decoded.spans["message_index"].to_numpy()
    told = [name for name in given if name not in APART and name not in ("user_id", "other_user_id")]
    stamps = number([encode(decoded.messages[name]) for name in _STAMPS], decoded.messages.num_rows)
    alike = number([(stamps.of_row[message], stamps.count), *(encode(given[name]) for name in told)], rows)
    at = pa.array(alike.first)
    texts = pa.table({name: _first(given[name], at) for name in told})
    stamped = decoded.messages.select(_STAMPS).take(pa.array(message[alike.first]))
    placed = place(pl.DataFrame(texts).hstack(pl.DataFrame(stamped)), rules)
    shown = placed if _are_harmless(given, told) else hide_secrets(placed, rules.user_key)
    shown = shown.with_columns(tier_words(shown["service_tier"]))
    columns: dict[str, pa.Array] = {name: spread(shown[name], alike) for name in (*told, *_RANKS)}
    users = {"_user": _plain(given["user_id"]), "_other_user": _plain(given["other_user_id"])}
    columns |= users | {"user_id": pa.nulls(rows, pa.string())}
    if users["_user"].null_count < rows:
        columns["user_id"] = hash_users(users["_user"], rules.user_key)
    hidden = {
        rule: shown[column].to_numpy()[alike.of_row]
        for rule, column in RULES.items()
        if column in shown.columns and (shown[column] > 0).any()
    }
    for name in APART:
        columns[name], found = _look_apart(name, _plain(given[name]), rules.user_key)
        for rule, which in found.items():
            hidden[rule] = hidden.get(rule, np.zeros(rows, np.int64)) + np.bincount(which, minlength=rows)
    return Named(columns=columns, hidden=dict(_tally(hidden, message)))


def _are_harmless(given: Mapping[str, pa.Array], told: Iterable[str]) -> bool:
    """Whether it is quickly seen that ``hide_secrets`` would change none of these names."""
    texts = [given[name] for name in told if given[name].null_count < len(given[name])]
    words = [one.dictionary for one in texts if pa.types.is_dictionary(one.type)]
    if len(words) + sum(pa.types.is_integer(one.type) for one in texts) < len(texts):
        return False
    versions = tuple(words_in(given["scope_version"]))
    return are_harmless(word for some in words for word in some.to_pylist()) and are_versions(versions)


def _look_apart(name: str, values: pa.Array, key: bytes) -> tuple[pa.Array, dict[str, Numbers]]:
    """The column without secrets and texts, and the rows that rules hide."""
    if values.null_count == len(values):
        return values, {}
    secret, long = look_at(name, values)
    hidden = np.zeros(len(values), np.bool_)
    hidden[secret] = hidden[long] = True
    if hidden.any():
        named = hide(cast("pl.Series", pl.from_arrow(values)), pl.Series(hidden), key)
        values = named.to_arrow().cast(pa.string())
    found = {"hidden_value": secret, "long_name": np.setdiff1d(long, secret)}
    return values, {rule: rows for rule, rows in found.items() if len(rows)}


def _tally(hidden: Mapping[str, NDArray[Any]], message: NDArray[np.int32]) -> Iterator[tuple[tuple[int, str], int]]:
    for rule, counts in hidden.items():
        of_message = np.bincount(message, weights=counts)
        yield from (((int(index), rule), int(of_message[index])) for index in np.flatnonzero(of_message))


def encode_words(words: pl.Series, guess: Groups) -> pa.Array:
    """A dictionary column of texts, (n,). ``guess``: rows that may well say the same."""
    few = words.gather(guess.first)
    if few.gather(guess.of_row).eq_missing(words).all():
        return spread(few, guess)
    return pc.dictionary_encode(words.to_arrow().cast(pa.string()))


def spread(values: pl.Series, alike: Groups) -> pa.Array:
    """What was found for each group, row by row: texts as a dictionary column."""
    if values.dtype == pl.String and values.null_count() == len(values):
        return repeat_word(None, len(alike.of_row))
    few = values.to_arrow()
    if values.dtype != pl.String:
        return few.take(pa.array(alike.of_row))
    encoded = pc.dictionary_encode(few.cast(pa.string()))
    rows = len(alike.of_row)
    if encoded.null_count == len(encoded):
        return pa.DictionaryArray.from_arrays(_nothing(rows), encoded.dictionary)
    if len(encoded.dictionary) == 1 and not encoded.null_count:
        return pa.DictionaryArray.from_arrays(_zeros(rows), encoded.dictionary)
    codes = numbers_or(encoded.indices, -1).astype(np.int32)[alike.of_row]
    unknown = codes < 0 if encoded.null_count else None
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=unknown), encoded.dictionary)


def repeat_word(word: str | None, rows: int) -> pa.Array:
    """A dictionary column of one text, or of none."""
    if word is None:
        return pa.DictionaryArray.from_arrays(_nothing(rows), pa.array([], pa.string()))
    return pa.DictionaryArray.from_arrays(_zeros(rows), pa.array([word], pa.string()))


@lru_cache(maxsize=2)
def _zeros(rows: int) -> pa.Array:
    """Many columns say one thing only: they have their numbers in common."""
    return pa.array(np.zeros(rows, np.int32))


@lru_cache(maxsize=2)
def _nothing(rows: int) -> pa.Array:
    return pa.nulls(rows, pa.int32())


def _first(column: pa.Array, rows: pa.Array) -> pa.Array:
    """The values in these rows, texts spelled; most columns of names have none in any row."""
    if column.null_count < len(column):
        return _plain(column.take(rows))
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    return pa.nulls(len(rows), kind)


def _plain(column: Any) -> pa.Array:
    array = one_piece(column)
    return array.cast(array.type.value_type) if pa.types.is_dictionary(array.type) else array

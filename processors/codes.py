"""Rows that agree, found through numbers: a column is encoded once, and rows are compared by one number each.

Most columns of a range have few values. Who wants to know something of each distinct combination of them numbers the
combinations (``number``), looks at one row of each (``Groups.first``) and spreads the answer by ``Groups.of_row``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from processors.sums import place_in_order
from warehouse.once.facts import one_piece

Numbers: TypeAlias = NDArray[np.int64]
Coded: TypeAlias = tuple[Numbers, int]
"""(n,) the number of each row's value, and how many numbers there are; NULL is a value. With one number: (0,)."""

_ONE: Coded = (np.zeros(0, np.int64), 1)
_MOST = 1 << 62
_MOST_PLACES = 4  # for each row, that numbers may be looked up in


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """``of_row``: (n,) the number of each row's group, in the order in which they occur; ``first``: (groups,) rows."""

    of_row: Numbers
    first: Numbers

    @property
    def count(self) -> int:
        """How many groups there are."""
        return len(self.first)


def number(columns: Iterable[Coded], rows: int) -> Groups:
    """Groups of rows that agree in all columns."""
    codes, size = np.zeros(rows, np.int64), 1
    for each, values in columns:
        if values == 1:
            continue
        if size * values >= _MOST:
            groups = _in_order(codes, size)
            codes, size = groups.of_row, groups.count
        codes = codes * values + each if size > 1 else each
        size *= values
    return _in_order(codes, size)


def _in_order(codes: Numbers, size: int) -> Groups:
    rows = len(codes)
    if not rows:
        return Groups(of_row=codes, first=codes)
    if size == 1:
        return Groups(of_row=codes, first=np.zeros(1, np.int64))
    if size > _MOST_PLACES * rows:
        encoded = pc.dictionary_encode(pa.array(codes))
        of_row = numbers(encoded.indices)
        first = np.empty(len(encoded.dictionary), np.int64)
        first[of_row[::-1]] = np.arange(rows)[::-1]
        return Groups(of_row=of_row, first=first)
    of_row, first = np.empty(rows, np.int64), np.empty(min(size, rows), np.int64)
    count = place_in_order(codes, np.full(size, -1, np.int64), of_row, first)
    return Groups(of_row=of_row, first=first[:count])


def encode(column: pa.ChunkedArray) -> Coded:
    """Numbers of the values of a column of any type."""
    if column.null_count == len(column):
        return _ONE
    if pa.types.is_nested(column.type):
        return _encode_nested(column)
    array = one_piece(column)
    if pa.types.is_dictionary(array.type):
        return _encode_dictionary(array)
    if is_constant(array):
        return _ONE
    encoded = pc.dictionary_encode(array, null_encoding="encode")
    return _coded(numbers(encoded.indices), len(encoded.dictionary))


def is_constant(column: pa.Array) -> bool:
    """Whether it is quickly seen that all rows have the same number or truth value."""
    if column.null_count or not (pa.types.is_integer(column.type) or pa.types.is_boolean(column.type)):
        return False
    ends = pc.min_max(column)
    return bool(ends["min"] == ends["max"])


def encode_integers(values: Numbers) -> Coded:
    """Numbers of whole numbers, all known; those that lie close together are their own."""
    if not len(values):
        return _ONE
    low = values.min()
    span = int(values.max() - low) + 1
    return _coded(values - low, span) if span <= max(len(values), 1024) else encode(pa.chunked_array([values]))


def _encode_dictionary(array: pa.DictionaryArray) -> Coded:
    """A dictionary may hold a word twice, words that no row has, and NULL."""
    words = pc.dictionary_encode(array.dictionary, null_encoding="encode")
    if len(words.dictionary) == len(array.dictionary) and not words.dictionary.null_count:  # each word once
        size = len(array.dictionary) + (array.null_count > 0)
        return _ONE if size == 1 else (numbers_or(array.indices, size - 1), size)
    meant = numbers(words.indices)
    missing = pc.is_null(words.dictionary).index(pa.scalar(value=True)).as_py()
    size = len(words.dictionary)
    if array.null_count and missing < 0:
        missing, size = size, size + 1
    if size == 1:
        return _ONE
    indices = numbers(pc.fill_null(array.indices, len(meant)) if array.null_count else array.indices)
    return np.append(meant, missing)[indices], size


def _encode_nested(column: pa.ChunkedArray) -> Coded:
    rows = pl.DataFrame({"value": pl.Series(column), "row": pl.int_range(len(column), eager=True)})
    each = rows.group_by("value", maintain_order=True).agg("row")["row"]
    codes = np.empty(len(column), np.int64)
    codes[each.explode().to_numpy()] = np.repeat(np.arange(len(each)), each.list.len().to_numpy())
    return _coded(codes, len(each))


def _coded(codes: Numbers, size: int) -> Coded:
    return (codes, size) if size > 1 else _ONE


def numbers(column: pa.Array) -> Numbers:
    """Whole numbers, all known, as int64."""
    return np.asarray(column.to_numpy(zero_copy_only=False), np.int64)


def numbers_or(column: pa.ChunkedArray | pa.Array, missing: int) -> Numbers:
    """Whole numbers as int64, NULL as ``missing``."""
    array = one_piece(column)
    return numbers(pc.fill_null(array, missing) if array.null_count else array)


def words_in(column: pa.ChunkedArray) -> list[str | None]:
    """The words that a column of texts may have; of a dictionary column also those that no row has."""
    array = one_piece(column)
    return list((array.dictionary if pa.types.is_dictionary(array.type) else array).unique().to_pylist())


def count_words(column: pa.ChunkedArray) -> dict[str, int]:
    """How many rows have each word, in the order of the alphabet; of texts or a dictionary column of them."""
    array = one_piece(column)
    encoded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    rows = np.bincount(numbers(encoded.indices.drop_null()), minlength=len(encoded.dictionary))
    counted: Counter[str] = Counter()
    for word, count in zip(encoded.dictionary.to_pylist(), rows.tolist(), strict=True):
        if word is not None and count:
            counted[word] += count
    return dict(sorted(counted.items()))


def cast_to(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of a schema; those that have their type already are not touched."""
    columns = (table[field.name] for field in schema)
    cast = [one if one.type == field.type else one.cast(field.type) for one, field in zip(columns, schema, strict=True)]
    return pa.table(cast, schema=schema)


def spell(table: pa.Table, names: Iterable[str] | None = None) -> pa.Table:
    """The table with a text in each row where these columns, or all, have the number of a text."""
    for name in table.column_names if names is None else names:
        kind = table.schema.field(name).type
        if pa.types.is_dictionary(kind):
            at = table.schema.get_field_index(name)
            table = table.set_column(at, pa.field(name, kind.value_type), table[name].cast(kind.value_type))
    return table

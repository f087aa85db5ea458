"""What the quick half of the once rules reads: columns as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from warehouse.once.kernels import NO_RANK, Bools, Bytes, Numbers, Offsets, Ranks

LENT = 4
"""So much more is the rank of a tenant or a feature that another span lent."""

_WORK = ("execute_tool", "retrieval", "guardrail", "evaluation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Arrays of (n,); the row of an array is the row of ``spans``.

    ``has_successor``: which rows name the span that tells of the same call, ``is_repeat`` which of these their parent.
    ``is_stamped``: which have the tenant that a gateway stamped on their message.
    ``has_late_chunk``: which are streams whose first chunk came after the span's end.
    """

    spans: pa.Table
    ledger: Numbers
    is_call: Bools
    is_work: Bools
    is_repeat: Bools
    has_successor: Bools
    is_fetch: Bools
    is_record: Bools
    has_late_chunk: Bools
    is_stamped: Bools
    tenant_rank: Ranks
    feature_rank: Ranks

    def texts(self, name: str) -> tuple[Offsets, Bytes, Bools]:
        """Offsets, bytes and which are known, of a column of texts or ids."""
        return texts(self.spans[name])

    def known(self, *names: str) -> Bools:
        """Rows where one of the columns has a value."""
        return np.asarray(np.logical_or.reduce([known(self.spans[name]) for name in names]))

    def microseconds(self, name: str) -> tuple[NDArray[np.int64], Bools]:
        """Times since the epoch, 0 where unknown, and which are known."""
        column = self.spans[name]
        return pc.fill_null(column.cast(pa.timestamp("us", "UTC")).cast(pa.int64()), 0).to_numpy(), known(column)

    def count(self, name: str) -> NDArray[np.int64]:
        """A number of tokens, 0 where unknown."""
        return np.asarray(pc.fill_null(self.spans[name], 0).to_numpy(), np.int64)


def state_facts(spans: pa.Table, ledger: Numbers) -> Facts:
    """Facts of the spans. ``ledger``: (n,) number of the closed ledger of each."""
    is_repeat = is_word(spans["_role"], "repeat")
    other = known(spans["_role"]) & ~is_repeat
    return Facts(
        spans=spans,
        ledger=ledger,
        is_call=find_calls(spans),
        is_work=other & is_word(spans["operation"], *_WORK),
        is_repeat=is_repeat,
        has_successor=known(spans["suppressed_by"]),
        is_fetch=is_word(spans["_role"], "fetch"),
        is_record=is_word(spans["_role"], "usage_record"),
        has_late_chunk=known(spans["late_chunk_at"]),
        is_stamped=_ranks(spans["tenant_rank"]) == 0,
        tenant_rank=_ranks(spans["tenant_rank"]),
        feature_rank=_ranks(spans["feature_rank"]),
    )


def find_calls(spans: pa.Table) -> Bools:
    """(n,) which spans are model calls, whoever tells of them too."""
    return known(spans["_role"]) & ~is_word(spans["_role"], "repeat") & holds(spans["_model_call"])


def _ranks(column: pa.ChunkedArray) -> Ranks:
    return np.asarray(pc.fill_null(column.cast(pa.int8()), NO_RANK).to_numpy(), np.int8)


def one_piece(column: Any) -> pa.Array:
    """A column in one piece; one that is in one piece is not copied."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def is_word(column: pa.ChunkedArray, *words: str) -> Bools:
    """(n,) whether the column holds one of the words; looked up once for each word of a dictionary column."""
    array = one_piece(column)
    if pa.types.is_dictionary(array.type):
        meant = [word in words for word in array.dictionary.to_pylist()]
        return np.asarray(np.append(meant, [False])[pc.fill_null(array.indices, len(meant)).to_numpy()], np.bool_)
    return holds(pc.is_in(array, pa.array(words, pa.string())))


def distinct_words(column: pa.ChunkedArray) -> pa.Array | None:
    """The words that rows of a dictionary column may have; of another column it takes too long to say."""
    is_dictionary = pa.types.is_dictionary(column.type) and column.num_chunks == 1
    return column.chunk(0).dictionary.unique() if is_dictionary else None


def holds(column: pa.ChunkedArray | pa.Array) -> Bools:
    """(n,) bools, False where unknown."""
    return np.asarray(pc.fill_null(column, fill_value=False).to_numpy(zero_copy_only=False), np.bool_)


def spelled(table: pa.Table) -> pa.Table:
    """The table with a text in each row where it has the number of a text."""
    plain = [pa.field(f.name, f.type.value_type) if pa.types.is_dictionary(f.type) else f for f in table.schema]
    return table.cast(pa.schema(plain))


def texts(column: pa.ChunkedArray) -> tuple[Offsets, Bytes, Bools]:
    """Offsets, bytes and which are known, of a column of texts or ids of any Arrow type."""
    array = one_piece(column)
    if array.type not in (pa.binary(), pa.string()):
        array = array.cast(pa.string()) if pa.types.is_dictionary(array.type) else array.cast(pa.binary())
    _, offsets, data = array.buffers()
    at = np.frombuffer(offsets, np.int32)[array.offset : array.offset + len(array) + 1]
    return at, np.frombuffer(data or b"", np.uint8), known(column)


def known(column: pa.ChunkedArray) -> Bools:
    """(n,) where the column has a value."""
    if not column.null_count:
        return np.ones(len(column), np.bool_)
    return np.asarray(one_piece(column).is_valid().to_numpy(zero_copy_only=False))

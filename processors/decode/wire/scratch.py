"""What the walk works in and what it fills: rows of spans, a log of attributes, structures that are left to Python."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from processors.decode.wire.compiled import inlined
from processors.decode.wire.keys import Keys
from processors.decode.wire.messages import MOST_DEEP

(
    MESSAGE,
    POSITION,
    GROUP,
    TRACE,
    SPAN,
    PARENT,
    NAME,
    NAME_SIZE,
    KIND,
    STARTED,
    ENDED,
    CODE,
    TEXT,
    TEXT_SIZE,
    BEGIN,
    END,
    IS_LEFT,
) = range(17)
"""Columns of a row; ids and texts by where they stand, -1 where there is none."""
ROW_COLUMNS = 17

INNER_COLUMNS = 5  # row, slot, begin, size, kind: structures that may hold what no attribute told
LOG_COLUMNS = 2  # what and where (see ``pack``), and the first word of the value
NO_ALIAS = 1 << 30
MOST_PENDING = 64
PREDICTIONS = 1 << 10

ROW_BITS, FIELD_BITS, ALIAS_BITS, SIZE_BITS = 27, 9, 14, 13
MOST_ROWS = 1 << ROW_BITS


@inlined
def pack(row: int, field: int, alias: int, size: int) -> int:
    """The place of a value in one word; what does not fit is refused before (``check_room``)."""
    return ((row << FIELD_BITS | field) << ALIAS_BITS | alias) << SIZE_BITS | size


@inlined
def unpack(packed: int) -> Any:
    """Row, field, alias and size."""
    size = packed & ((1 << SIZE_BITS) - 1)
    alias = packed >> SIZE_BITS & ((1 << ALIAS_BITS) - 1)
    field = packed >> (SIZE_BITS + ALIAS_BITS) & ((1 << FIELD_BITS) - 1)
    return packed >> (SIZE_BITS + ALIAS_BITS + FIELD_BITS), field, alias, size


def check_room(aliases: int, keys: Keys) -> None:
    """Raises ValueError where a table has more than a packed word can tell."""
    if aliases >> ALIAS_BITS or keys.fields >> FIELD_BITS or max(keys.text_bytes, keys.message_bytes) >> SIZE_BITS:
        raise ValueError("the alias table is larger than the kernel's log can tell")


class Found(NamedTuple):
    """What the walk fills; each is grown by its caller where it may run out."""

    rows: NDArray[np.int64]  # (spans, ROW_COLUMNS)
    log: NDArray[np.int64]  # (room, LOG_COLUMNS)
    inner: NDArray[np.int64]  # (room, INNER_COLUMNS)


class Scratch(NamedTuple):
    """What the best alias of each field is in the span at hand."""

    best: NDArray[np.int64]  # (fields, 3): number of the span that has set it, alias, entry in the log
    pending: NDArray[np.int64]  # (MOST_PENDING, 4): slot, begin, size, kind
    after: NDArray[np.int64]  # prediction: key place -> (begin, size, slot, next place)
    state: NDArray[np.int64]  # by the numbers below
    stack: NDArray[np.int64]  # of ``is_sound``


LOGGED, PENDING, SIDE, SIDE_END, IS_FOR_PYTHON, IS_ODD, LAST_KEY, AT_ROW = range(8)


def make_scratch(fields: int) -> Scratch:
    """Scratch for a walk over spans with so many fields."""
    return Scratch(
        best=np.full((fields, 3), -1, np.int64),
        pending=np.zeros((MOST_PENDING, 4), np.int64),
        after=np.zeros((PREDICTIONS, 4), np.int64),
        state=np.zeros(8, np.int64),
        stack=np.zeros((MOST_DEEP, 3), np.int64),
    )

"""What the walk works in and what it fills: rows of spans, a log of attributes, structures that are left."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from processors.decode.wire.messages import MOST_DEEP

(
    MESSAGE,
    POSITION,
    TEMPLATE,
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
    PLAN,
    WORDS,
) = range(19)
"""Columns of a row; ids and texts by where they stand, -1 where there is none; of a row whose shape is known the plan
and where its words begin, else -1."""
ROW_COLUMNS = 19

INNER_COLUMNS = 5  # row, slot, begin, size, kind: structures that may hold what no attribute told
LOG_COLUMNS = 5  # row, field, alias, and two words of the value: begin and size of a text, else its bits
VALUE = 3
"""Of an entry of the log: the first word of the value."""
NO_ALIAS = 1 << 30
MOST_PENDING = 64


class Scratch(NamedTuple):
    """What the best alias of each field is in the span at hand."""

    best: NDArray[np.int64]  # (fields, 3): number of the span that has set it, alias, entry in the log
    pending: NDArray[np.int64]  # (MOST_PENDING, 4): slot, begin, size, kind
    state: NDArray[np.int64]  # by the numbers below
    stack: NDArray[np.int64]  # of ``is_sound``


LOGGED, PENDING, SIDE, SIDE_END, IS_FOR_PYTHON, IS_ODD, NUMBER, AT_ROW = range(8)


def make_scratch(fields: int) -> Scratch:
    """Scratch for a walk over spans with so many fields."""
    return Scratch(
        best=np.full((fields, 3), -1, np.int64),
        pending=np.zeros((MOST_PENDING, 4), np.int64),
        state=np.zeros(8, np.int64),
        stack=np.zeros((MOST_DEEP, 3), np.int64),
    )

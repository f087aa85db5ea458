"""What the attributes of a message tell, put into columns while its bytes are still in the nearest cache.

A cell is a field of a span: which alias told it, and a word: the number itself, or the number of the text. Texts are
copied to a heap of their own, each once, unless most rows of a field have one of their own: then repeats are no longer
looked for.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from processors.decode.wire.compiled import compiled, inlined
from processors.decode.wire.room import Room
from processors.decode.wire.scratch import NAME, NO_ALIAS, TEXT
from processors.decode.wire.words import hash_bytes, is_equal, load64

SAMPLE = 2048
MOST_DIFFERENT = 0.5
"""Share of different values among the first ``SAMPLE`` from which on repeats are no longer looked for."""
PLACES = 1 << 14
"""Of a field's hash table; half of them may be taken."""
MISSING = -1
OWN = (NAME, TEXT)
"""Texts of every span that are no attributes, by the column of its row; their fields stand behind the others."""
GIVEN, VALUES, LAST, IS_SEARCHING = range(4)


class Cells(NamedTuple):
    """By field and row; what no row has told is not touched, so it takes no memory."""

    alias: NDArray[np.int16]  # (fields, rows), MISSING; of rows with a plan the plan knows it
    word: NDArray[np.int64]  # (fields, rows)
    state: NDArray[np.int64]  # (fields, 4): cells given, values, the last value, whether repeats are looked for
    values: NDArray[np.int64]  # (fields, values, 2): begin and size in the heap
    table: NDArray[np.int32]  # (fields, PLACES): hash -> value
    is_text: NDArray[np.bool_]  # (fields,)
    heap: NDArray[np.uint8]  # each text begins at a multiple of eight
    eights: NDArray[np.uint64]  # the heap, eight bytes at a time
    used: NDArray[np.int64]  # (1,): bytes of the heap


class Found(NamedTuple):
    """What the walk fills; each is grown by its caller where it may run out."""

    rows: NDArray[np.int64]  # (spans, ROW_COLUMNS)
    ids: NDArray[np.uint64]  # (spans, 4): trace id, span id, and the parent's, 0: none
    log: NDArray[np.int64]  # (room, LOG_COLUMNS): the attributes of one message
    words: NDArray[np.int64]  # (room,): the values of one message's spans whose shapes are known
    inner: NDArray[np.int64]  # (room, INNER_COLUMNS)
    cells: Cells


def with_heap(cells: Cells, heap: NDArray[np.uint64]) -> Cells:
    """Cells with a larger heap that begins as theirs does."""
    return cells._replace(heap=heap.view(np.uint8), eights=heap)


def make_cells(room: Room, is_text: NDArray[np.bool_], rows: int) -> Cells:
    """Empty cells; a field may have a value more for every template than for every row, which ``rows`` counts too."""
    fields = len(is_text)
    return Cells(
        alias=room.take_wide("alias", fields, rows, np.int16),
        word=room.take_wide("word", fields, rows, np.int64),
        state=np.zeros((fields, 4), np.int64),
        values=room.take_wide("values", fields, rows, np.int64, 2),
        table=room.take("table", fields * PLACES, np.int32).reshape(fields, PLACES),
        is_text=is_text,
        heap=room.all_of("heap").view(np.uint8),
        eights=room.all_of("heap"),
        used=np.zeros(1, np.int64),
    )


def widen(cells: Cells, room: Room, rows: int, used: int) -> Cells:
    """Cells for more rows that begin as these do; ``used``: rows so far."""
    wider = cells._replace(
        alias=room.renew_wide("alias", rows),
        word=room.renew_wide("word", rows),
        values=room.renew_wide("values", rows),
    )
    for field in np.flatnonzero(cells.state[:, GIVEN]).tolist():
        count = cells.state[field, VALUES]
        wider.alias[field, :used], wider.alias[field, used:] = cells.alias[field, :used], MISSING
        wider.word[field, :used] = cells.word[field, :used]
        wider.values[field, :count] = cells.values[field, :count]
    return wider


@inlined
def begin_field(field: int, cells: Any) -> None:
    """Before the first cell of a field."""
    cells.alias[field, :] = MISSING
    cells.state[field, LAST] = MISSING
    cells.state[field, IS_SEARCHING] = 1
    if cells.is_text[field]:
        cells.table[field, :] = MISSING


@inlined
def add_text(buffer: Any, at: int, size: int, field: int, cells: Any) -> int:
    """The number of a text among the values of its field; the heap must have room for it."""
    state, values, table, heap = cells.state[field], cells.values[field], cells.table[field], cells.heap
    place = np.uint64(0)
    if state[IS_SEARCHING]:
        last = state[LAST]
        if last >= 0 and values[last, 1] == size and is_equal(buffer, at, heap, values[last, 0], size):
            return last
        mask = np.uint64(PLACES - 1)
        place = hash_bytes(buffer, at, size) & mask
        while table[place] >= 0:
            seen = np.int64(table[place])
            if values[seen, 1] == size and is_equal(buffer, at, heap, values[seen, 0], size):
                state[LAST] = seen
                return seen
            place = (place + np.uint64(1)) & mask
    begin, count = cells.used[0], state[VALUES]
    for i in range((size + 7) >> 3):  # up to seven bytes more than there are: nobody looks at them
        cells.eights[(begin >> 3) + i] = load64(buffer, at + 8 * i)
    cells.used[0] = begin + ((size + 7) & -8)
    values[count, 0], values[count, 1] = begin, size
    state[VALUES] = count + 1
    state[LAST] = count
    if state[IS_SEARCHING]:
        table[place] = count
        if count * 2 >= PLACES or (state[GIVEN] >= SAMPLE and count > state[GIVEN] * MOST_DIFFERENT):
            state[IS_SEARCHING] = 0
    return count


@compiled
def fill_shared(
    buffer: Any, field: int, template: Any, shared: Any, first: Any, second: Any, words: Any, cells: Any, alias: Any
) -> None:
    """Where a row tells nothing of a field, its template does. ``shared``: alias and words of each template."""
    if cells.state[field, GIVEN] == 0:
        begin_field(field, cells)
    for one in range(len(shared)):
        words[one] = first[one]
        if shared[one] != NO_ALIAS and cells.is_text[field]:
            words[one] = add_text(buffer, first[one], second[one], field, cells)
    for row in range(len(template)):
        one = template[row]
        if alias[row] == MISSING and shared[one] != NO_ALIAS:
            alias[row] = shared[one]
            cells.word[field, row] = words[one]
    cells.state[field, GIVEN] += 1


@compiled
def settle_alias(plans: Any, of_plan: Any, of_row: Any, alias: Any) -> None:
    """The winning alias of each row: its plan's, or its own."""
    for row in range(len(alias)):
        alias[row] = of_plan[plans[row]] if plans[row] >= 0 else of_row[row]

"""The status of a span: its code, and of an error what it says."""

from __future__ import annotations

from typing import Any

import numpy as np

from processors.decode.wire.compiled import compiled
from processors.decode.wire.messages import read_tag, skip_field
from processors.decode.wire.scratch import CODE, IS_ODD, TEXT, TEXT_SIZE
from processors.decode.wire.values import cut_text
from processors.decode.wire.words import is_utf8, read_length, read_varint


@compiled
def read_status(buffer: Any, at: int, end: int, row: Any, keys: Any, state: Any) -> None:
    """Into ``row``; ``state`` says whether it is odd."""
    seen = 0
    while at < end:
        field, wire, at = read_tag(buffer, at, end)
        if at < 0 or (field < 8 and seen >> field & 1):
            state[IS_ODD] = 1
            return
        if field < 8:
            seen |= 1 << field
        if field == 2 and wire == 2:
            stop, begin = read_length(buffer, at, end)
            if stop < 0 or not is_utf8(buffer, begin, stop):
                state[IS_ODD] = 1
                return
            row[TEXT], row[TEXT_SIZE] = begin, stop - begin
            at = stop
        elif field == 3 and wire == 0:
            code, at = read_varint(buffer, at, end)
            if at < 0 or code > np.uint64(0x7FFFFFFF):
                state[IS_ODD] = 1
                return
            row[CODE] = np.int64(code) if code <= np.uint64(2) else 0
        else:
            at = -1 if field in (2, 3) else skip_field(buffer, at, end, wire)
            if at < 0:
                state[IS_ODD] = 1
                return
    if row[CODE] != 2 or row[TEXT_SIZE] == 0:  # only errors have a message that says something
        row[TEXT] = -1
        row[TEXT_SIZE] = 0
    else:
        row[TEXT_SIZE] = cut_text(buffer, row[TEXT], row[TEXT_SIZE], keys.message_bytes)

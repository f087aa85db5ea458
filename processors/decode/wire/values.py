"""One ``AnyValue`` as what a field wants it to be, or as nothing; what only Python can tell is left to Python."""

from __future__ import annotations

from typing import Any

import numpy as np

from processors.decode.wire.compiled import compiled, inlined
from processors.decode.wire.keys import (
    AT,
    BOOL,
    COUNT,
    ELAPSED,
    FIRST,
    INTEGER,
    MESSAGE_TEXT,
    PYTHON,
    REAL,
    REFUSAL,
    SIZE,
    TEXT,
    TIME,
    WHO,
)
from processors.decode.wire.mentions import REFUSALS, mentions
from processors.decode.wire.messages import FIELDS, ROW, is_sound, read_tag
from processors.decode.wire.words import is_utf8, load64, read_length, read_varint

UNSET, STRING, BOOLEAN, WHOLE, DOUBLE, ARRAY, MAP, RAW = range(8)
EVENT = 8
"""No value but an event of a span, of which the slot is its number."""
"""What an ``AnyValue`` is; the numbers of its fields."""

NOTHING, TAKEN, LEFT = 0, 1, 2
"""What became of a value: the field has no use for it; here it is; Python must look."""

_ARRAY, _MAP = ROW["ArrayValue"], ROW["KeyValueList"]
_MOST_DIGITS = 18
_FINITE = np.uint64(0x7FF0000000000000)
_MINUS_0 = np.int64(-(2**63))
"""The bits of -0.0; of every other double below 0, as of a whole number, the first bit alone says so."""


@inlined
def read_any(buffer: Any, at: int, end: int, stack: Any) -> Any:
    """What a value is, and two words: begin and size of text and structures, else its bits; -1: for the library."""
    if at == end:
        return UNSET, np.int64(0), np.int64(0)
    field, wire, at = read_tag(buffer, at, end)
    if at < 0:
        return -1, np.int64(0), np.int64(0)
    if field in (BOOLEAN, WHOLE):
        number, after = read_varint(buffer, at, end)
        if wire != 0 or after != end:
            return -1, np.int64(0), np.int64(0)
        return field, np.int64(number), np.int64(0)
    if field == DOUBLE:
        if wire != 1 or at + 8 != end:
            return -1, np.int64(0), np.int64(0)
        return DOUBLE, np.int64(load64(buffer, at)), np.int64(0)
    if wire != 2 or field > RAW:
        return -1, np.int64(0), np.int64(0)
    stop, begin = read_length(buffer, at, end)
    if stop != end:
        return -1, np.int64(0), np.int64(0)
    if field == STRING and not is_utf8(buffer, begin, stop):
        return -1, np.int64(0), np.int64(0)
    if field == ARRAY and not is_sound(buffer, begin, stop, _ARRAY, FIELDS, stack):
        return -1, np.int64(0), np.int64(0)
    if field == MAP and not is_sound(buffer, begin, stop, _MAP, FIELDS, stack):
        return -1, np.int64(0), np.int64(0)
    return field, begin, stop - begin


@inlined
def _is_blank(buffer: Any, at: int) -> bool:
    """Whether a character may be one that Python strips."""
    lead = buffer[at]
    if lead < 0x80:
        return 9 <= lead <= 13 or 28 <= lead <= 32
    second = buffer[at + 1]
    if lead == 0xC2:
        return second in (0x85, 0xA0)
    return (
        (lead == 0xE1 and second == 0x9A)
        or (lead == 0xE2 and second in (0x80, 0x81))
        or (lead == 0xE3 and second == 0x80)
    )


@inlined
def judge_text(buffer: Any, at: int, size: int, most: int) -> int:
    """Whether a text may stand as a name: not empty, not a structure, not too long."""
    if size == 0 or size > most:
        return NOTHING
    if _is_blank(buffer, at):
        return LEFT
    return NOTHING if buffer[at] == ord("{") else TAKEN


@inlined
def judge_name(buffer: Any, at: int, size: int, keys: Any, base: int) -> int:
    """Likewise of who somebody is: a word for nobody is no name; with blanks behind it Python must look."""
    verdict = judge_text(buffer, at, size, keys.text_bytes)
    if verdict != TAKEN:
        return verdict
    for word in range(len(keys.nobody)):
        begin = base + keys.nobody[word, AT]
        if buffer[at] | 0x20 == buffer[begin]:
            verdict = _judge_word(buffer, at, size, begin, keys.nobody[word, SIZE])
            if verdict != TAKEN:
                return verdict
    return TAKEN


@compiled
def _judge_word(buffer: Any, at: int, size: int, begin: int, letters: int) -> int:
    if size < letters:
        return TAKEN
    for i in range(letters):
        if buffer[at + i] | 0x20 != buffer[begin + i]:
            return TAKEN
    if size == letters:
        return NOTHING
    after = buffer[at + letters]
    return LEFT if after <= 0x20 or after >= 0x80 else TAKEN


@compiled
def _write_whole(buffer: Any, number: int, side: int) -> int:
    """A whole number as digits at ``side``; -> how many bytes."""
    if number == np.int64(-9223372036854775808):
        return 0
    size = 0
    left = number
    if left < 0:
        buffer[side] = ord("-")
        size, left = 1, -left
    digits = 1
    rest = left
    while rest >= 10:
        rest //= 10
        digits += 1
    for place in range(digits):
        buffer[side + size + digits - 1 - place] = ord("0") + left % 10
        left //= 10
    return size + digits


@compiled
def _write_truth(buffer: Any, is_true: bool, side: int) -> int:
    """``true`` or ``false`` at ``side``; -> how many bytes."""
    word = (116, 114, 117, 101, 0) if is_true else (102, 97, 108, 115, 101)
    for i in range(5):
        buffer[side + i] = word[i]
    return 4 if is_true else 5


@compiled
def _is_word(buffer: Any, at: int, size: int) -> bool:
    """Letters, digits, ``_ - . : /`` alone: what no repr and no list is made of."""
    for i in range(at, at + size):
        byte = buffer[i] | 0x20
        if not (97 <= byte <= 122 or 48 <= buffer[i] <= 58 or 45 <= buffer[i] <= 47 or buffer[i] == 95):
            return False
    return True


@compiled
def _first_text(buffer: Any, at: int, end: int, most: int, stack: Any) -> Any:
    """The first text of an array that may stand as a name."""
    while at < end:
        field, _, at = read_tag(buffer, at, end)
        stop, begin = read_length(buffer, at, end)
        if stop < 0 or field != 1:
            return LEFT, np.int64(0), np.int64(0)
        kind, first, second = read_any(buffer, begin, stop, stack)
        if kind != STRING:
            return LEFT, np.int64(0), np.int64(0)
        verdict = judge_text(buffer, first, second, most)
        if verdict != NOTHING:
            return verdict, first, second
        at = stop
    return NOTHING, np.int64(0), np.int64(0)


@inlined
def _read_digits(buffer: Any, at: int, size: int) -> Any:
    """Plain digits as a number; whatever else a number may be written like is left."""
    if size == 0 or size > _MOST_DIGITS:
        return LEFT, np.int64(0), np.int64(0)
    number = np.int64(0)
    for i in range(size):
        digit = np.int64(buffer[at + i]) - ord("0")
        if digit < 0 or digit > 9:
            return LEFT, np.int64(0), np.int64(0)
        number = number * 10 + digit
    return TAKEN, number, np.int64(0)


@inlined
def convert(
    buffer: Any, wanted: int, kind: int, first: int, second: int, side: int, keys: Any, base: int, stack: Any
) -> Any:
    """A value as a field wants it: verdict, and two words (begin and size of a text; else the number's bits).

    ``side``: where 24 bytes are free for a number or truth value that stands where a text should; -1: nowhere.
    """
    nothing = (NOTHING, np.int64(0), np.int64(0))
    left = (LEFT, np.int64(0), np.int64(0))
    if kind == UNSET:
        return nothing
    if wanted == PYTHON:
        return left
    if wanted == REFUSAL:
        told = kind in (ARRAY, MAP) or (kind == STRING and mentions(buffer, first, second, 1 << REFUSALS))
        return left if told else nothing
    if wanted in (TEXT, FIRST, WHO):
        if kind == STRING:
            if wanted == WHO:
                return judge_name(buffer, first, second, keys, base), first, second
            if wanted == FIRST and not _is_word(buffer, first, second):
                return left
            return judge_text(buffer, first, second, keys.text_bytes), first, second
        if kind == DOUBLE or (side < 0 and kind in (BOOLEAN, WHOLE)):
            return left
        if kind == BOOLEAN:
            return TAKEN, np.int64(side), np.int64(_write_truth(buffer, first != 0, side))
        if kind == WHOLE:
            size = _write_whole(buffer, first, side)
            return (TAKEN, np.int64(side), np.int64(size)) if size else left
        if wanted == FIRST and kind == ARRAY:
            return _first_text(buffer, first, first + second, keys.text_bytes, stack)
        return nothing
    if wanted in (INTEGER, COUNT):
        if kind == WHOLE:
            return TAKEN, first, np.int64(0)
        if kind == STRING:
            return _read_digits(buffer, first, second)
        return left if kind == DOUBLE else nothing
    if wanted in (REAL, ELAPSED):
        if wanted == ELAPSED and kind in (WHOLE, DOUBLE) and first < 0 and not (kind == DOUBLE and first == _MINUS_0):
            return nothing
        if kind == WHOLE:
            return TAKEN, np.float64(first).view(np.int64), np.int64(0)
        if kind == DOUBLE:
            return (TAKEN, first, np.int64(0)) if (np.uint64(first) & _FINITE) != _FINITE else nothing
        return left if kind == STRING else nothing
    if wanted == BOOL:
        if kind == BOOLEAN:
            return TAKEN, np.int64(1 if first else 0), np.int64(0)
        if kind == WHOLE:
            return (TAKEN, first, np.int64(0)) if first in (0, 1) else nothing
        return left if kind in (STRING, DOUBLE) else nothing
    if wanted == TIME:
        if kind == WHOLE:
            return (TAKEN, first, np.int64(0)) if first > 0 else nothing
        return left if kind == STRING else nothing
    if wanted == MESSAGE_TEXT:
        if kind != STRING or second == 0:
            return nothing
        return TAKEN, first, cut_text(buffer, first, second, keys.message_bytes)
    return left


@compiled
def cut_text(buffer: Any, at: int, size: int, most: int) -> int:
    """The size of a text that is cut between two characters."""
    if size <= most:
        return size
    while most > 0 and buffer[at + most] & 0xC0 == 0x80:
        most -= 1
    return most

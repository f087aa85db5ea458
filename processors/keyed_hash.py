"""HMAC-SHA-256 (RFC 2104, FIPS 180-4) over columns: one call for all rows, where a call each costs four times as much.

Compiled, without the GIL. Texts come as Arrow has them: ``offsets`` (n + 1,) int32 into ``data`` (bytes,) uint8, and
which rows are known. Tests hold it equal to the standard library's ``hmac``.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt
from typing import Any, TypeAlias, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Function = TypeVar("Function", bound=Callable[..., Any])
Texts: TypeAlias = tuple[NDArray[np.int32], NDArray[np.uint8], NDArray[np.bool_]]
"""Offsets, data, which are known."""

BLOCK_BYTES = 64
_DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8)
_TAIL = 56  # a block's last eight bytes hold the length of all


def _primes(count: int) -> list[int]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % prime for prime in found):
            found.append(number)
        number += 1
    return found


def _cube_root(number: int) -> int:
    low, high = 0, 1 << (number.bit_length() // 3 + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**3 <= number else (low, middle)
    return low


_ROUNDS = np.array([_cube_root(prime << 96) & 0xFFFFFFFF for prime in _primes(64)], np.uint32)
"""The first 32 bits behind the point of the cube roots of the first 64 primes."""
_START = np.array([isqrt(prime << 64) & 0xFFFFFFFF for prime in _primes(8)], np.uint32)
"""Likewise of the square roots of the first eight."""


def _compiled(function: Function, *, inline: bool = False) -> Function:
    options: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy", "_nrt": False}
    made: Any = numba.njit(**options, forceinline=inline)(function)
    return cast("Function", made)


def _inlined(function: Function) -> Function:
    return _compiled(function, inline=True)


@_inlined
def _turn(word: Any, by: int) -> Any:
    """A word of 32 bits turned right."""
    return np.uint32((word >> np.uint32(by)) | (word << np.uint32(32 - by)))


@_compiled
def _compress(state: Any, block: Any, words: Any) -> None:
    """Take one block into the state. ``words``: (64,) to work in."""
    for i in range(16):
        word = np.uint32(0)
        for j in range(4):
            word = np.uint32((word << np.uint32(8)) | np.uint32(block[4 * i + j]))
        words[i] = word
    for i in range(16, 64):
        early, late = words[i - 15], words[i - 2]
        low = _turn(early, 7) ^ _turn(early, 18) ^ np.uint32(early >> np.uint32(3))
        high = _turn(late, 17) ^ _turn(late, 19) ^ np.uint32(late >> np.uint32(10))
        words[i] = np.uint32(words[i - 16] + low + words[i - 7] + high)
    a, b, c, d, e, f, g, h = state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7]
    for i in range(64):
        mixed = _turn(e, 6) ^ _turn(e, 11) ^ _turn(e, 25)
        one = np.uint32(h + mixed + ((e & f) ^ (~e & g)) + _ROUNDS[i] + words[i])
        other = np.uint32((_turn(a, 2) ^ _turn(a, 13) ^ _turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c)))
        h, g, f, e = g, f, e, np.uint32(d + one)
        d, c, b, a = c, b, a, np.uint32(one + other)
    for i, word in enumerate((a, b, c, d, e, f, g, h)):
        state[i] = np.uint32(state[i] + word)


@_inlined
def _feed(state: Any, block: Any, words: Any, filled: int, data: Any, begin: int, end: int) -> int:
    """Take bytes; -> how many wait in the block."""
    for at in range(begin, end):
        block[filled] = data[at]
        filled += 1
        if filled == BLOCK_BYTES:
            _compress(state, block, words)
            filled = 0
    return filled


@_inlined
def _finish(state: Any, block: Any, words: Any, filled: int, size: int) -> None:
    """End a message of ``size`` bytes."""
    block[filled] = 0x80
    filled += 1
    if filled > _TAIL:
        for i in range(filled, BLOCK_BYTES):
            block[i] = 0
        _compress(state, block, words)
        filled = 0
    for i in range(filled, _TAIL):
        block[i] = 0
    for i in range(8):
        block[_TAIL + i] = (8 * size) >> (56 - 8 * i) & 0xFF
    _compress(state, block, words)


@_compiled
def _hash_rows(
    prefixes: Any, texts: Any, started: Any, state: Any, block: Any, words: Any, half: int, data: Any, offsets: Any
) -> int:  # fmt: skip
    """Fill ``data`` and ``offsets`` with ``half`` bytes of each row's hash as digits; -> where they end."""
    (before, prefix, has_prefix), (at, text, known), (inner, outer) = prefixes, texts, started
    end = 0
    for row in range(len(known)):
        offsets[row] = end
        if not known[row]:
            continue
        begin, stop = before[row], before[row + 1]
        size = np.int64(stop - begin) if has_prefix[row] else np.int64(0)
        for i in range(8):
            state[i] = inner[i]
        for i in range(4):
            block[i] = size >> (24 - 8 * i) & 0xFF
        filled = _feed(state, block, words, 4, prefix, begin, begin + size)
        filled = _feed(state, block, words, filled, text, at[row], at[row + 1])
        _finish(state, block, words, filled, BLOCK_BYTES + 4 + size + at[row + 1] - at[row])
        for i in range(32):
            block[i] = state[i >> 2] >> np.uint32(24 - 8 * (i & 3)) & np.uint32(0xFF)
        for i in range(8):
            state[i] = outer[i]
        _finish(state, block, words, 32, BLOCK_BYTES + 32)
        for i in range(half):
            byte = state[i >> 2] >> np.uint32(24 - 8 * (i & 3)) & np.uint32(0xFF)
            data[end + 2 * i], data[end + 2 * i + 1] = _DIGITS[byte >> 4], _DIGITS[byte & 15]
        end += 2 * half
    offsets[len(known)] = end
    return end


def hash_rows(
    prefixes: Texts, texts: Texts, key: bytes, digest_bytes: int
) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Offsets and data of a column of hex digits: HMAC over (length of the prefix, 4 bytes big-endian; prefix; text).

    ``key``: up to 64 bytes. An unknown prefix is empty; an unknown text has no digits.
    """
    rows = len(texts[2])
    state, block, words = np.empty(8, np.uint32), np.empty(BLOCK_BYTES, np.uint8), np.empty(64, np.uint32)
    started = []
    for pad in (0x36, 0x5C):
        state[:] = _START
        block[:] = np.frombuffer(key.ljust(BLOCK_BYTES, b"\0"), np.uint8) ^ pad
        _compress(state, block, words)
        started.append(state.copy())
    data, offsets = np.empty(rows * 2 * digest_bytes, np.uint8), np.empty(rows + 1, np.int32)
    end = _hash_rows(prefixes, texts, (started[0], started[1]), state, block, words, digest_bytes, data, offsets)
    return offsets, data[:end]

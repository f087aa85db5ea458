"""Bytes read as words of eight: loads, compares, hashes, varints and the check that text is UTF-8.

Every array that is read here ends in ``PADDING`` bytes that belong to nobody, so a load of up to 33 bytes that begins
inside a payload stays inside the array. Lengths are checked against their parents before anything is read.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types, uint32, uint64
from numba.core import cgutils
from numba.extending import intrinsic

from processors.decode.wire.compiled import CHECKED, compiled, inlined

PADDING = 64
LENGTH_BYTES = 5
"""Most that protobuf takes for a length; other varints have up to ten."""
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(32)


def load_bytes(context: Any, builder: Any, kind: Any, place: Any, loaded: Any) -> Any:
    """One load from an array of bytes; ``place``: the array, and where the load begins."""
    array, at = place
    first = builder.gep(context.make_array(kind)(context, builder, array).data, [at])
    load = builder.load(builder.bitcast(first, loaded.as_pointer()))
    load.align = 1
    return load


def _generate_store(_typing: Any, buffer: Any, at: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(64).as_pointer())
        builder.store(arguments[2], place).align = 1
        return context.get_dummy_value()

    return types.void(buffer, types.intp, uint64), generate


@compiled
def _checked_store(buffer: Any, at: int, word: Any) -> None:
    """Eight bytes to ``at``, the lowest one first; every one of them checked."""
    for i in range(8):
        buffer[at + i] = word >> np.uint64(8 * i) & np.uint64(0xFF)


if CHECKED:

    @compiled
    def load64(buffer: Any, at: int) -> Any:
        """Eight bytes from ``at`` on, the first one lowest; every one of them checked."""
        word = np.uint64(0)
        for i in range(8):
            word |= np.uint64(buffer[at + i]) << np.uint64(8 * i)
        return word

    @compiled
    def unlike32(left: Any, one: int, right: Any, other: int) -> Any:
        """Which of 32 bytes of two arrays differ, as bits; every one of them checked."""
        found = np.uint32(0)
        for i in range(32):
            found |= np.uint32(left[one + i] != right[other + i]) << np.uint32(i)
        return found

    @compiled
    def high32(buffer: Any, at: int) -> Any:
        """Which of 32 bytes are not ASCII, as bits; every one of them checked."""
        found = np.uint32(0)
        for i in range(32):
            found |= np.uint32(buffer[at + i] >> 7) << np.uint32(i)
        return found

else:
    _BYTES = ir.VectorType(ir.IntType(8), 32)

    @intrinsic
    def load64(_typing: Any, buffer: Any, at: Any) -> Any:
        """Eight bytes from ``at`` on, the first one lowest, wherever they stand."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return load_bytes(context, builder, signature.args[0], arguments, ir.IntType(64))

        return uint64(buffer, types.intp), generate

    @intrinsic
    def unlike32(_typing: Any, left: Any, one: Any, right: Any, other: Any) -> Any:
        """Which of 32 bytes of two arrays differ, as bits."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            here = load_bytes(context, builder, signature.args[0], arguments[:2], _BYTES)
            there = load_bytes(context, builder, signature.args[2], arguments[2:], _BYTES)
            return builder.bitcast(builder.icmp_unsigned("!=", here, there), ir.IntType(32))

        return uint32(left, types.intp, right, types.intp), generate

    @intrinsic
    def high32(_typing: Any, buffer: Any, at: Any) -> Any:
        """Which of 32 bytes are not ASCII, as bits."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            here = load_bytes(context, builder, signature.args[0], arguments, _BYTES)
            return builder.bitcast(builder.icmp_signed("<", here, ir.Constant(_BYTES, None)), ir.IntType(32))

        return uint32(buffer, types.intp), generate


def _generate_copy(_typing: Any, address: Any, buffer: Any, size: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source = builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())
        target = context.make_array(signature.args[1])(context, builder, arguments[1]).data
        cgutils.raw_memcpy(builder, target, source, arguments[2], 1)
        return context.get_dummy_value()

    return types.void(types.intp, buffer, types.intp), generate


_copy: Any = intrinsic(_generate_copy)  # it is called with an argument less


@compiled
def take_in(address: int, size: int, buffer: Any) -> None:
    """Copy so many bytes of memory to the beginning of the buffer; it must have room for them and the padding."""
    if size + PADDING > len(buffer):
        raise IndexError
    _copy(address, buffer, size)


store64: Any = _checked_store if CHECKED else intrinsic(_generate_store)
"""Eight bytes to a place of an array, the lowest one first, wherever they stand."""


@inlined
def _first(size: int) -> Any:
    """Bits of the first bytes of 32: ``size`` of them, 1 to 32."""
    return np.uint32(0xFFFFFFFF) >> np.uint32(32 - size)


@inlined
def is_run(left: Any, one: int, right: Any, other: int, size: int) -> bool:
    """Whether two stretches of two arrays hold the same bytes; at least one."""
    done = 0
    while size - done > 32:
        if unlike32(left, one + done, right, other + done):
            return False
        done += 32
    return unlike32(left, one + done, right, other + done) & _first(size - done) == np.uint32(0)


@inlined
def is_equal(left: Any, one: int, right: Any, other: int, size: int) -> bool:
    """Whether two stretches of two arrays hold the same bytes."""
    done = 0
    while done + 8 <= size:
        if load64(left, one + done) != load64(right, other + done):
            return False
        done += 8
    if done == size:
        return True
    mask = (np.uint64(1) << np.uint64(8 * (size - done))) - np.uint64(1)
    return ((load64(left, one + done) ^ load64(right, other + done)) & mask) == np.uint64(0)


@inlined
def is_same(buffer: Any, one: int, other: int, size: int) -> bool:
    """Likewise of one array."""
    return is_equal(buffer, one, buffer, other, size)


@inlined
def hash_bytes(buffer: Any, at: int, size: int) -> Any:
    """A hash of a stretch of the buffer."""
    mixed = np.uint64(size) * _PRIME
    done = 0
    while done + 8 <= size:
        mixed = (mixed ^ load64(buffer, at + done)) * _PRIME
        mixed ^= mixed >> _SHIFT
        done += 8
    if done < size:
        mask = (np.uint64(1) << np.uint64(8 * (size - done))) - np.uint64(1)
        mixed = (mixed ^ (load64(buffer, at + done) & mask)) * _PRIME
        mixed ^= mixed >> _SHIFT
    return mixed


@compiled
def read_varint(buffer: Any, at: int, end: int) -> Any:
    """The number, and where it ends; -1 where it does not end in ten bytes or before ``end``."""
    number = np.uint64(0)
    shift = np.uint64(0)
    while at < end:
        byte = np.uint64(buffer[at])
        at += 1
        number |= (byte & np.uint64(0x7F)) << shift
        if byte < np.uint64(0x80):
            if shift == np.uint64(63) and byte > np.uint64(1):
                return number, -1
            return number, at
        shift += np.uint64(7)
        if shift > np.uint64(63):
            return number, -1
    return number, -1


@inlined
def read_length(buffer: Any, at: int, end: int) -> Any:
    """The end of a stretch whose length stands at ``at``, and its beginning; -1 where it goes beyond ``end``."""
    if at < end and buffer[at] < 0x80:
        begin = at + 1
        stop = begin + np.int64(buffer[at])
        return (stop, begin) if stop <= end else (np.int64(-1), begin)
    number, begin = read_varint(buffer, at, end)
    if begin < 0 or begin - at > LENGTH_BYTES or number > np.uint64(end - begin):
        return np.int64(-1), np.int64(begin)
    return np.int64(begin) + np.int64(number), np.int64(begin)


@inlined
def is_id(buffer: Any, at: int, size: int, wanted: int) -> bool:
    """Whether an id has the size that it should have, 8 or 16, and is not all zero."""
    word = load64(buffer, at)
    if wanted == 16:
        word |= load64(buffer, at + 8)
    return size == wanted and word != np.uint64(0)


@inlined
def skip_ascii(buffer: Any, at: int, end: int) -> int:
    """Where 32 bytes begin that hold the first one that is not ASCII; ``end`` where all are."""
    while at + 32 < end:
        if high32(buffer, at):
            return at
        at += 32
    if at < end and high32(buffer, at) & _first(end - at):
        return at
    return end


@inlined
def is_utf8(buffer: Any, at: int, end: int) -> bool:
    """Whether a stretch is UTF-8 as protobuf wants it: no overlong forms, no surrogates, nothing past U+10FFFF."""
    at = skip_ascii(buffer, at, end)
    return at == end or _is_utf8(buffer, at, end)


@compiled
def _is_utf8(buffer: Any, at: int, end: int) -> bool:
    while at < end:
        lead = buffer[at]
        if lead < 0x80:
            at += 1
            continue
        if lead < 0xC2 or lead > 0xF4:
            return False
        more = 1 if lead < 0xE0 else (2 if lead < 0xF0 else 3)
        if at + more >= end:
            return False
        second = buffer[at + 1]
        low = 0xA0 if lead == 0xE0 else (0x90 if lead == 0xF0 else 0x80)
        high = 0x9F if lead == 0xED else (0x8F if lead == 0xF4 else 0xBF)
        if second < low or second > high:
            return False
        for i in range(2, more + 1):
            if buffer[at + i] & 0xC0 != 0x80:
                return False
        at += more + 1
    return True

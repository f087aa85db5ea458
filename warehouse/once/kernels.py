"""Compiled loops of the once rules: which rows share a key, who is whose parent, who inherits what, who stood beside.

Texts and ids come as Arrow has them: ``offsets`` (n + 1,) int32 into ``data`` (bytes,) uint8. A row that is not
``asked`` takes no part. Rows are named by their place in these arrays; -1 is no row. Every function releases the GIL.
The machine code is kept beside this file, or in the user's cache; numba knows it by this file alone: all stand in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Function = TypeVar("Function", bound=Callable[..., Any])
Bools: TypeAlias = NDArray[np.bool_]
Bytes: TypeAlias = NDArray[np.uint8]
Offsets: TypeAlias = NDArray[np.int32]
Numbers: TypeAlias = NDArray[np.int64]
Ranks: TypeAlias = NDArray[np.int8]

NO_RANK = -128
"""The rank of what has none: neither above 0 nor below any."""

_EDGE_US = 250_010  # of twins.sql, and what rounding may shift
_LONG_ID, _OWN_CHARACTERS, _DIFFERENT, _PART = 20, 8, 4, 32  # of made_id in records.sql
_UNREACHED, _OPEN, _DONE, _NEVER = 0, 1, 2, 3


def compiled(function: Function) -> Function:
    """The function as machine code, from its first call on."""
    made: Any = numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    return cast("Function", made)


@compiled
def _hash(prefix: int, data: Bytes, start: int, end: int) -> int:
    mixed = np.uint64(prefix) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(end - start)
    whole = end - (end - start) % 8
    for begin in range(start, whole, 8):
        word = np.uint64(0)
        for step in range(8):
            word |= np.uint64(data[np.uint64(begin) + np.uint64(step)]) << np.uint64(8 * step)
        mixed = (mixed ^ word) * np.uint64(0x9FB21C651E98DF25)
        mixed ^= mixed >> np.uint64(32)
    for at in range(whole, end):
        mixed = (mixed ^ np.uint64(data[at])) * np.uint64(0x100000001B3)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return int((mixed ^ (mixed >> np.uint64(32))) >> np.uint64(1))


@compiled
def _equal(data: Bytes, start: int, end: int, others: Bytes, other_start: int, other_end: int) -> bool:
    if end - start != other_end - other_start or (end > start and data[end - 1] != others[other_end - 1]):
        return False  # ids begin alike, so their ends are compared first
    for step in range(end - start):
        if data[start + step] != others[other_start + step]:
            return False
    return True


@compiled
def _room(rows: int) -> int:
    room = 16
    while room < 2 * rows:
        room *= 2
    return room


@compiled
def first_of(prefix: Numbers, offsets: Offsets, data: Bytes, asked: Bools) -> Numbers:
    """(n,) the first row with the same prefix and text; -1 where not asked."""
    return _first_of(prefix, offsets[:-1], offsets[1:], data, asked, np.empty(_room(len(prefix)), np.int64))


@compiled
def _first_of(prefix: Numbers, starts: Offsets, ends: Offsets, data: Bytes, asked: Bools, table: Numbers) -> Numbers:
    """As ``first_of``, of the bytes from ``starts`` to ``ends``; ``table`` gets the first rows by their hash."""
    first = np.full(len(prefix), -1, np.int64)
    table[:] = -1
    last = -1
    for row in range(len(prefix)):
        if not asked[row]:
            continue
        start, end = starts[row], ends[row]
        if last >= 0 and prefix[last] == prefix[row] and _equal(data, start, end, data, starts[last], ends[last]):
            first[row] = first[last]
            continue
        last = row
        slot = _hash(prefix[row], data, start, end) & (len(table) - 1)
        while table[slot] >= 0:
            other = table[slot]
            if prefix[other] == prefix[row] and _equal(data, start, end, data, starts[other], ends[other]):
                break
            slot = (slot + 1) & (len(table) - 1)
        if table[slot] < 0:
            table[slot] = row
        first[row] = table[slot]
    return first


@compiled
def find_parents(
    trace: Numbers, ids: tuple[Offsets, Bytes, Bools], parents: tuple[Offsets, Bytes, Bools]
) -> tuple[Numbers, Numbers]:
    """(n,) the first row with the same span id in the trace, and (n,) the first row whose span id is the parent id.

    ``trace``: the first row of the trace; ``ids`` and ``parents``: offsets, data, which are known.
    """
    offsets, data, known = ids
    table = np.empty(_room(len(trace)), np.int64)
    first = _first_of(trace, offsets[:-1], offsets[1:], data, known, table)
    above, texts, has_parent = parents
    parent = np.full(len(trace), -1, np.int64)
    for row in range(len(trace)):
        if not has_parent[row] or trace[row] < 0:
            continue
        start, end = above[row], above[row + 1]
        slot = _hash(trace[row], texts, start, end) & (len(table) - 1)
        while table[slot] >= 0:
            other = table[slot]
            if trace[other] == trace[row] and _equal(texts, start, end, data, offsets[other], offsets[other + 1]):
                parent[row] = other
                break
            slot = (slot + 1) & (len(table) - 1)
    return first, parent


@compiled
def pointed_at(
    ledger: Numbers, ids: tuple[Offsets, Bytes, Bools], by: tuple[Offsets, Bytes, Bools]
) -> tuple[Bools, Bools]:
    """(n,) whether an id of ``by`` in the ledger names the row, and (n,) whether its own of ``by`` names a row."""
    offsets, data, known = by
    table = np.empty(_room(len(ledger)), np.int64)
    first = _first_of(ledger, offsets[:-1], offsets[1:], data, known, table)
    at, texts, has_id = ids
    named, names = np.zeros(len(ledger), np.bool_), np.zeros(len(ledger), np.bool_)
    for row in range(len(ledger)):
        if not has_id[row]:
            continue
        start, end = at[row], at[row + 1]
        slot = _hash(ledger[row], texts, start, end) & (len(table) - 1)
        while table[slot] >= 0:
            other = table[slot]
            if ledger[other] == ledger[row] and _equal(texts, start, end, data, offsets[other], offsets[other + 1]):
                named[row], names[other] = True, True
                break
            slot = (slot + 1) & (len(table) - 1)
    for row in range(len(ledger)):
        names[row] |= first[row] >= 0 and names[first[row]]
    return named, names


@compiled
def _is_letter(byte: int) -> bool:
    return 65 <= byte <= 90 or 97 <= byte <= 122


@compiled
def made_ids(ledger: Numbers, offsets: Offsets, data: Bytes, asked: Bools) -> tuple[Bools, Bools]:
    """(n,) whether the response id was surely made for one response, and (n,) whether another row may have the same.

    As ``made_id`` of records.sql; an id that is no ASCII is not surely made, and may be.
    """
    rows = len(ledger)
    starts, ends = offsets[:-1].copy(), offsets[1:].copy()
    surely, perhaps = np.zeros(rows, np.bool_), np.zeros(rows, np.bool_)
    seen = np.full(128, -1, np.int64)
    for row in range(rows):
        if not asked[row]:
            continue
        start, end = starts[row], ends[row]
        own = start
        while own < end and _is_letter(data[own]):
            own += 1
        has_word = own > start and own < end and (data[own] == 45 or data[own] == 95)
        own = own + 1 if has_word else start
        different, digits, every = 0, False, np.uint8(0)
        for at in range(own, end):
            byte = data[at]
            every |= byte
            if byte < 128 and (different < _DIFFERENT or not digits):
                digits |= 48 <= byte <= 57
                different += seen[byte] != row
                seen[byte] = row
        made = end - own >= _OWN_CHARACTERS and different >= _DIFFERENT and (end - own >= _LONG_ID or digits)
        surely[row], perhaps[row] = made and every < 128, made or every > 127
        if has_word and end - own > _PART and data[own + _PART] == 45:
            hexadecimal = True
            for at in range(own, own + _PART):
                hexadecimal &= 48 <= data[at] <= 57 or 97 <= data[at] <= 102
            if hexadecimal:
                ends[row] = own + _PART
    first = _first_of(ledger, starts, ends, data, perhaps, np.empty(_room(rows), np.int64))
    return surely, is_shared(first)


@compiled
def is_shared(first: Numbers) -> Bools:
    """(n,) whether another row has the same first row."""
    shared = np.zeros(len(first), np.bool_)
    for row in range(len(first)):
        if first[row] >= 0 and first[row] != row:
            shared[row] = shared[first[row]] = True
    return shared


@compiled
def walk_down(
    parent: Numbers, is_call: Bools, is_work: Bools, tenant: Numbers, ranks: tuple[Ranks, Ranks], has: Bools
) -> tuple[Bools, Numbers, Bools, Numbers, Ranks, Ranks, Numbers]:
    """The lineage of lineage.sql, which is the reference: from the parents down, each row once.

    ``parent``: (n,) row; ``tenant``: (n,) equal numbers are equal tenants, -1 none; ``ranks``: of tenant and feature;
    ``has``: (6, n) whether the row has tenant, feature, user, session, task, prompt. Returns, each (n,): whether it was
    reached, outer call, whether work lies between, stamp, ranks of tenant and feature; (6, n) rows of the values.
    """
    rows = len(parent)
    state, stack = np.zeros(rows, np.int8), np.empty(rows, np.int64)
    outer, work, stamp = np.full(rows, -1, np.int64), np.zeros(rows, np.bool_), np.full(rows, -1, np.int64)
    tenant_rank, feature_rank = ranks[0].copy(), ranks[1].copy()
    source = np.full((6, rows), -1, np.int64)
    for begin in range(rows):
        depth, row = 0, begin
        while row >= 0 and state[row] == _UNREACHED:
            state[row] = _OPEN
            stack[depth] = row
            depth += 1
            row = parent[row]
        never = row >= 0 and state[row] != _DONE  # a circle of parents, or below one
        while depth:
            depth -= 1
            row = stack[depth]
            state[row] = _NEVER if never else _DONE
            if never:
                stamp[row] = tenant[row]
                continue
            above = parent[row]
            stamp[row] = tenant[row] if tenant[row] >= 0 else (-1 if above < 0 else stamp[above])
            for name in range(6):
                if has[name, row]:
                    source[name, row] = row
            if above < 0:
                continue
            foreign = tenant[row] >= 0 and stamp[above] >= 0 and tenant[row] != stamp[above]
            outer[row] = above if is_call[above] else outer[above]
            work[row] = not is_call[above] and (work[above] or is_work[above])
            if not has[0, row] or 0 < tenant_rank[above] < ranks[0][row]:
                source[0, row], tenant_rank[row] = source[0, above], tenant_rank[above]
            if foreign:
                continue
            if not has[1, row] or 0 < feature_rank[above] < ranks[1][row]:
                source[1, row], feature_rank[row] = source[1, above], feature_rank[above]
            for name in range(2, 6):
                if not has[name, row]:
                    source[name, row] = source[name, above]
    return state == _DONE, outer, work, stamp, tenant_rank, feature_rank, source


@compiled
def beside(
    order: Numbers, edge_us: Numbers, key: Numbers, told: tuple[Numbers, Bools, Bools],
    usage: tuple[Numbers, Numbers, Numbers, Numbers], found: Bools,
) -> None:  # fmt: skip
    """Mark in ``found`` the rows that may have a twin as ``near`` of twins.sql asks, and some that have none.

    ``order``: rows by key and ``edge_us``, when they began or ended; ``key``: equal for those that are compared;
    ``told``: teller, whether it surely has an id, whether it failed; ``usage``: input, what of it
    a cache gave or took, output and reasoning, 0 unknown.
    """
    (teller, has_id, failed), (input_, kept, output, thought) = told, usage
    for place in range(len(order)):
        one = order[place]
        for next_place in range(place + 1, len(order)):
            other = order[next_place]
            if key[other] != key[one] or edge_us[other] - edge_us[one] > _EDGE_US:
                break
            if teller[one] == teller[other] or (has_id[one] and has_id[other]) or failed[one] != failed[other]:
                continue
            apart = abs(input_[one] - input_[other])
            if input_[one] and input_[other] and apart not in (0, kept[one], kept[other]):
                continue
            apart = abs(output[one] - output[other])
            if not (output[one] and output[other]) or apart in (0, thought[one], thought[other]):
                found[one] = found[other] = True


@compiled
def add_ancestors(parent: Numbers, found: Bools) -> None:
    """Mark in ``found`` the rows above those that are marked."""
    seen = np.zeros(len(parent), np.bool_)
    for row in range(len(parent)):
        if not found[row]:
            continue
        above = parent[row]
        while above >= 0 and not seen[above]:
            seen[above] = True
            above = parent[above]
    found |= seen

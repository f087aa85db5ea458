"""Compiled loops over calls: what ``exact`` and ``columns`` ask of every row, where whole numbers of 64 bits do.

``counts``: (n, k) int64; ``known``: (n, k); ``which``: (n,) the rate of each call, -1 for none. Every function releases
the GIL; the machine code is kept beside this file, or in the user's cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])


def _compiled(function: Function) -> Function:
    options: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy", "_nrt": False}
    made: Any = numba.njit(**options)(function)
    return cast("Function", made)


@_compiled
def find_wanted(known: Any, wanted: Any, which: Any, operation: Any, found: Any) -> None:
    """Whether a call reports a column that its rate and operation want; ``wanted``: (rates + 1, operations, k)."""
    rates = len(wanted) - 1
    for row in range(len(which)):
        rate = which[row] if which[row] >= 0 else rates
        for column in range(wanted.shape[2]):
            if known[row, column] and wanted[rate, operation[row], column]:
                found[row] = True
                break


@_compiled
def _adds_up(counts: Any, row: int, rate: int, sums: Any, to_zero: bool) -> bool:
    """Whether no sum of counts is below zero or, of those that must be, other than zero."""
    for number in range(len(sums)):
        total = 0.0
        for column in range(counts.shape[1]):
            total += np.float64(counts[row, column]) * sums[number, rate, column]
        if total < 0 or (to_zero and total != 0):
            return False
    return True


@_compiled
def check_calls(
    counts: Any, known: Any, which: Any, remains: Any, covered: Any, joins: Any, joined: Any, good: Any
) -> None:  # fmt: skip
    """Whether the counts of a call can be true and have a price altogether, as ``exact`` says of columns."""
    for row in range(len(which)):
        rate = which[row]
        if rate < 0:
            continue
        holds = True
        for column in range(counts.shape[1]):
            holds &= counts[row, column] >= 0
        for number in range(len(joins)):
            one, other, both = joins[number, 0], joins[number, 1], joins[number, 2]
            if joined[number, rate] and counts[row, one] > 0 and counts[row, other] > 0:
                holds &= both >= 0 and known[row, both]
        good[row] = holds and _adds_up(counts, row, rate, remains, False) and _adds_up(counts, row, rate, covered, True)


@_compiled
def _half_even(scaled: Any, scale: Any) -> Any:
    whole, rest = scaled // scale, scaled % scale
    return whole + (2 * rest > scale or (2 * rest == scale and whole % 2 == 1))


@_compiled
def price_calls(
    counts: Any, which: Any, starts: Any, entries: Any, scales: Any, scaled: Any, words: Any
) -> None:  # fmt: skip
    """Fill ``words`` (1 + parts, n, 2) of calls that have a rate: total and parts in picodollars, as 128-bit words.

    ``entries``: (m, 4) part, column, weight and least, those of a rate from ``starts[rate]`` to the next one's start:
    a count above zero is billed as no less than the least. ``scaled``: (parts,) to work in. Nothing may overflow.
    """
    for row in range(len(which)):
        rate = which[row]
        if rate < 0:
            continue
        for part in range(len(scaled)):
            scaled[part] = 0
        whole = np.int64(0)
        for entry in range(starts[rate], starts[rate + 1]):
            count, least = counts[row, entries[entry, 1]], entries[entry, 3]
            if least:
                count = max(count, least) if count > 0 else np.int64(0)
            scaled[entries[entry, 0]] += count * entries[entry, 2]
            whole += count * entries[entry, 2]
        scale = scales[rate]
        if scale == 1:  # nearly always: nothing is to be rounded
            for part in range(len(scaled)):
                words[1 + part, row, 0] = np.uint64(scaled[part])
            words[0, row, 0] = np.uint64(whole)
            continue
        total, largest = _half_even(whole, scale), 0
        left = total
        for part in range(len(scaled)):
            amount = scaled[part] // scale
            words[1 + part, row, 0] = np.uint64(amount)
            left -= amount
            if scaled[part] > scaled[largest]:
                largest = part
        words[1 + largest, row, 0] += np.uint64(left)
        words[0, row, 0] = np.uint64(total)

"""What Vega writes at an axis: d3-scale's ``tickFormat`` and the kinds of d3-format that our axes use.

A format without a precision gets one from the distance of two ticks (d3-scale v4, ``tickFormat.js``; d3-format v3,
``precisionRound.js`` and ``precisionFixed.js``); one that has it keeps it, however near the ticks are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import floor, log10

_FORMAT = re.compile(r",?(?:\.(\d+))?(~?)([fg%])")


def labels(format_: str, ticks: Sequence[float]) -> list[str]:
    """The labels of ticks that are evenly apart. ValueError where a format is of another kind."""
    found = _FORMAT.fullmatch(format_)
    if found is None:
        raise ValueError(f"{format_!r}: not a format that is known here")
    given, trims, kind = found.groups()
    precision = int(given) if given else _precision(kind, ticks)
    told = [format(tick, f",.{precision}{kind}") for tick in ticks]
    return [re.sub(r"(\.\d*?)0+(?=%|$)", r"\1", one).replace(".%", "%").rstrip(".") for one in told] if trims else told


def _precision(kind: str, ticks: Sequence[float]) -> int:
    step, most = ticks[1] - ticks[0], max(map(abs, ticks))
    if kind == "g":
        return max(0, _exponent(most - step) - _exponent(step)) + 1
    return max(0, -_exponent(step) - 2 * (kind == "%"))


def _exponent(value: float) -> int:
    return floor(log10(value) + 1e-9)

"""Dividing a sum so that the parts add up to it: whole picodollars, the largest remainders first."""

from __future__ import annotations

from collections.abc import Mapping


def split(total: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Parts of ``total`` in proportion to the weights; one more for those whose part was cut most, then by name.

    A weight below zero counts as none. Without any weight above zero there are no parts.
    """
    counted = {name: weight for name, weight in weights.items() if weight > 0}
    whole = sum(counted.values())
    if not whole:
        return {}
    size, sign = abs(total), -1 if total < 0 else 1
    parts = {name: size * weight // whole for name, weight in counted.items()}
    left = size - sum(parts.values())
    cut = sorted(counted, key=lambda name: (-(size * counted[name] % whole), name))
    favoured = set(cut[:left])
    return {name: sign * (part + (name in favoured)) for name, part in parts.items()}

"""What an excess is made of, in a sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

from alerts.amounts import signed
from alerts.parts import Factor

WHY: Mapping[str, tuple[str, str | None]] = {
    "calls": ("volume", "the calls"),
    "retries": ("retries", "the paid attempts a request"),
    "input_tokens_per_call": ("longer prompts", "the input tokens a call"),
    "output_tokens_per_call": ("longer answers", "the output tokens a call"),
    "model_mix": ("dearer models", None),
    "cache_share": ("less from the cache", "the input"),
    "unit_price": ("higher prices", None),
    "other": ("what is no token", None),
}
"""What the largest part of an excess is called, and what its number counts."""
BY: Mapping[str, tuple[str, str]] = {
    "calls": ("more calls", "fewer calls"),
    "retries": ("more retries", "fewer retries"),
    "input_tokens_per_call": ("longer prompts", "shorter prompts"),
    "output_tokens_per_call": ("longer answers", "shorter answers"),
    "model_mix": ("dearer models", "cheaper models"),
    "cache_share": ("less from the cache", "more from the cache"),
    "unit_price": ("higher prices", "lower prices"),
    "other": ("what is no token", "what is no token"),
}
"""Other parts, where they are more and where they are less than nothing."""
TELLING = Decimal("0.05")
"""Of the excess that a part must be to be told of."""
MOST_OTHERS, MOST_TIMES = 2, 100


def say_why(factors: Sequence[Factor], excess_usd: Decimal) -> str:
    """``mostly volume: 3.1× the calls; +$0.40 by longer prompts``: the largest part, and two others that count."""
    if not factors or excess_usd <= 0:
        return ""
    main = max(factors, key=lambda one: one.excess_usd)
    others = sorted((one for one in factors if one is not main), key=lambda one: -abs(one.excess_usd))
    said = [f"{signed(one.excess_usd)} by {_by(one)}" for one in others if abs(one.excess_usd) >= TELLING * excess_usd]
    return "; ".join([_mainly(main), *said[:MOST_OTHERS]])


def _mainly(factor: Factor) -> str:
    """The factor and its number: ``mostly volume: 3.1× the calls``."""
    observed, expected = factor.observed, factor.expected
    if factor.factor == "calls" and observed is not None and not expected:
        return f"all of it new: {observed:,.0f} calls, where none are usual"
    name, number = f"mostly {WHY[factor.factor][0]}", WHY[factor.factor][1]
    if number is None or observed is None or expected is None:
        return name
    if factor.factor == "cache_share":
        return f"{name}: {100 * observed:.0f} % of the input, {100 * expected:.0f} % are usual"
    times = observed / expected if expected else math.inf
    return f"{name}: {f'{times:.1f}' if times < MOST_TIMES else f'over {MOST_TIMES}'}× {number}"


def _by(factor: Factor) -> str:
    more, less = BY[factor.factor]
    return more if factor.excess_usd > 0 else less

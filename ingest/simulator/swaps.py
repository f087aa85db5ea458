"""Which much dearer model a feature may be switched to by mistake."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from ingest.simulator.catalog import CHAT_MODELS, Feature, Model
from ingest.simulator.prices import cost_of
from ingest.simulator.stage import WARM_SHARE
from ingest.simulator.tasks import SECOND_NS, Call, Usage

WANTED_RATIO = 12.0
SMALLEST_RATIO, LARGEST_RATIO = 7.5, 20.0
PROVIDERS = {
    "otel": {"openai", "anthropic", "google"},
    "openinference": {"openai", "anthropic"},
    "openllmetry": {"openai"},
}
"""Whose calls the feature's instrumentation can write."""

_PRICED_AT_NS = 1_790_000_000 * SECOND_NS  # September 2026: all prices of the catalog are known on that day


def price_usd(model: Model, usage: Usage) -> float:
    """About what such a call costs; 0.0 without a price."""
    return float(cost_of(Call(model=model, usage=usage, answered=True), _PRICED_AT_NS) or 0)


@cache
def dearer_model(feature: Feature) -> Model:
    """The model that brings a typical call nearest to WANTED_RATIO times its price. Raises ValueError: none does."""
    usage = Usage(input_tokens=feature.input_tokens, output_tokens=feature.output_tokens)
    cached = int(feature.input_tokens * feature.cached_share * WARM_SHARE)  # another model knows nothing of this cache
    usual_usd = price_usd(feature.model, replace(usage, cached_input_tokens=cached))
    ratios = {
        model: price_usd(model, usage) / usual_usd
        for model in CHAT_MODELS
        if model.provider in PROVIDERS[feature.service.naming]
    }
    dear = [model for model, ratio in ratios.items() if SMALLEST_RATIO <= ratio <= LARGEST_RATIO]
    if not dear:
        raise ValueError(f"no model is about {WANTED_RATIO:g} times as dear as that of {feature.tenant}/{feature.name}")
    return min(dear, key=lambda model: abs(ratios[model] - WANTED_RATIO))

"""Names of providers and models as instrumentations write them, made into those of the catalogue.

genai-prices is asked first with the names as they are. Where it knows no price, ``names.csv`` (pattern of the whole
name, in lower case, for one provider; ``at``: who serves the model instead, where its name says so) and a provider
written before the model (``openai/gpt-4o``, as LiteLLM does) are tried. Nothing is tried that could be another product:

* a row of ``names.csv`` without a model is about names of such: nobody is asked for them;

* a provider that nobody knows is not replaced by the maker of the model: a proxy has prices of its own;
* nor is one that only resembles another (``openai-compatible``): any model may hide behind it;
* a prefix counts where it names the provider of the call, or where the call names none; open-weight models are served
  by many under their maker's name, so without a provider they have no price;
* a name without its maker (``claude-sonnet-4`` at OpenRouter, as Traceloop writes it) is the model that the provider
  lists under that name of a maker, if there is one such (``catalogue``);
* a fine-tuned model has its own price or none, never that of its base;
* without a provider a model whose family the package does not know by its name is the one of that very name that a
  single maker of ``makers.csv`` sells, and the row's ``price_version`` says so.

A price book settles the rest: ``like = "azure/gpt-4o"``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from genai_prices.data_snapshot import find_provider_by_id, get_snapshot

from processors.pricing.tables import read_table

PROVIDER_IDS = {
    "az.ai.inference": "azure",
    "az.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "azure-openai": "azure",
    "azure_ai": "azure",
    "azure_openai": "azure",
    "fireworks_ai": "fireworks",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "hugging_face": "huggingface",
    "vertex_ai-anthropic_models": "google",
    "x_ai": "x-ai",
    "xai": "x-ai",
}
"""Provider names of the conventions where genai-prices would find another provider or none."""

_ENDPOINTS = re.compile(r"\.(?:chat|responses|completion|completions|messages|embedding|embeddings|image)$")
_IN_BETWEEN = re.compile(r"compatible|[_-]like|custom|proxy|gateway|hosted|self|local")
_OPEN_WEIGHTS = re.compile(r"gemma|gpt-oss|kimi")
_ROUTES = frozenset({"bedrock", "gemini", "vertex_ai"})  # how LiteLLM calls some providers


def provider_id(name: str | None) -> str | None:
    """Name under which the catalogue knows a provider; the name itself where nobody does. None where none is named."""
    if not name:
        return None
    plain = _ENDPOINTS.sub("", name.strip().lower())
    if plain in PROVIDER_IDS:
        return PROVIDER_IDS[plain]
    if plain == "litellm" or _IN_BETWEEN.search(plain):
        return plain
    found = find_provider_by_id(get_snapshot().providers, plain)
    return found.id if found else plain


def is_unknown(provider: str) -> bool:
    """Whether the catalogue has nothing of a provider, or another one that is only called alike."""
    return provider != "litellm" and all(provider != one.id for one in get_snapshot().providers)


def candidates(provider: str | None, model: str) -> Iterator[tuple[str | None, str]]:
    """Providers and models to ask the catalogue for, the names as they are first. ``provider``: of ``provider_id``."""
    name = model.strip().lower()
    if _is_another(provider, name):
        return
    yield provider, name
    prefix, slash, rest = name.partition("/")
    owner = provider_id(prefix) if slash and rest else None
    if owner is not None and not is_unknown(owner) and (provider in (owner, "litellm") or _alone(provider, name)):
        if _is_another(owner, rest):
            return
        yield owner, rest
        yield from _by_rule(owner, rest)
    yield from _by_rule(provider, name)


def _alone(provider: str | None, model: str) -> bool:
    """No provider is named, and the prefix of the model is one, not only the maker of a model that many serve."""
    prefix, _, rest = model.partition("/")
    return provider is None and (prefix in _ROUTES or not is_unknown(prefix)) and not _OPEN_WEIGHTS.search(rest)


def _is_another(provider: str | None, model: str) -> bool:
    """Whether the name says that it is none of the products that the catalogue lists."""
    return any(not row.model and row.pattern.fullmatch(model) for row in _rules() if row.provider == provider)


def _by_rule(provider: str | None, model: str) -> Iterator[tuple[str | None, str]]:
    for row in _rules():
        match = row.pattern.fullmatch(model) if row.provider == provider else None
        if match is not None:
            simpler, server = match.expand(row.model), match.expand(row.at) or provider
            yield server, simpler
            yield from _by_rule(server, simpler)


@cache
def makers() -> tuple[str, ...]:
    """Who sells models that bear a name of their own, and whose price does not depend on who else serves them."""
    return tuple(row["maker"] for row in read_table("makers.csv"))


class _Rule(NamedTuple):
    """One row of ``names.csv``; ``at`` and ``model`` may refer to groups of the pattern."""

    provider: str
    pattern: re.Pattern[str]
    at: str
    model: str


@cache
def _rules() -> tuple[_Rule, ...]:
    rows = read_table("names.csv")
    return tuple(_Rule(row["provider"], re.compile(row["pattern"]), row["at"], row["model"]) for row in rows)

"""Who serves a call, where the name of its provider does not say it: models whose weights anybody may serve.

Every server that speaks OpenAI's API is called ``openai`` by its clients, a router may call at anybody's, and a model
keeps the name of its maker wherever it runs: ``openai/gpt-oss-120b`` at vLLM is no product of OpenAI. So a model of
``weights.csv`` (its maker, the maker's organisation at the hubs, a pattern of the whole name in lower case) has the
maker's list price only

* at a host of the maker (``conventions/providers.csv`` says whose a host is), or
* where no host is told, the maker is named as the provider, and the model not as the hubs name it.

Providers that sell models of others (Groq, Together, Azure …) say by their own name who serves.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

from processors.conventions.rules import provider_rules
from processors.pricing.names import is_unknown, provider_id
from processors.pricing.tables import read_table

ELSEWHERE = "elsewhere"
"""A host that is told and belongs to no provider: localhost, a private address, a name of one's own."""

_SAY_NOTHING = (None, "litellm", "openai")
"""Providers that clients name whoever serves."""


class Weights(NamedTuple):
    """Models that anybody may serve."""

    maker: str
    organisation: str
    pattern: re.Pattern[str]


@lru_cache(maxsize=4096)
def server_of(host: str | None) -> str | None:
    """The provider (of the catalogue, where it has it) that a host belongs to; ELSEWHERE; None: no host is told."""
    if not host:
        return None
    return next((owner for pattern, owner in _hosts() if pattern.search(host)), ELSEWHERE)


def weights_of(model: str) -> Weights | None:
    """The open weights that a model's name, with or without what stands before it, is one of."""
    bare = model.strip().lower().rpartition("/")[2]
    return next((one for one in _weights() if one.pattern.fullmatch(bare)), None)


def is_told(provider: str | None, model: str, server: str | None) -> bool:
    """Whether the one who serves a call is known to be its provider. ``server``: of ``server_of``."""
    weights = weights_of(model)
    if weights is None:
        return True
    prefix, slash, _ = model.strip().lower().partition("/")
    owner = provider_id(provider)
    if owner in (None, "litellm") and slash and prefix != weights.organisation:
        routed = provider_id(prefix)
        owner = routed if routed is not None and not is_unknown(routed) else owner
    if owner not in (*_SAY_NOTHING, weights.maker):
        return True
    if server is not None:
        return server == weights.maker
    return owner == weights.maker and prefix != weights.organisation


@cache
def _weights() -> tuple[Weights, ...]:
    rows = read_table("weights.csv")
    return tuple(Weights(row["maker"], row["organisation"], re.compile(row["pattern"])) for row in rows)


@cache
def _hosts() -> tuple[tuple[re.Pattern[str], str], ...]:
    """As ``normalise`` reads them: the end of the host's name, ``*`` any part of it."""
    rules = [rule for rule in provider_rules() if rule.host]
    return tuple(
        (
            re.compile(r"(?i)(?:^|[.-])" + re.escape(rule.host).replace(r"\*", ".*") + "$"),
            provider_id(rule.provider) or rule.provider,
        )
        for rule in rules
    )

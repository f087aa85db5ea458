"""What explains an incident beside its contributors: factors of the excess, what is new, and calls to look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One of the things that an excess is made of; ``observed`` and ``expected`` where it has a number of its own.

    ``calls`` (requests), ``retries`` (paid attempts a request), ``input_tokens_per_call``, ``output_tokens_per_call``,
    ``cache_share`` (of the input); ``model_mix``, ``unit_price`` and ``other`` have none.
    """

    factor: str
    excess_usd: Decimal
    observed: float | None = None
    expected: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A value that the tenant and feature had not had before, near the onset; calls and cost are since then."""

    dimension: str
    value: str
    first_seen_at: datetime
    calls: int
    cost_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """An expensive call of an incident; ``trace_id`` in hex."""

    trace_id: str
    ended_at: datetime
    model: str | None
    cost_usd: Decimal

"""Seeded minutes of calls as the question ``health`` tells them: how many there are, and what was wrong with some."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from alerts.ledger import HEALTH
from alerts.minutes import to_time

Leaf = tuple[str | None, ...]
"""tenant, feature, provider, model."""
CHAT: Leaf = ("acme", "search", "openai", "gpt-4o")


def minute_rows(minute: int, counts: Mapping[str, float], leaf: Leaf = CHAT) -> list[dict[str, object]]:
    """Rows of a minute; ``ttft 12`` is a bin of a histogram."""
    names = dict(zip(("tenant", "feature", "provider", "model"), leaf, strict=True))
    return [
        {
            "slot": to_time(minute),
            **names,
            "measure": measure if measure.startswith("error ") else measure.split()[0],
            "bin": None if measure.startswith("error ") or " " not in measure else int(measure.split()[1]),
            "amount": float(amount),
        }
        for measure, amount in counts.items()
        if amount
    ]


def steady(
    rng: np.random.Generator,
    minutes: range,
    *,
    calls: float = 20,
    shares: Mapping[str, float] | None = None,
    leaf: Leaf = CHAT,
    extra: Mapping[str, float] | None = None,
) -> pa.Table:
    """Poisson calls a minute; of each measure a binomial share of them."""
    rows: list[dict[str, object]] = []
    for minute in minutes:
        many = int(rng.poisson(calls))
        counts = {name: float(rng.binomial(many, share)) for name, share in (shares or {}).items()}
        rows += minute_rows(minute, {"calls": many, **counts, **(extra or {})}, leaf)
    return pa.Table.from_pylist(rows, schema=HEALTH)

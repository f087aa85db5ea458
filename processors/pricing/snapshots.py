"""A model's snapshot that has no price yet: ``gpt-4o-2099-01-01`` answers who asked for ``gpt-4o``.

The response's model is what is paid for. Where nothing has a price for it, the price of the model that was asked for
stands in only if the answer's name is that name and a date or number of a snapshot (``snapshots.csv``) behind it, or
its last part alone (``kimi-k3`` for ``accounts/fireworks/models/kimi-k3``: Traceloop writes answers so), and the row
says so (``price_version`` ends in ``+request_model``). Any other pair of names could be two products:
``gpt-4o-mini-2099-01-01`` or ``our-best`` have no price, whatever was asked for.
"""

from __future__ import annotations

import re
from functools import cache

from processors.pricing.tables import read_table

BY_REQUEST = "+request_model"
"""How ``price_version`` ends on a row that has the price of the model that was asked for instead of the answer's."""

_NEWEST = "-latest"


def is_snapshot(answered: str, asked: str) -> bool:
    """Whether one name is the other with the mark of a snapshot, wherever they stand, or the end of its path."""
    if asked.strip().lower().endswith("/" + answered.strip().lower()):
        return True
    answer, request = (name.strip().lower().rpartition("/")[2] for name in (answered, asked))
    request = request.removesuffix(_NEWEST)
    suffix = answer.removeprefix(request) if request and answer.startswith(request) else ""
    return any(pattern.fullmatch(suffix) for pattern in _marks())


def asked_model(answered: str) -> str | None:
    """The name that is left of a snapshot's without its mark; None where it has none."""
    found = (re.search(rf"(?:{mark.pattern})$", answered.strip(), re.IGNORECASE) for mark in _marks())
    return next((answered.strip()[: mark.start()] for mark in found if mark), None)


@cache
def _marks() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(row["pattern"]) for row in read_table("snapshots.csv"))

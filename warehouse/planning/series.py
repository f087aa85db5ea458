"""Spend as plans look at it: of the ledger by day or hour, and what the stream has of hours that are not settled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, cast

from warehouse.questions.dimensions import Filter, is_column
from warehouse.questions.parameters import first_hour
from warehouse.reader import Scope, WarehouseSnapshot, is_whole

Group = tuple[str | None, ...]
"""Values of the dimensions that an answer is grouped by."""


class Spend(NamedTuple):
    """What calls cost, and of how many that is known. ``picos``: of ``priced_calls`` of the ``calls``."""

    picos: int = 0
    calls: int = 0
    priced_calls: int = 0

    @property
    def unpriced_calls(self) -> int:
        """Calls whose cost nobody knows."""
        return self.calls - self.priced_calls

    @property
    def is_known(self) -> bool:
        """Whether any of it is: of no calls it is, of calls without any price it is not."""
        return not self.unpriced_calls or bool(self.priced_calls or self.picos)

    def plus(self, other: Spend) -> Spend:
        """Both together."""
        return Spend(*(one + another for one, another in zip(self, other, strict=True)))


Sums = dict[Group, dict[datetime, Spend]]
"""By group and the start of a day or hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whose spend: what all looks at the books have in common."""

    snapshot: WarehouseSnapshot
    scope: Scope
    by: tuple[str, ...] = ()
    where: Filter = ()
    as_of: int | None = None

    def closed_to(self) -> datetime | None:
        """All hours before it are settled; None where there is no settlement."""
        answer = self.snapshot.ask("settlements", self.scope, limit=1, as_of_settlement=self.as_of)
        return cast("datetime | None", answer["closed_to"][0].as_py()) if answer.num_rows else None

    def streamed_to(self, now: datetime) -> datetime:
        """Up to when all spans are in the lake: now, but where a backlog is waiting."""
        answer = self.snapshot.ask("watermark", self.scope, now=now)
        return min(answer["spans_watermark"][0].as_py() or now, now)

    def settled(self, bucket: str, start: datetime | None = None, end: datetime | None = None) -> Sums:
        """Of the ledger, of whole hours; a day or hour without calls is not in it."""
        start, end = (moment and first_hour(moment) for moment in (start, end))
        if start is not None and end is not None and start >= end:
            return {}
        params: dict[str, Any] = {"start": start, "end": end, "bucket": bucket, "as_of_settlement": self.as_of}
        return self._sums("forecast", params)

    def provisional(self, start: datetime, end: datetime) -> Sums | None:
        """Of the stream by hour; None where it does not tell these dimensions, or a settlement of the past is asked."""
        if not self.is_streamed:
            return None
        return self._sums("spend", {"start": start, "end": end, "bucket": "hour"}) if start < end else {}

    @property
    def is_streamed(self) -> bool:
        """Whether the stream tells it: all its dimensions, and as of now."""
        return self.as_of is None and all(map(self._is_streamed, (*self.by, *(name for name, _ in self.where))))

    def _sums(self, question: str, params: Mapping[str, Any]) -> Sums:
        rows = self.snapshot.ask(question, self.scope, by=self.by, where=dict(self.where), **params).to_pylist()
        found: Sums = {}
        for row in rows:
            spend = Spend(to_picos(row["cost_usd"]), row["calls"], row["priced_calls"])
            told = found.setdefault(tuple(row[name] for name in self.by), {})
            if spend != Spend():  # calls that others turned out to have told: nothing is known by them
                told[row["bucket"]] = spend
        return found

    def _is_streamed(self, name: str) -> bool:
        key_of = {level.name: level.key for level in self.snapshot.levels}
        return is_column(key_of.get(name, name), "usage_kinds")


def narrowed(one: Filter, other: Filter) -> Filter:
    """What both allow."""
    found = dict(one)
    for name, values in other:
        found[name] = found[name] & values if name in found else values
    return tuple(found.items())


def sees(scope: Scope, of: Filter) -> bool:
    """Whether a scope holds all that a filter lets through."""
    tenants = dict(of).get("tenant")
    return is_whole(scope) or (isinstance(scope, frozenset) and tenants is not None and tenants <= scope)


def total(spends: Iterable[Spend]) -> Spend:
    """All of them together."""
    found = Spend()
    for one in spends:
        found = found.plus(one)
    return found


def to_picos(usd: Decimal | None) -> int:
    """Picodollars; nothing priced is none."""
    return int((usd or Decimal(0)).scaleb(12))


def to_usd(picos: float) -> Decimal:
    """USD of whole picodollars."""
    return Decimal(round(picos)).scaleb(-12)

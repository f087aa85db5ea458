"""The file of budgets and launches. Its form is in ``docs/finance.md``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from warehouse.errors import BadPlans
from warehouse.planning.entries import day, known, number, one_of, table, tables, text, usd, values_of
from warehouse.planning.objectives import Objective, read_objectives
from warehouse.planning.periods import PERIODS
from warehouse.questions.dimensions import Filter, Level

THRESHOLDS = (Decimal(50), Decimal(80), Decimal(100))
"""Percent of the amount, where a budget says none."""
MOST_PERCENT = 1000
LONGEST_HOURS = 24 * 92
MOST_TIMES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnAlert:
    """Spend of the last ``hours`` is ``rate`` times what uses the amount up just when the period ends, or more."""

    hours: int
    rate: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """``picos`` for every ``period`` that begins within ``[first, after)``; ``thresholds``: percent, in order."""

    name: str
    of: Filter
    period: str
    picos: int
    owner: str
    thresholds: tuple[Decimal, ...]
    burn_alerts: tuple[BurnAlert, ...]
    first: date
    after: date

    def is_for(self, begin: date) -> bool:
        """Whether it has an amount for the period that begins on that day."""
        return self.first <= begin < self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What the calendar knows of days in ``[first, after)``: ``factor`` times the spend, or ``picos`` a day more."""

    name: str
    of: Filter
    first: date
    after: date
    factor: Decimal
    picos: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plans:
    """What the files of budgets and launches, and of objectives, say."""

    budgets: tuple[Budget, ...] = ()
    launches: tuple[Launch, ...] = ()
    objectives: tuple[Objective, ...] = ()


def read_plans(path: str, levels: Sequence[Level] = (), slos: str = "") -> Plans:
    """The files at ``path`` and ``slos``; an empty path says nothing. ``levels``: of the file of dimensions.

    Raises BadPlans.
    """
    return replace(_read(path, levels) if path else Plans(), objectives=read_objectives(slos))


def _read(path: str, levels: Sequence[Level]) -> Plans:
    try:
        content = tomllib.loads(Path(path).expanduser().read_text(encoding="utf-8"))
    except OSError as error:
        raise BadPlans(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, RuntimeError, ValueError) as error:
        raise BadPlans(f"{path}: is not TOML: {error}") from error
    try:
        return parse_plans(content, levels)
    except BadPlans as error:
        raise BadPlans(f"{path}: {error}") from error


def parse_plans(content: Mapping[str, Any], levels: Sequence[Level] = ()) -> Plans:
    """What the content of a file says. Raises BadPlans, which names the entry and what is allowed."""
    known("the file", content, ("budgets", "launches"))
    return Plans(
        budgets=tuple(_budget(*one, levels) for one in _named("budgets", content.get("budgets", []))),
        launches=tuple(_launch(*one, levels) for one in _named("launches", content.get("launches", []))),
    )


def _named(kind: str, given: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """How each entry is called in errors, and the entry; names are each one's own."""
    found: dict[str, Mapping[str, Any]] = {}
    for place, entry in enumerate(tables(kind, given), 1):
        name = text(f"{kind}, entry {place}: name", entry.get("name"))
        if f"{kind}, {name!r}" in found:
            raise BadPlans(f"{kind}, entry {place}: name = {name!r}: another entry has this name")
        found[f"{kind}, {name!r}"] = entry
    return list(found.items())


def _budget(where: str, entry: Mapping[str, Any], levels: Sequence[Level]) -> Budget:
    known(where, entry, ("name", "of", "period", "amount", "owner", "thresholds", "burn_alerts", "from", "to"))
    first, after = _days(where, entry)
    return Budget(
        name=entry["name"],
        of=values_of(f"{where}: of", entry.get("of", {}), levels),
        period=one_of(f"{where}: period", entry.get("period", PERIODS[0]), PERIODS),
        picos=usd(f"{where}: amount", entry.get("amount")),
        owner=text(f"{where}: owner", entry.get("owner")),
        thresholds=_thresholds(f"{where}: thresholds", entry.get("thresholds")),
        burn_alerts=_burn_alerts(f"{where}: burn_alerts", entry.get("burn_alerts", [])),
        first=first,
        after=after,
    )


def _thresholds(where: str, given: Any) -> tuple[Decimal, ...]:
    if given is None:
        return THRESHOLDS
    if not isinstance(given, list):
        raise BadPlans(f"{where} = {given!r}: must be a list of percents like [50, 80, 100]")
    return tuple(sorted({number(where, one, 0, MOST_PERCENT, "percent") for one in given}))


def _burn_alerts(where: str, given: Any) -> tuple[BurnAlert, ...]:
    if not isinstance(given, list):
        raise BadPlans(f'{where} = {given!r}: must be a list like [{{hours = 24, rate = "2"}}]')
    found = []
    for place, entry in enumerate(given, 1):
        known(f"{where}, entry {place}", table(f"{where}, entry {place}", entry), ("hours", "rate"))
        hours = number(f"{where}, entry {place}: hours", entry.get("hours"), 0, LONGEST_HOURS, "whole hours")
        if hours != int(hours):
            raise BadPlans(f"{where}, entry {place}: hours = {entry['hours']!r}: must be whole hours")
        rate = number(f"{where}, entry {place}: rate", entry.get("rate"), 0, MOST_TIMES, "times the even pace")
        if rate < 1:
            raise BadPlans(f"{where}, entry {place}: rate = {entry['rate']!r}: must be 1 (the even pace) or more")
        found.append(BurnAlert(hours=int(hours), rate=rate))
    return tuple(found)


def _launch(where: str, entry: Mapping[str, Any], levels: Sequence[Level]) -> Launch:
    known(where, entry, ("name", "of", "from", "to", "factor", "usd_per_day"))
    if "from" not in entry:
        raise BadPlans(f"{where}: from is missing; it is the first day, like 2026-12-01")
    if ("factor" in entry) == ("usd_per_day" in entry):
        raise BadPlans(f"{where}: must say factor or usd_per_day, one of them")
    first, after = _days(where, entry)
    by_factor = "factor" in entry
    return Launch(
        name=entry["name"],
        of=values_of(f"{where}: of", entry.get("of", {}), levels),
        first=first,
        after=after,
        factor=number(f"{where}: factor", entry["factor"], 0, MOST_TIMES, "a factor") if by_factor else Decimal(1),
        picos=0 if by_factor else usd(f"{where}: usd_per_day", entry["usd_per_day"]),
    )


def _days(where: str, entry: Mapping[str, Any]) -> tuple[date, date]:
    """``from`` and ``to``, which is not included."""
    first = day(f"{where}: from", entry["from"]) if "from" in entry else date.min
    after = day(f"{where}: to", entry["to"]) if "to" in entry else date.max
    if first >= after:
        raise BadPlans(f"{where}: from = {first}: must be before to, {after}")
    return first, after

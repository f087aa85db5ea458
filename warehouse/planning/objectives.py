"""The file of service-level objectives. Its form is in ``docs/slo.md``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from warehouse.errors import BadPlans
from warehouse.planning.entries import known, number, one_of, tables, text, values_of
from warehouse.questions.dimensions import Filter

AVAILABILITY = "availability"
SIGNALS = (AVAILABILITY, "ttft", "duration")
SCOPE = ("tenant", "feature", "provider", "model", "model_family")
LONGEST_MS = 24 * 3_600_000
LONGEST = timedelta(days=92)
SHORTEST = timedelta(hours=1)
_WINDOW = re.compile(r"([1-9]\d{0,4})([hd])")
UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """Of the calls ``of`` that end in a rolling ``window``, ``target`` (a part of one, below 1) are good.

    ``limit_ms``: what is at most that long is good; None for AVAILABILITY. ``said``: the window as the file has it.
    """

    name: str
    signal: str
    limit_ms: int | None
    of: Filter
    target: Decimal
    window: timedelta
    said: str


def read_objectives(path: str) -> tuple[Objective, ...]:
    """The file at ``path``, in its order; an empty path says nothing. Raises BadPlans."""
    if not path:
        return ()
    try:
        content = tomllib.loads(Path(path).expanduser().read_text(encoding="utf-8"))
    except OSError as error:
        raise BadPlans(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, RuntimeError, ValueError) as error:
        raise BadPlans(f"{path}: is not TOML: {error}") from error
    try:
        return parse_objectives(content)
    except BadPlans as error:
        raise BadPlans(f"{path}: {error}") from error


def parse_objectives(content: Mapping[str, Any]) -> tuple[Objective, ...]:
    """What the content of a file says. Raises BadPlans, which names the entry and what is allowed."""
    known("the file", content, ("slos",))
    found: dict[str, Objective] = {}
    for place, entry in enumerate(tables("slos", content.get("slos", [])), 1):
        name = text(f"slos, entry {place}: name", entry.get("name"))
        if name in found:
            raise BadPlans(f"slos, entry {place}: name = {name!r}: another entry has this name")
        found[name] = _objective(f"slos, {name!r}", entry)
    return tuple(found.values())


def _objective(where: str, entry: Mapping[str, Any]) -> Objective:
    known(where, entry, ("name", "signal", "limit_ms", "of", "target", "window"))
    signal = one_of(f"{where}: signal", entry.get("signal"), SIGNALS)
    of = values_of(f"{where}: of", entry.get("of", {}), (), "usage_rates")
    for name, _ in of:
        if name not in SCOPE:
            raise BadPlans(f"{where}: of: has no {name!r}; there are {', '.join(SCOPE)}")
    return Objective(
        name=entry["name"],
        signal=signal,
        limit_ms=_limit(where, signal, entry),
        of=of,
        target=_target(f"{where}: target", entry.get("target")),
        window=_window(f"{where}: window", entry.get("window", "28d")),
        said=entry.get("window", "28d"),
    )


def _limit(where: str, signal: str, entry: Mapping[str, Any]) -> int | None:
    if signal == AVAILABILITY:
        if "limit_ms" in entry:
            raise BadPlans(f"{where}: limit_ms: availability has none; leave it out, or say signal = 'duration'")
        return None
    limit = number(f"{where}: limit_ms", entry.get("limit_ms"), 0, LONGEST_MS, "milliseconds")
    if limit != int(limit):
        raise BadPlans(f"{where}: limit_ms = {entry['limit_ms']!r}: must be whole milliseconds")
    return int(limit)


def _target(where: str, given: Any) -> Decimal:
    """A percentage: text, a whole number or TOML's float, which people write here as they say it."""
    told = str(given) if isinstance(given, float) else given
    percent = number(where, told, 0, 100, "percent")
    if percent == 100:  # noqa: PLR2004
        raise BadPlans(f"{where} = {given!r}: must be below 100 percent, else there is no budget for errors")
    return percent / 100


def _window(where: str, given: Any) -> timedelta:
    match = _WINDOW.fullmatch(given) if isinstance(given, str) else None
    window = int(match[1]) * UNITS[match[2]] if match else timedelta()
    if not SHORTEST <= window <= LONGEST:
        raise BadPlans(f'{where} = {given!r}: must be from "1h" to "92d", like "28d"')
    return window

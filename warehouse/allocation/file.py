"""The file of dimensions: levels of hierarchies, and rules for shared costs. Its form is in ``docs/finance.md``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from warehouse.errors import BadDimensions, stated
from warehouse.questions.dimensions import Level, is_column
from warehouse.schemas import TABLES
from warehouse.schemas.settled import LEDGER_DIMENSIONS
from warehouse.scope import UNATTRIBUTED

RULES = ("even", "proportional", "fixed", "visible")
BASES = ("cost", "calls", "tokens")
SHARED = ("amounts", UNATTRIBUTED)
"""What is divided: amounts of the file, or what calls without a tenant cost."""
PICO = Decimal("1e-12")
MOST = Decimal("1e12")
HUNDRED = Decimal(100)
_GROUPED = ("usage", "safety", "spans", "corrections", "ledger", "tasks")
_TAKEN = {name for table in _GROUPED for name in TABLES[table].schema.names} | {
    "bucket",
    "line",
    "rule",
    "tasks",
    "corrects",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How one shared cost is divided over the values of ``to``.

    ``months``: picodollars by first day of a month, None = what calls without a tenant cost. ``parts``: of the
    rule ``fixed``, in millionths of a percent, 100 percent together.
    """

    name: str
    to: str
    rule: str
    base: str
    months: Mapping[date, int] | None
    parts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimensions:
    """What a file says: levels, each after the one that it stands on, and rules."""

    levels: tuple[Level, ...] = ()
    rules: tuple[Rule, ...] = ()


def read_dimensions(path: str) -> Dimensions:
    """The file at ``path``; an empty path says nothing. Raises BadDimensions."""
    if not path:
        return Dimensions()
    try:
        content = tomllib.loads(Path(path).expanduser().read_text(encoding="utf-8"))
    except OSError as error:
        raise BadDimensions(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, RuntimeError) as error:
        raise BadDimensions(f"{path}: is not TOML: {error}") from error
    try:
        return parse_dimensions_file(content)
    except BadDimensions as error:
        raise BadDimensions(f"{path}: {error}") from error


def parse_dimensions_file(content: Mapping[str, Any]) -> Dimensions:
    """What the content of a file says. Raises BadDimensions, which names the entry and what is allowed."""
    _known("the file", content, ("levels", "allocations"))
    levels = _levels(_table("levels", content.get("levels", {})))
    entries = content.get("allocations", [])
    if not isinstance(entries, list):
        raise BadDimensions("allocations: must be tables, each under [[allocations]]")
    rules = tuple(_rule(number, entry, levels) for number, entry in enumerate(entries, 1))
    for number, rule in enumerate(rules, 1):
        if any(other.name == rule.name for other in rules[: number - 1]):
            raise BadDimensions(f"allocations, entry {number}: name = {rule.name!r}: another entry has this name")
        if rule.months is None and any(other.months is None for other in rules[: number - 1]):
            raise BadDimensions(f"allocations, {rule.name!r}: another entry shares {UNATTRIBUTED} already")
    return Dimensions(levels=tuple(levels.values()), rules=rules)


def _levels(given: Mapping[str, Any]) -> dict[str, Level]:
    """The levels, each after the one that it stands on."""
    found: dict[str, Level] = {}
    waiting = dict(given)
    while waiting:
        ready = [
            name for name, entry in waiting.items() if not isinstance(entry, dict) or entry.get("over") not in waiting
        ]
        if not ready:
            raise BadDimensions(f"levels.{next(iter(waiting))}: stands on itself, by way of {', '.join(waiting)}")
        for name in ready:
            found[name] = _level(name, _table(f"levels.{name}", waiting.pop(name)), found)
    return found


def _level(name: str, entry: Mapping[str, Any], below: Mapping[str, Level]) -> Level:
    where = f"levels.{name}"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name in _TAKEN or name.endswith(("_usd", "_tokens", "_share")):
        raise BadDimensions(f"{where}: must be a name like cost_centre, of small letters, that no column has")
    _known(where, entry, ("over", "holds"))
    over = entry.get("over")
    if not isinstance(over, str) or (over not in below and (over == "tags" or not is_column(over, "ledger"))):
        allowed = ", ".join((*LEDGER_DIMENSIONS[:-1], "tags.KEY", *below))
        raise BadDimensions(f"{where}: over = {over!r}: must be one of {allowed}")
    held = _table(f"{where}.holds", entry.get("holds"))
    holds = {_text(f"{where}.holds", one): _values(f"{where}.holds.{one}", keys) for one, keys in held.items()}
    owner: dict[str | None, str] = {}
    for one, keys in holds.items():
        for key in keys:
            if key in owner:
                said = UNATTRIBUTED if key is None else key
                raise BadDimensions(f"{where}.holds: {said!r} stands under {owner[key]!r} and under {one!r}")
            owner[key] = one
    return Level(name=name, over=over, below=below.get(over), holds=holds)


def _values(where: str, given: Any) -> frozenset[str | None]:
    if not isinstance(given, list):
        raise BadDimensions(f"{where} = {given!r}: must be a list of names")
    names = [_text(where, one) for one in given]
    if len(set(names)) != len(names):
        raise BadDimensions(f"{where}: names a value twice")
    return frozenset(None if name == UNATTRIBUTED else name for name in names)


def _rule(number: int, entry: Any, levels: Mapping[str, Level]) -> Rule:
    where = f"allocations, entry {number}"
    entry = _table(where, entry)
    name = _text(f"{where}: name", entry.get("name"))
    where = f"allocations, {name!r}"
    _known(where, entry, ("name", "share", "months", "to", "rule", "by", "parts"))
    shared = _one_of(where, "share", entry.get("share", SHARED[0]), SHARED)
    rule = _one_of(where, "rule", entry.get("rule"), RULES)
    to = entry.get("to", "tenant")
    if not isinstance(to, str) or (to not in levels and (to == "tags" or not is_column(to, "ledger"))):
        allowed = ", ".join((*LEDGER_DIMENSIONS[:-1], "tags.KEY", *levels))
        raise BadDimensions(f"{where}: to = {to!r}: must be one of {allowed}")
    _only(where, entry, "by", rule == "proportional", "the rule proportional")
    _only(where, entry, "parts", rule == "fixed", "the rule fixed")
    _only(where, entry, "months", shared == "amounts", "share = 'amounts'")
    return Rule(
        name=name,
        to=to,
        rule=rule,
        base=_one_of(where, "by", entry.get("by", BASES[0]), BASES),
        months=_months(where, entry.get("months")) if shared == "amounts" else None,
        parts=_parts(where, entry.get("parts")) if rule == "fixed" else {},
    )


def _months(where: str, given: Any) -> dict[date, int]:
    found = {}
    for month, amount in _table(f"{where}: months", given).items():
        if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", month) or month.startswith("0000"):
            raise BadDimensions(f"{where}: months: {month!r} must be a month like 2026-11")
        found[date.fromisoformat(f"{month}-01")] = _amount(f"{where}: months.{month}", amount)
    return found


def _amount(where: str, given: Any) -> int:
    """Picodollars."""
    usd = _number(given)
    if usd is None or abs(usd) >= MOST or usd != usd.quantize(PICO):
        raise BadDimensions(f'{where} = {given!r}: must be USD as text like "1200.50", at most 12 decimals')
    return int(usd.scaleb(12))


def _parts(where: str, given: Any) -> dict[str, int]:
    """Millionths of a percent."""
    parts = {}
    for name, share in _table(f"{where}: parts", given).items():
        percent = _number(share)
        if percent is None or not 0 <= percent <= HUNDRED or percent != percent.quantize(Decimal("1e-6")):
            raise BadDimensions(f'{where}: parts.{name} = {share!r}: must be percent from 0 to 100, like 40 or "12.5"')
        parts[_text(f"{where}: parts", name)] = int(percent.scaleb(6))
    if sum(parts.values()) != int(HUNDRED.scaleb(6)):
        total = Decimal(sum(parts.values())).scaleb(-6).normalize()
        raise BadDimensions(f"{where}: parts add up to {total:f} percent; must be 100")
    if UNATTRIBUTED in parts:
        raise BadDimensions(f"{where}: parts.{UNATTRIBUTED}: a share is borne by somebody; leave it out")
    return parts


def _number(given: Any) -> Decimal | None:
    """An exact number: text or a whole one. TOML's floats are not exact."""
    if not isinstance(given, (str, int)) or isinstance(given, bool):
        return None
    try:
        number = Decimal(given)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _table(where: str, given: Any) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise BadDimensions(f"{where}: must be a table" if given is not None else f"{where}: is missing")
    return given


def _text(where: str, given: Any) -> str:
    if not isinstance(given, str) or not given or "\0" in given:
        raise BadDimensions(f"{stated(where, given)}: must be a name")
    return given


def _one_of(where: str, name: str, given: Any, allowed: tuple[str, ...]) -> str:
    if given not in allowed:
        raise BadDimensions(f"{stated(f'{where}: {name}', given)}: must be one of {', '.join(allowed)}")
    return str(given)


def _known(where: str, entry: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    for name in entry:
        if name not in allowed:
            raise BadDimensions(f"{where}: has no {name!r}; there are {', '.join(allowed)}")


def _only(where: str, entry: Mapping[str, Any], name: str, holds: bool, what: str) -> None:
    if name in entry and not holds:
        raise BadDimensions(f"{where}: {name} belongs to {what} alone")

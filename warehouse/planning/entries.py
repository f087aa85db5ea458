"""What one entry of the file of budgets may say: values that are checked, and refused by their name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from warehouse.errors import BadPlans, stated
from warehouse.questions.dimensions import Filter, Level, parse_dimensions
from warehouse.scope import UNATTRIBUTED

PICO = Decimal("1e-12")
MOST = Decimal("1e12")


def table(where: str, given: Any) -> Mapping[str, Any]:
    """A table."""
    if not isinstance(given, dict):
        raise BadPlans(f"{where}: must be a table")
    return given


def tables(where: str, given: Any) -> Sequence[Any]:
    """A list of tables."""
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise BadPlans(f"{where}: must be tables, each under [[{where}]]")
    return given


def known(where: str, entry: Mapping[str, Any], allowed: Sequence[str]) -> None:
    """Nothing else is said."""
    for name in entry:
        if name not in allowed:
            raise BadPlans(f"{where}: has no {name!r}; there are {', '.join(allowed)}")


def text(where: str, given: Any) -> str:
    """A name."""
    if not isinstance(given, str) or not given.strip() or not given.isprintable():
        raise BadPlans(f"{stated(where, given)}: must be text of one line")
    return given


def one_of(where: str, given: Any, allowed: Sequence[str]) -> str:
    """One of some words."""
    if given not in allowed:
        raise BadPlans(f"{stated(where, given)}: must be one of {', '.join(allowed)}")
    return str(given)


def day(where: str, given: Any) -> date:
    """A date of TOML, or its text."""
    if isinstance(given, str):
        try:
            return date.fromisoformat(given)
        except ValueError:
            pass
    elif isinstance(given, date) and not isinstance(given, datetime):
        return given
    raise BadPlans(f"{stated(where, given)}: must be a day like 2026-12-01")


def usd(where: str, given: Any) -> int:
    """Picodollars, more than none."""
    amount = _exact(given)
    if amount is None or not 0 < amount < MOST or amount != amount.quantize(PICO):
        raise BadPlans(f'{stated(where, given)}: must be USD above 0 as text like "1200.50", at most 12 decimals')
    return int(amount.scaleb(12))


def number(where: str, given: Any, low: int, high: int, what: str) -> Decimal:
    """An exact number above ``low``, up to ``high``."""
    found = _exact(given)
    if found is None or not low < found <= high:
        raise BadPlans(f'{stated(where, given)}: must be {what} above {low} up to {high}, like 2 or "1.5"')
    return found


def _exact(given: Any) -> Decimal | None:
    """Text or a whole number. TOML's floats are not exact."""
    if not isinstance(given, (str, int)) or isinstance(given, bool):
        return None
    try:
        found = Decimal(given)
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found) < MOST * MOST else None


def values_of(where: str, given: Any, levels: Sequence[Level], of: str = "ledger") -> Filter:
    """Values by dimension of a table, tag or level: ``{tenant = "acme", feature = ["chat", "unattributed"]}``."""
    try:
        names = parse_dimensions(list(table(where, given)), of, levels) if given else ()
    except ValueError as error:
        raise BadPlans(f"{where}: {error}") from error
    return tuple((name, _values(f"{where}.{name}", given[name])) for name in names)


def _values(where: str, given: Any) -> frozenset[str | None]:
    names = given if isinstance(given, list) else [given]
    if not names or not all(isinstance(name, str) and name and "\0" not in name for name in names):
        raise BadPlans(f"{stated(where, given)}: must be a name or a list of names")
    return frozenset(None if name == UNATTRIBUTED else name for name in names)

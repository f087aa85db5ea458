"""Both sides from one snapshot, by the same names: what the bills say, what the books have, what was near midnight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from importlib.resources import files
from typing import Any

import duckdb
import pyarrow as pa

from warehouse.corrected import correct_spans
from warehouse.instance import share
from warehouse.invoices import markups
from warehouse.invoices.imports import COUNTING
from warehouse.invoices.split import before_markup
from warehouse.lake.snapshot import Snapshot
from warehouse.relations import expose
from warehouse.schemas import COST_KINDS, TIME, TOKEN_KINDS
from warehouse.scope import ALL
from warehouse.settings import LakeSettings
from warehouse.tiers import TIER_OF

MIDNIGHT_MINUTES = 10
"""So near to midnight, a provider's clock or the moment that it goes by may put a call on the other day."""

_DAY = timedelta(days=1)
_BILLED_DAYS = "SELECT DISTINCT day FROM counting WHERE provider IN (FROM compared)"
Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """How names are joined. ``provider``: of our provider and model, as bills have it. ``model``: of either side."""

    provider: Callable[[str | None, str | None], str | None]
    model: Callable[[str | None, str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is compared: providers, None = all that have bills; days ``[start, end)``, None = those of the bills."""

    providers: frozenset[str] | None = None
    start: date | None = None
    end: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Rows of the SQL files, up to when the books are closed, and how many billed days are not settled to their end.

    ``unread``: price versions of our rows whose price book is not at hand, so that its markups are not known.
    """

    ours: Rows
    theirs: Rows
    midnight: Rows
    closed_to: datetime | None
    open_days: int = 0
    unread: tuple[str, ...] = ()

    def markup(self) -> Fraction:
        """USD that our rows have on top of what calls cost us, which is not compared."""
        costs = [(row, row[name]) for row in self.ours for name in COST_KINDS]
        return sum((Fraction(cost) - before_markup(row, cost) for row, cost in costs), Fraction(0))


def gather(
    snapshot: Snapshot,
    settings: LakeSettings,
    names: Names,
    scope: Scope,
    charged: markups.Markups | None = None,
) -> Sides:
    """Everything that is compared; days that are not settled to their end have no rows on either side.

    ``charged``: the markups of our prices.
    """
    with share(settings) as connection:
        expose(connection, snapshot, "settlements", ALL)
        closed_to = connection.sql("SELECT max(closed_to) FROM settlements").fetchall()[0][0]
        expose(connection, snapshot, "invoices", ALL)
        connection.execute(f"CREATE TEMP VIEW counting AS {COUNTING}")
        connection.execute(TIER_OF)
        window, open_days = _window(connection, scope, closed_to)
        if window is None:
            return Sides(ours=[], theirs=[], midnight=[], closed_to=closed_to, open_days=open_days)
        start, end = window
        first = datetime.combine(start, time(), UTC)
        last = datetime.combine(end, time(), UTC)
        expose(connection, snapshot, "ledger", ALL, (first, last + _DAY))
        for table in ("spans", "corrections"):
            expose(connection, snapshot, table, ALL, (first, last + _DAY))
        correct_spans(connection, first, last + _DAY)
        _name(connection, names)
        _register_made(connection)
        bounds = {"start": start, "end": end}
        unread = markups.register(connection, charged or markups.NoMarkups(), bounds)
        return Sides(
            ours=_rows(connection, "ours", bounds),
            theirs=_rows(connection, "theirs", bounds),
            midnight=_rows(connection, "midnight", {**bounds, "minutes": MIDNIGHT_MINUTES}),
            closed_to=closed_to,
            open_days=open_days,
            unread=unread,
        )


def _window(
    connection: duckdb.DuckDBPyConnection, scope: Scope, closed_to: datetime | None
) -> tuple[tuple[date, date] | None, int]:
    """The days to compare (None: there are none), and how many are billed and open; makes the table ``compared``."""
    found = connection.sql("SELECT DISTINCT provider FROM counting").fetchall()
    providers = sorted({row[0] for row in found} & (scope.providers or {row[0] for row in found}))
    connection.register("compared", pa.table({"provider": pa.array(providers, pa.string())}))
    days = [row[0] for row in connection.sql(_BILLED_DAYS).fetchall()]
    days = [day for day in days if (scope.start or day) <= day and (scope.end is None or day < scope.end)]
    closed = closed_to.astimezone(UTC).date() if closed_to else date.min
    settled = [day for day in days if day < closed]
    window = (min(settled), max(settled) + _DAY) if settled else None
    return window, len(days) - len(settled)


def _name(connection: duckdb.DuckDBPyConnection, names: Names) -> None:
    """Make the table ``as_named``: both sides' names and what they are joined by."""
    pairs = connection.sql(
        "SELECT DISTINCT provider, model, false FROM ledger UNION SELECT DISTINCT provider, model, true FROM counting"
    ).fetchall()
    rows: dict[tuple[str | None, str | None], tuple[str | None, str | None]] = {}
    for provider, model, is_theirs in pairs:
        known = provider if is_theirs else names.provider(provider, model)
        rows[provider, model] = (known, names.model(known, model) if model is not None else None)
    columns = {
        "provider": [key[0] for key in rows],
        "model": [key[1] for key in rows],
        "as_provider": [value[0] for value in rows.values()],
        "as_model": [value[1] for value in rows.values()],
    }
    connection.register("as_named", pa.table({name: pa.array(held, pa.string()) for name, held in columns.items()}))


def _register_made(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the table ``made``: when the last bill about a provider's day was made."""
    rows = connection.sql("SELECT provider, day, max(made_at) AS made_at FROM counting GROUP BY ALL").fetchall()
    connection.register(
        "made",
        pa.table(
            {
                "provider": pa.array([row[0] for row in rows], pa.string()),
                "day": pa.array([row[1] for row in rows], pa.date32()),
                "made_at": pa.array([row[2] for row in rows], TIME),
            }
        ),
    )


def _rows(connection: duckdb.DuckDBPyConnection, name: str, bounds: dict[str, Any]) -> Rows:
    text = files("warehouse.invoices").joinpath(f"{name}.sql").read_text("utf-8")
    places = {
        "{tokens}": ", ".join(f"coalesce(sum({one}), 0)::BIGINT AS {one}" for one in TOKEN_KINDS),
        "{token_names}": ", ".join(f"s.{one}" for one in TOKEN_KINDS),
        "{costs}": ", ".join(f"coalesce(sum({one}), 0)::DECIMAL(38, 12) AS {one}" for one in COST_KINDS),
    }
    for place, columns in places.items():
        text = text.replace(place, columns)
    rows: Rows = connection.sql(text, params=bounds).to_arrow_table().to_pylist()
    return rows

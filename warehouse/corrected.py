"""Spans as they stand: each as its flush wrote it, or as the last settlement states it anew."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from importlib.resources import files

from warehouse.engine import Connection, Engine
from warehouse.lake.snapshot import Snapshot
from warehouse.relations import FIRST, LAST, Window
from warehouse.schemas.settled import CORRECTED, SPAN_IDENTITY
from warehouse.scope import ALL, Scope, condition

CORRECTED_SPANS = "corrected_spans"
"""What stands in the header of a question that reads them."""
MADE_OF = ("spans", "corrections")
"""The tables that they are made of: a question that reads them reads neither."""


def correct_spans(connection: Connection, since: datetime, before: datetime, scope: Scope = ALL) -> None:
    """Make the view ``corrected_spans`` of those that ended from ``since`` to ``before``.

    Needs the views ``spans`` and ``corrections``, both of all tenants: settlement may have found another one, and the
    scope is cut by what it found.
    """
    connection.execute("SET VARIABLE since = $1", [since])
    connection.execute("SET VARIABLE before = $1", [before])
    connection.execute(_read_sql().replace("{scope}", condition(scope)))


def expose_corrected(engine: Engine, snapshot: Snapshot, scope: Scope, window: Window) -> None:
    """Make ``corrected_spans`` of a snapshot visible: the rows of ``scope`` within ``window``."""
    if not snapshot.within("corrections", *window).num_rows:  # as in all hours that are open
        engine.expose(snapshot, "spans", scope, window)
        engine.execute("CREATE TEMP VIEW corrected_spans AS SELECT * FROM spans")
        return
    for table in MADE_OF:
        engine.expose(snapshot, table, ALL, window)
    correct_spans(engine, window[0] or FIRST, window[1] or LAST, scope)


@cache
def _read_sql() -> str:
    """The file with its lists of columns in their places."""
    last_word = "CASE WHEN c.span_id IS NULL THEN s.{0} ELSE c.{0} END AS {0}"
    text = files("warehouse").joinpath("corrected.sql").read_text(encoding="utf-8")
    places = {
        "identity": ", ".join(SPAN_IDENTITY),
        "same_identity": " AND ".join(f"c.{name} = r.{name}" for name in SPAN_IDENTITY),
        "same_as_s": " AND ".join(f"c.{name} = s.{name}" for name in SPAN_IDENTITY),
        "corrected": ", ".join(last_word.format(name) for name in CORRECTED),
    }
    for place, columns in places.items():
        text = text.replace(f"{{{place}}}", columns)
    return text

"""Which tags calls have. An answer by one that none has is NULL for all: who asked is to be told, as it may be a slip.

Workers keep the tags that ``worker.tags`` names; a lake may hold others from before, and a reader may not have the
settings of the workers, so what rows have counts too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from warehouse.damage import FAILURES, failure
from warehouse.engine import DuckDB
from warehouse.reader import WarehouseSnapshot
from warehouse.relations import EVER
from warehouse.scope import Scope, is_whole

PREFIX = "tags."
BILLED = ("usage", "ledger")
"""Where the tags of all calls that are billed stand."""


def named_tags(names: Iterable[str]) -> set[str]:
    """The tags among dimensions."""
    return {name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)}


def nobody_has(
    snapshot: WarehouseSnapshot,
    scope: Scope,
    tags: Collection[str],
    kept: Collection[str],
    tables: Collection[str] = BILLED,
) -> str | None:
    """What is to be said of ``tags`` that no row of a scope has, whenever, and that are none of the ``kept`` ones.

    None where there is nothing to say, or no row at all. Raises LakeUnavailable, LakeDamaged.
    """
    missing, there, is_empty = set(tags) - set(kept), set(kept), True
    for table in tables:
        if not missing:
            return None
        found = tags_of(snapshot, scope, table)
        is_empty = is_empty and found is None
        there |= found or frozenset()
        missing -= there
    if is_empty or not missing:
        return None
    names, others = (", ".join(f"{PREFIX}{tag}" for tag in sorted(some)) for some in (missing, there))
    calls = "call" if is_whole(scope) else "call of these tenants"
    it = "it" if len(missing) == 1 else "them"
    return (
        f"no {calls} has {names}, and worker.tags does not keep {it}; there {f'are {others}' if others else 'is none'}"
    )


def tags_of(snapshot: WarehouseSnapshot, scope: Scope, table: str) -> frozenset[str] | None:
    """The tags that rows have; None where there are no rows. Of ``usage`` sums by the day are read.

    Raises LakeUnavailable, LakeDamaged.
    """
    try:
        with DuckDB(snapshot.settings) as engine:
            engine.expose(snapshot.snapshot, table, scope, grain="day" if table == "usage" else "minute")
            if not engine.sql(f"FROM {table} SELECT 1 LIMIT 1").fetchall():
                return None
            tags = engine.sql(f"FROM {table} SELECT DISTINCT unnest(map_keys(tags))").fetchall()
            return frozenset(tag for (tag,) in tags)
    except FAILURES as error:
        doing = f"cannot look for tags in {snapshot.snapshot.place.url}"
        raise failure(doing, error, snapshot.snapshot, {table: EVER}, snapshot.settings) from error

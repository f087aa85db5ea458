"""What to do next where an answer is empty: nothing is there yet, nothing is settled, or the window holds nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from warehouse.lake.snapshot import Snapshot
    from warehouse.questions import Question
    from warehouse.reader import Scope

SUMMED = ("gpu_minutes", "ledger", "user_days", "usage", "safety", "safety_hours")
"""Tables whose sums are empty only where they hold nothing of what was asked."""


def why_empty(question: Question, values: Mapping[str, object], scope: Scope, snapshot: Snapshot) -> str | None:
    """One line about an empty answer; None where there is nothing to do: no incident is no lack."""
    from warehouse.reader import is_whole

    table = next((name for name in SUMMED if name in question.reads), None)
    if table is None or not any(one.kind in ("dimensions", "filter") for one in question.takes):
        return None
    if (what := nothing_in(table, snapshot)) is not None:
        return what
    asked = [word for name, word in (("start", "window"), ("end", "window"), ("where", "filter")) if values.get(name)]
    asked += ["settlement"] * (values.get("as_of_settlement") is not None)
    if not is_whole(scope):
        asked.append("tenants")
    limits = " and ".join(dict.fromkeys(asked))
    return f"nothing is there{limits and f' by this choice of {limits}'}; {extent(table, snapshot)}{_dashes(values)}"


def _dashes(values: Mapping[str, object]) -> str:
    """How to ask for what a table shows as `-`, where somebody asked for that."""
    where = values.get("where")
    name = next((name for name, told in where if "-" in told), None) if isinstance(where, tuple) else None
    return f"; for what has no {name} ask --param where={name}=unattributed" if name else ""


def nothing_in(table: str, snapshot: Snapshot) -> str | None:
    """What to do where a table has no rows at all."""
    if snapshot.files[table].num_rows:
        return None
    if not snapshot.files["usage"].num_rows:
        return "the lake holds no calls yet; `spanledger report pipeline` says what workers have read"
    if not snapshot.files["settlements"].num_rows:
        return "nothing is settled yet, and this is asked of settled hours: run `spanledger settle`"
    return f"the lake has no {table} yet; `spanledger report settlements` says up to when hours are settled"


def extent(table: str, snapshot: Snapshot) -> str:
    """From when to when a table has rows, by the statistics of its files."""
    from warehouse.schemas import TABLES

    files, step = snapshot.files[table], TABLES[table].time
    times: list[datetime] = [one for name in ("earliest", "latest") for one in files[name].to_pylist() if one]
    if not times:
        return "`spanledger report settlements` says up to when hours are settled"
    first, last = (f"{one.astimezone(UTC):%Y-%m-%d %H:%M}Z" for one in (min(times), max(times)))
    open_ends = files.filter(files["latest"].is_null())["day"].to_pylist()  # of the file's last time nothing is known
    if (day := max(open_ends, default=None)) is not None and day >= max(times).astimezone(UTC).date():
        return f"data are from {first} to {day.isoformat()}"
    return f"data are from {first} to the {step} of {last}"

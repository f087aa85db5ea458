"""The ledger that alerts judge, as it stands in the lake."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from alerts.incidents import Scope
from alerts.ledger import CAUSES, EXPLAINED_BY, HEALTH, JOURNAL, NEWCOMERS, SAMPLES, ZERO, Total
from warehouse.lake import Lake
from warehouse.planning import Plans
from warehouse.planning.budgets import hold
from warehouse.planning.burning import Pace, paces
from warehouse.planning.periods import Stretch
from warehouse.planning.series import Asked
from warehouse.planning.standing import Outlook, Standing, spend_by, stand
from warehouse.questions.dimensions import Filter
from warehouse.reader import ALL, Warehouse

TABLE = "incidents"
NO_PLANS = Plans()
TASK = timedelta(hours=1)
"""So long the steps of a task are counted together."""


class LakeLedger:
    """A ``Ledger`` over the tables of a lake. Everything may raise LakeUnavailable."""

    def __init__(self, lake: Lake, warehouse: Warehouse, plans: Plans = NO_PLANS) -> None:
        self._lake = lake
        self._warehouse = warehouse
        self._plans = plans

    def mark(self) -> Hashable:
        """Versions of the tables that a flush touches first and last."""
        versions = self._warehouse.versions()
        return (versions["usage"], versions["flushes"])

    def watermark(self, now: datetime) -> datetime | None:
        """See ``Ledger``."""
        answer = self._warehouse.ask("watermark", ALL, now=now)
        found: datetime | None = answer["spans_watermark"][0].as_py() if answer.num_rows else None
        return found

    def usage(self, start: datetime, end: datetime, by: Sequence[str]) -> pa.Table:
        """See ``Ledger``."""
        sums = self._warehouse.ask("sums", ALL, bucket="minute", by=tuple(by), start=start, end=end)
        return sums.rename_columns(["minute" if name == "bucket" else name for name in sums.column_names])

    def usage_of(self, scope: Scope, start: datetime, end: datetime) -> pa.Table:
        """See ``Ledger``."""
        return self._ask("causes", scope, by=EXPLAINED_BY, start=start, end=end)

    def dearest(self, scope: Scope, start: datetime, end: datetime) -> pa.Table:
        """See ``Ledger``."""
        return self._ask("dearest", scope, start=start, end=end, limit=SAMPLES)

    def deploys(self, scope: Scope, start: datetime, end: datetime) -> pa.Table:
        """See ``Ledger``."""
        return self._ask("deploys", scope, start=start, end=end)

    def _ask(self, question: str, scope: Scope, **params: object) -> pa.Table:
        """The answer about a scope alone."""
        named = scope.as_dict()
        tenants = frozenset({named["tenant"]}) if "tenant" in named else ALL
        return self._warehouse.ask(question, tenants, where={name: [value] for name, value in named.items()}, **params)

    def days(self, start: datetime, end: datetime) -> Mapping[date, Total]:
        """See ``Ledger``."""
        if start >= end:
            return {}
        sums = self._warehouse.ask("sums", ALL, bucket="day", start=start, end=end)
        days = pc.cast(sums["bucket"], pa.date32()).to_pylist()
        return {
            day: Total(calls=row["calls"], cost_usd=row["cost_usd"] or ZERO)
            for day, row in zip(days, sums.to_pylist(), strict=True)
        }

    def health(self, start: datetime, end: datetime, *, every_s: int) -> pa.Table:
        """See ``Ledger``."""
        if start >= end:
            return HEALTH.empty_table()
        steps = self._warehouse.ask("steps", ALL, every=every_s, start=start - TASK, end=end, since=start)
        return pa.concat_tables([self._warehouse.ask("health", ALL, every=every_s, start=start, end=end), steps])

    def budgets(self, now: datetime) -> Sequence[Standing]:
        """See ``Ledger``."""
        return stand(self._warehouse.snapshot(), self._plans, now) if self._plans.budgets else ()

    def outlooks(self, now: datetime) -> Mapping[str, Outlook]:
        """See ``Ledger``."""
        if not self._plans.budgets:
            return {}
        rows = hold(self._warehouse.snapshot(), ALL, self._plans, now=now).to_pylist()
        return {
            row["budget"]: Outlook(forecast_usd=row["forecast_usd"], low_usd=row["low_80_usd"])
            for row in rows
            if row["forecast_usd"] is not None and row["low_80_usd"] is not None
        }

    def paces(self, now: datetime) -> Sequence[Pace]:
        """See ``Ledger``."""
        if not self._plans.objectives:
            return ()
        return paces(self._warehouse.snapshot(), self._plans, self.watermark(now) or now)

    def gpu_load(self, start: datetime, recent: datetime, end: datetime) -> Sequence[Mapping[str, Any]]:
        """See ``Ledger``."""
        rows: list[dict[str, Any]] = self._warehouse.ask(
            "gpu-load", ALL, start=start, recent=recent, end=end
        ).to_pylist()
        return rows

    def first_days(self, start: datetime, end: datetime) -> pa.Table:
        """See ``Ledger``."""
        sums = self._warehouse.ask("sums", ALL, bucket="day", by=NEWCOMERS, start=start, end=end)
        days = pc.cast(sums["bucket"], pa.date32())
        return sums.drop_columns("bucket").append_column("day", days)

    def spend_of(self, of: Filter, window: Stretch) -> pa.Table:
        """See ``Ledger``."""
        asked = Asked(snapshot=self._warehouse.snapshot(), scope=ALL, by=CAUSES, where=of)
        return spend_by(asked, window)

    def events(self) -> pa.Table:
        """See ``Ledger``."""
        return self._warehouse.ask("incident_events", ALL)

    def last_version(self) -> int | None:
        """See ``Ledger``."""
        return self._lake.last_version(TABLE, JOURNAL)

    def append(self, rows: pa.Table, version: int) -> bool:
        """See ``Ledger``."""
        return self._lake.append_once(TABLE, rows, JOURNAL, version)

"""What alerts need of the lake, as a seam: ``LakeLedger`` over the real one, ``MemoryLedger`` over tables in memory.

Usage comes as sums by minute: columns ``minute`` (UTC), the dimensions asked for and ``SUMS`` (USD as decimal).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from alerts.factors import SUMS as FACTOR_SUMS
from alerts.incidents import Scope
from warehouse.planning.burning import Pace
from warehouse.planning.periods import Stretch
from warehouse.planning.standing import Outlook, Standing
from warehouse.questions.dimensions import Filter
from warehouse.schemas import INCIDENTS, SPANS, USAGE
from warehouse.schemas.kinds import TIME, fields

ZERO = Decimal(0)
LEAF = ("tenant", "feature", "provider", "model", "principal")
"""Dimensions of the series that detectors watch."""
SUMS = ("calls", "input_tokens", "cached_input_tokens", "output_tokens", "cost_usd")
NEWCOMERS = ("tenant", "provider", "model", "principal")
"""Dimensions in which somebody may be new."""
CAUSES = ("feature", "model", "principal")
"""Dimensions that explain what is spent of a budget."""
EXPLAINED_BY = (
    *("tenant", "feature", "provider", "model", "service_tier", "principal", "service"),
    *("prompt_name", "prompt_version", "route"),
)
"""Dimensions that explain an excess."""
HEALTH = pa.schema(
    [
        pa.field("slot", TIME),
        *fields("tenant feature provider model measure", pa.string()),
        pa.field("bin", pa.int32()),
        pa.field("amount", pa.float64()),
    ]
)
SAMPLES = 3
"""Calls that are shown of an incident."""
JOURNAL = "alerts"
"""The app-transaction under which events are committed: one number after the other, whoever writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """What a day holds: if it has changed, so has the day."""

    calls: int
    cost_usd: Decimal


class Ledger(Protocol):
    """Usage and watermark to judge by, and the journal of incidents."""

    def mark(self) -> Hashable:
        """Something cheap that differs when usage may have changed."""

    def watermark(self, now: datetime) -> datetime | None:
        """The time up to which everything has been committed; None = nothing ever was."""

    def usage(self, start: datetime, end: datetime, by: Sequence[str]) -> pa.Table:
        """Sums of the minutes in [start, end)."""

    def usage_of(self, scope: Scope, start: datetime, end: datetime) -> pa.Table:
        """What a scope has in [start, end), by ``EXPLAINED_BY``: ``factors.SUMS``, and ``first_minute`` of it."""

    def dearest(self, scope: Scope, start: datetime, end: datetime) -> pa.Table:
        """The dearest calls in [start, end), of different traces: trace_id (bytes), ended_at, model, cost_usd."""

    def deploys(self, scope: Scope, start: datetime, end: datetime) -> pa.Table:
        """Versions that called in [start, end): service, service_version, first_seen_at, calls, cost_usd."""

    def days(self, start: datetime, end: datetime) -> Mapping[date, Total]:
        """Totals of the usage in [start, end) by UTC day; days without usage are left out."""

    def health(self, start: datetime, end: datetime, *, every_s: int) -> pa.Table:
        """Counts of [start, end) in slots of so many seconds at most: ``HEALTH``.

        As the questions ``health`` and ``steps`` have them.
        """

    def budgets(self, now: datetime) -> Sequence[Standing]:
        """How budgets stand; none where no file names any."""

    def outlooks(self, now: datetime) -> Mapping[str, Outlook]:
        """How the periods of budgets will end, by name; none where there is too little history. It takes a while."""

    def paces(self, now: datetime) -> Sequence[Pace]:
        """How fast the error budgets of objectives burn; none where no file names any."""

    def gpu_load(self, start: datetime, recent: datetime, end: datetime) -> Sequence[Mapping[str, Any]]:
        """How full and busy model servers were in [start, end), and of late: rows of the question ``gpu-load``."""

    def first_days(self, start: datetime, end: datetime) -> pa.Table:
        """Sums of [start, end) by UTC day: columns ``day``, tenant, provider, model, principal, and ``SUMS``."""

    def spend_of(self, of: Filter, window: Stretch) -> pa.Table:
        """What a filter lets through in a window: columns feature, model, principal, calls, cost_usd.

        Of settled hours as the books have it, of later ones as the stream does, where it tells what is filtered by.
        """

    def events(self) -> pa.Table:
        """The rows of ``incidents``, in any order."""

    def last_version(self) -> int | None:
        """Number of the last commit to the journal; None = there is none."""

    def append(self, rows: pa.Table, version: int) -> bool:
        """Commit rows to the journal under this number; False = somebody else has used it."""


class MemoryLedger:
    """Tables in memory; what is appended to ``usage_rows`` and ``health_rows`` is visible at once."""

    def __init__(self) -> None:
        self.usage_rows = USAGE.empty_table()
        self.health_rows = HEALTH.empty_table()
        self.span_rows = SPANS.empty_table()
        self.incident_rows = INCIDENTS.empty_table()
        self.committed_until: datetime | None = None
        self.standings: Sequence[Standing] = ()
        self.ahead: Mapping[str, Outlook] = {}
        self.burning: Sequence[Pace] = ()
        self.loads: Sequence[Mapping[str, Any]] = ()
        self._version: int | None = None

    def add_usage(self, rows: pa.Table) -> None:
        """What a flush does to the table."""
        self.usage_rows = pa.concat_tables([self.usage_rows, rows])

    def add_health(self, rows: pa.Table) -> None:
        """Likewise of what ``health`` tells."""
        self.health_rows = pa.concat_tables([self.health_rows, rows])

    def mark(self) -> Hashable:
        """See ``Ledger``."""
        return (self.usage_rows.num_rows, self.health_rows.num_rows)

    def watermark(self, now: datetime) -> datetime | None:
        """See ``Ledger``; ``now`` where the test has set none but there is usage."""
        return self.committed_until or (now if self.usage_rows.num_rows else None)

    def usage(self, start: datetime, end: datetime, by: Sequence[str]) -> pa.Table:
        """See ``Ledger``."""
        return _sums(_between(self.usage_rows, start, end), ["minute", *by])

    def usage_of(self, scope: Scope, start: datetime, end: datetime) -> pa.Table:
        """See ``Ledger``."""
        rows = of_scope(_between(self.usage_rows, start, end), scope).group_by(list(EXPLAINED_BY))
        sums = rows.aggregate([("minute", "min"), *((name, "sum") for name in FACTOR_SUMS)])
        return sums.rename_columns({"minute_min": "first_minute"} | {f"{name}_sum": name for name in FACTOR_SUMS})

    def dearest(self, scope: Scope, start: datetime, end: datetime) -> pa.Table:
        """See ``Ledger``."""
        calls = self._calls(scope, start, end)
        rows = calls.filter(pc.is_valid(calls["cost_usd"])).sort_by([("cost_usd", "descending")])
        traces = rows["trace_id"].to_pylist()
        places = [traces.index(one) for one in dict.fromkeys(traces)][:SAMPLES]
        return rows.take(pa.array(places, pa.int64()))

    def deploys(self, scope: Scope, start: datetime, end: datetime) -> pa.Table:
        """See ``Ledger``."""
        rows = self._calls(scope, start, end).group_by(["service", "service_version"])
        sums = rows.aggregate([("ended_at", "min"), ("ended_at", "count"), ("cost_usd", "sum")])
        return sums.rename_columns(["service", "service_version", "first_seen_at", "calls", "cost_usd"])

    def _calls(self, scope: Scope, start: datetime, end: datetime) -> pa.Table:
        rows = self.span_rows.filter(self.span_rows["billable"])
        named = rows.append_column("model", pc.coalesce(rows["response_model"], rows["request_model"]))
        return of_scope(_between(named, start, end, "ended_at"), scope)

    def days(self, start: datetime, end: datetime) -> Mapping[date, Total]:
        """See ``Ledger``."""
        sums = _sums(_between(self.usage_rows, start, end), ["day"])
        return {row["day"]: Total(calls=row["calls"], cost_usd=row["cost_usd"] or ZERO) for row in sums.to_pylist()}

    def health(self, start: datetime, end: datetime, *, every_s: int) -> pa.Table:  # noqa: ARG002 - rows are by minute
        """See ``Ledger``."""
        return _between(self.health_rows, start, end, "slot")

    def budgets(self, now: datetime) -> Sequence[Standing]:  # noqa: ARG002 - the seam's
        """See ``Ledger``; what a test has put there."""
        return self.standings

    def outlooks(self, now: datetime) -> Mapping[str, Outlook]:  # noqa: ARG002 - the seam's
        """See ``Ledger``; what a test has put there."""
        return self.ahead

    def paces(self, now: datetime) -> Sequence[Pace]:  # noqa: ARG002 - the seam's
        """See ``Ledger``; what a test has put there."""
        return self.burning

    def gpu_load(
        self,
        start: datetime,  # noqa: ARG002 - the seam's
        recent: datetime,  # noqa: ARG002
        end: datetime,  # noqa: ARG002
    ) -> Sequence[Mapping[str, Any]]:
        """See ``Ledger``; what a test has put there."""
        return self.loads

    def first_days(self, start: datetime, end: datetime) -> pa.Table:
        """See ``Ledger``."""
        return _sums(_between(self.usage_rows, start, end), ["day", *NEWCOMERS])

    def spend_of(self, of: Filter, window: Stretch) -> pa.Table:
        """See ``Ledger``."""
        rows = _between(self.usage_rows, *window)
        for name, values in of:
            rows = rows.filter(pc.is_in(rows[name], pa.array(list(values), rows.schema.field(name).type)))
        return _sums(rows, CAUSES)

    def events(self) -> pa.Table:
        """See ``Ledger``."""
        return self.incident_rows

    def last_version(self) -> int | None:
        """See ``Ledger``."""
        return self._version

    def append(self, rows: pa.Table, version: int) -> bool:
        """See ``Ledger``."""
        if self._version is not None and version <= self._version:
            return False
        self.incident_rows = pa.concat_tables([self.incident_rows, rows])
        self._version = version
        return True


def by_minute(ledger: Ledger, scope: Scope, start: datetime, end: datetime) -> pa.Table:
    """What a scope has in the minutes of [start, end) in which it has anything: minute and ``SUMS``, in order."""
    rows = of_scope(ledger.usage(start, end, [name for name, _ in scope.values]), scope)
    return _sums(rows, ["minute"]).sort_by("minute")


def of_scope(usage: pa.Table, scope: Scope) -> pa.Table:
    """The rows that have the scope's values; None matches what is unattributed."""
    for name, value in scope.values:
        usage = usage.filter(_is(usage[name], value))
    return usage


def _is(column: pa.ChunkedArray, value: str | None) -> pa.ChunkedArray:
    return pc.is_null(column) if value is None else pc.fill_null(pc.equal(column, value), False)


def _between(usage: pa.Table, start: datetime, end: datetime, time: str = "minute") -> pa.Table:
    minute = usage[time]
    kind = minute.type
    return usage.filter(
        pc.and_(pc.greater_equal(minute, pa.scalar(start, kind)), pc.less(minute, pa.scalar(end, kind)))
    )


def _sums(usage: pa.Table, by: Sequence[str]) -> pa.Table:
    sums = usage.group_by(list(by)).aggregate([(name, "sum") for name in SUMS])
    return sums.rename_columns({f"{name}_sum": name for name in SUMS})

"""The lake as the pages see it. Every question goes through here, and the scope is applied here, once.

``Source`` lives as long as the process; ``Source.answers()`` is one moment of the lake, so that all numbers of one
refresh agree. Rows are dictionaries under the columns of the questions (``warehouse/questions/*.sql``); NULL is None.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from dashboards.grid import Row
from dashboards.period import Period
from dashboards.sentences import Freshness
from dashboards.settings import DashboardSettings
from dashboards.view import View
from warehouse.reader import ALL, Scope, Warehouse, WarehouseSnapshot, is_whole
from warehouse.settings import LakeSettings

MOST_KEPT = 256
"""Answers that are kept: some pages of some readers."""


class Kept:
    """The answers that were given last, for all sessions; those to another snapshot are other answers."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._rows: OrderedDict[Hashable, list[Row]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, ask: Callable[[], list[Row]]) -> list[Row]:
        """The rows that are kept under ``key``, or those that ``ask`` finds."""
        with self._lock:
            if key in self._rows:
                self._rows.move_to_end(key)
                return self._rows[key]
        rows = ask()
        with self._lock:
            self._rows[key] = rows
            while len(self._rows) > self._most:
                self._rows.popitem(last=False)
        return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Answers from one snapshot, within one scope."""

    snapshot: WarehouseSnapshot
    scope: Scope
    kept: Kept

    @property
    def whole(self) -> bool:
        """Whether all tenants are shown, and with them what is about the whole deployment."""
        return is_whole(self.scope)

    def ask(self, question: str, **parameters: object) -> list[Row]:
        """Rows of a named question; of one snapshot it is asked once. Raises LakeUnavailable."""
        key = (self.snapshot.version, self.scope, question, repr(sorted(parameters.items())))
        return self.kept.get(key, lambda: self.snapshot.ask(question, self.scope, **parameters).to_pylist())

    def of(
        self, question: str, view: View, period: Period, *, by: Sequence[str] = (), bucket: str | None = None
    ) -> list[Row]:
        """What a question says of a view in a period: for each value of ``by`` and each bar of ``bucket``."""
        zone = {"zone": view.zone.key} if bucket else {}
        return self.ask(
            question, by=tuple(by), bucket=bucket, start=period.start, end=period.end, where=view.where(), **zone
        )

    def spend(self, view: View, period: Period, *, by: Sequence[str] = (), bucket: str | None = None) -> list[Row]:
        """Spend of a view in a period: one row in all, or one for each value of ``by`` and each bar of ``bucket``."""
        return self.of("spend", view, period, by=by, bucket=bucket)

    def safety(self, view: View, period: Period, *, by: Sequence[str]) -> list[Row]:
        """What guards and filters found in a view in a period."""
        return self.ask("safety", by=tuple(by), start=period.start, end=period.end, where=view.where())

    def freshness(self, now: datetime, zone: tzinfo) -> Freshness:
        """How fresh the ledger is."""
        return Freshness(as_of=self.ask("watermark")[0]["as_of"], now=now, zone=zone)


class Source:
    """Opens the lake when it is first asked, so pages may be served before there is one."""

    def __init__(self, lake: LakeSettings, dashboard: DashboardSettings) -> None:
        self.refresh_s = dashboard.refresh_s
        self.lake = lake
        self._scope: Scope = frozenset(dashboard.tenants) if dashboard.tenants else ALL
        self._lock = threading.Lock()
        self._kept = Kept()
        self._warehouse: Warehouse | None = None

    def answers(self) -> Answers:
        """The lake as of now. Raises LakeMissing, LakeMismatch, LakeUnavailable."""
        with self._lock:
            if self._warehouse is None:
                self._warehouse = Warehouse(self.lake)
        return Answers(snapshot=self._warehouse.snapshot(), scope=self._scope, kept=self._kept)

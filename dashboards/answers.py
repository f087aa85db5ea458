"""The lake as the pages see it. Every question goes through here, and the scope is applied here, once.

``Source`` lives as long as the process; ``Source.answers()`` is one moment of the lake, so that all numbers of one
refresh agree. Rows are dictionaries under the columns of the questions (``warehouse/questions/*.sql``); NULL is None.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from dashboards.grid import Row
from dashboards.period import Period
from dashboards.settings import DashboardSettings
from dashboards.view import View
from warehouse.reader import ALL, Scope, Warehouse, WarehouseSnapshot, is_whole
from warehouse.settings import LakeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Answers from one snapshot, within one scope."""

    snapshot: WarehouseSnapshot
    scope: Scope

    @property
    def whole(self) -> bool:
        """Whether all tenants are shown, and with them what is about the whole deployment."""
        return is_whole(self.scope)

    def ask(self, question: str, **parameters: object) -> list[Row]:
        """Rows of a named question. Raises LakeUnavailable."""
        rows: list[Row] = self.snapshot.ask(question, self.scope, **parameters).to_pylist()
        return rows

    def spend(self, view: View, period: Period, *, by: Sequence[str] = (), bucket: str | None = None) -> list[Row]:
        """Spend of a view in a period: one row in all, or one for each value of ``by`` and each bar of ``bucket``."""
        return self.ask(
            "spend",
            by=tuple(by),
            bucket=bucket,
            start=period.start,
            end=period.end,
            where=view.where(),
            zone=view.zone.key,
        )


class Source:
    """Opens the lake when it is first asked, so pages may be served before there is one."""

    def __init__(self, lake: LakeSettings, dashboard: DashboardSettings) -> None:
        self.refresh_s = dashboard.refresh_s
        self._lake = lake
        self._scope: Scope = frozenset(dashboard.tenants) if dashboard.tenants else ALL
        self._lock = threading.Lock()
        self._warehouse: Warehouse | None = None

    def answers(self) -> Answers:
        """The lake as of now. Raises LakeMissing, LakeMismatch, LakeUnavailable."""
        with self._lock:
            if self._warehouse is None:
                self._warehouse = Warehouse(self._lake)
        return Answers(snapshot=self._warehouse.snapshot(), scope=self._scope)

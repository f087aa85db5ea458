"""The lake as the pages see it. Every question goes through here, and the scope is applied here, once.

``Source`` lives as long as the process; ``Source.answers()`` is one moment of the lake, so that all numbers of one
refresh agree. Rows are dictionaries under the columns of the questions (``warehouse/questions/*.sql``); NULL is None.
"""

from __future__ import annotations

import copy
import getpass
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from dashboards.grid import Row
from dashboards.people import Person
from dashboards.period import Period
from dashboards.sentences import Freshness
from dashboards.settings import DashboardSettings
from dashboards.view import View
from warehouse.allocation import Dimensions, charge_back, read_dimensions
from warehouse.experiments import NAME as EXPERIMENT
from warehouse.experiments import compare_by
from warehouse.planning import REPORTS, Plans, read_plans
from warehouse.reader import ALL, Scope, Warehouse, WarehouseSnapshot, is_whole
from warehouse.scope import Everything
from warehouse.settings import LakeSettings, SettleSettings

CHARGEBACK = "chargeback"

Answer = TypeVar("Answer")
MOST_KEPT = 256
"""Answers that are kept: some pages of some readers."""


class Kept:
    """The answers that were given last, for all sessions; those to another snapshot are other answers."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._rows: OrderedDict[Hashable, Any] = OrderedDict()
        self._asking: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, ask: Callable[[], Answer]) -> Answer:
        """What is kept under ``key``, or what ``ask`` finds: of several readers who want it at once, one asks."""
        with self._lock:
            asking = self._asking.setdefault(key, threading.Lock())
        with asking:
            try:
                with self._lock:
                    if key in self._rows:
                        self._rows.move_to_end(key)
                        kept: Answer = self._rows[key]
                        return kept
                return self._keep(key, ask())
            finally:
                with self._lock:
                    self._asking.pop(key, None)

    def _keep(self, key: Hashable, answer: Answer) -> Answer:
        with self._lock:
            self._rows[key] = answer
            while len(self._rows) > self._most:
                self._rows.popitem(last=False)
        return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is said beside the lake: levels and shared costs, budgets, launches and objectives, what review costs."""

    dimensions: Dimensions
    plans: Plans
    review_usd_per_hour: str

    @classmethod
    def by(cls, settle: SettleSettings) -> Said:
        """What the files of the settings say. Raises BadDimensions, BadPlans."""
        dimensions = read_dimensions(settle.dimensions)
        return cls(
            dimensions=dimensions,
            plans=read_plans(settle.budgets, dimensions.levels, settle.slos),
            review_usd_per_hour=f"{Decimal(str(settle.review_usd_per_hour)):f}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Answers from one snapshot, within one scope."""

    snapshot: WarehouseSnapshot
    scope: Scope
    kept: Kept
    said: Said

    @property
    def whole(self) -> bool:
        """Whether all tenants are shown, and with them what is about the whole deployment."""
        return is_whole(self.scope)

    def ask(self, question: str, **parameters: object) -> list[Row]:
        """Rows of a named question; of one snapshot it is asked once. Raises LakeUnavailable."""
        key = (self.snapshot.version, self.scope, question, repr(sorted(parameters.items())))
        return self.kept.get(key, lambda: self.snapshot.ask(question, self.scope, **parameters).to_pylist())

    def report(self, name: str, **parameters: object) -> list[Row]:
        """Rows of a report that is reckoned from what the lake says: budgets, a forecast, objectives, an experiment.

        What depends on the time takes ``now``, or another answer is kept for every moment. Raises as ``ask``.
        """
        key = (self.snapshot.version, self.scope, "report", name, repr(sorted(parameters.items())))
        if name == CHARGEBACK:
            reckon = partial(charge_back, self.snapshot, self.scope, self.said.dimensions)
        elif name == EXPERIMENT:
            reckon = partial(compare_by, self.ask, self.snapshot.levels)
        else:
            reckon = partial(REPORTS[name], self.snapshot, self.scope, self.said.plans)
        return self.kept.get(key, lambda: reckon(**parameters).to_pylist())

    def within(self, tenants: Collection[str | None]) -> Answers:
        """The same of these tenants alone, of those that the reader may see; of all where none is named."""
        if not tenants:
            return self
        chosen = frozenset(tenants)
        return replace(self, scope=chosen if isinstance(self.scope, Everything) else chosen & self.scope)

    def of(
        self,
        question: str,
        view: View,
        period: Period,
        *,
        by: Sequence[str] = (),
        bucket: str | None = None,
        **more: object,
    ) -> list[Row]:
        """What a question says of a view in a period: for each value of ``by`` and each bar of ``bucket``.

        ``more``: what else the question takes.
        """
        over = {} if bucket is None else {"bucket": bucket, "zone": view.zone.key}
        asked = {"by": tuple(by), "start": period.start, "end": period.end, "where": view.where()}
        return self.ask(question, **asked, **over, **more)

    def spend(self, view: View, period: Period, *, by: Sequence[str] = (), bucket: str | None = None) -> list[Row]:
        """Spend of a view in a period: one row in all, or one for each value of ``by`` and each bar of ``bucket``."""
        return self.of("spend", view, period, by=by, bucket=bucket)

    def freshness(self, now: datetime, zone: tzinfo) -> Freshness:
        """How fresh the ledger is."""
        return Freshness(as_of=self.ask("watermark")[0]["as_of"], now=now, zone=zone)


class Source:
    """Opens the lake when it is first asked, so pages may be served before there is one."""

    def __init__(
        self,
        lake: LakeSettings,
        dashboard: DashboardSettings,
        settle: SettleSettings | None = None,
        command: Sequence[str] = (),
    ) -> None:
        """``command``: the words that run a verb of the command line, as pages do for what only it knows."""
        self.dashboard = dashboard
        self.refresh_s = dashboard.refresh_s
        self.lake = lake
        self.command = tuple(command)
        self._settle = settle or SettleSettings()
        self.scope: Scope = frozenset(dashboard.tenants) if dashboard.tenants else ALL
        self._lock = threading.Lock()
        self._kept = Kept()
        self._opened: list[tuple[Warehouse, Said]] = []
        self.person: Person | None = None

    def seen_by(self, person: Person) -> Source:
        """The same lake as somebody sees it who has signed in."""
        source = copy.copy(self)  # what was opened and kept is shared
        source.person = person
        if person.tenants is not None:
            source.scope = person.tenants if isinstance(self.scope, Everything) else person.tenants & self.scope
        return source

    def may(self, what: str) -> bool:
        """Whether the reader may do that; who needs not sign in may all."""
        return self.person is None or self.person.may(what)

    @property
    def reader(self) -> str:
        """Who takes incidents here."""
        return self.person.name if self.person else getpass.getuser()

    def answers(self) -> Answers:
        """The lake as of now. Raises LakeMissing, LakeMismatch, LakeUnavailable, BadDimensions, BadPlans."""
        with self._lock:
            if not self._opened:
                said = Said.by(self._settle)
                self._opened.append((Warehouse(self.lake, said.dimensions.levels), said))
        warehouse, said = self._opened[0]
        return Answers(snapshot=warehouse.snapshot(), scope=self.scope, kept=self._kept, said=said)

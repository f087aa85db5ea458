"""Books to plan with: lines of the ledger as a settlement writes them, day by day."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.warehouse.fresh import open_lake
from tests.warehouse.samples import rows
from warehouse.lake import Lake
from warehouse.planning import REPORTS, Plans
from warehouse.questions.dimensions import Level
from warehouse.reader import ALL, Scope, Warehouse
from warehouse.schemas.settled import LEDGER_AMOUNTS, LEDGER_COUNTS
from warehouse.settings import LakeSettings

FIRST = dt.datetime(2026, 9, 1, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
Row = dict[str, Any]


def line(hour: dt.datetime, usd: str | float | Decimal, **values: Any) -> Row:
    """One call of gpt-4o that cost so much, all of it for input."""
    cost = Decimal(usd).quantize(Decimal("1e-12"))
    told = {"tenant": "acme", "provider": "openai", "model": "gpt-4o", "status": "ok", "price_status": "priced"}
    counts = dict.fromkeys(LEDGER_COUNTS, 0) | {"calls": 1, "priced_calls": 1, "input_tokens": 1000}
    amounts = dict.fromkeys(LEDGER_AMOUNTS, Decimal(0)) | {"input_cost_usd": cost, "cost_usd": cost}
    return told | counts | amounts | {"hour": hour, "period": hour.date().replace(day=1), "entry": "settled"} | values


@dataclass(slots=True)
class Books:
    """A lake of which only the books are written."""

    directory: Path
    levels: tuple[Level, ...] = ()
    settings: LakeSettings = field(init=False)
    lake: Lake = field(init=False)
    settlements: int = 0

    def __post_init__(self) -> None:
        self.settings = LakeSettings(url=str(self.directory / "lake"), query_memory_mib=256)
        self.lake = open_lake(self.settings)

    def settle(self, lines: Iterable[Row], closed_to: dt.datetime) -> None:
        """One settlement that writes these lines."""
        self.settlements += 1
        close = {"settlement": self.settlements, "close_id": f"close {self.settlements}"}
        self.lake.append_once("ledger", rows("ledger", *(one | close for one in lines)), "ledger", self.settlements)
        row = close | {"kind": "settle", "closed_at": closed_to, "closed_to": closed_to, "offsets": []}
        self.lake.append_once("settlements", rows("settlements", row), "settle", self.settlements)

    def copy(self, directory: Path) -> Books:
        """The same books once more, to write on."""
        shutil.copytree(self.directory, directory, dirs_exist_ok=True)
        copied = Books(directory, self.levels)
        copied.settlements = self.settlements
        return copied

    def report(self, name: str, plans: Plans | None = None, scope: Scope = ALL, **params: object) -> list[Row]:
        """The rows of a report."""
        return report(self.settings, name, plans, scope, self.levels, **params)


def report(
    settings: LakeSettings,
    name: str,
    plans: Plans | None = None,
    scope: Scope = ALL,
    levels: tuple[Level, ...] = (),
    **params: object,
) -> list[Row]:
    """The rows of a report on a lake."""
    answer = REPORTS[name](Warehouse(settings, levels).snapshot(), scope, plans or Plans(), **params)
    rows_: list[Row] = answer.to_pylist()
    return rows_

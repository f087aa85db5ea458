"""Lakes to settle: flushes of told spans, as a worker would have committed them."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from processors.normalise.afterwards import finish
from processors.pricing.book import PriceBook
from processors.pricing.columns import price_spans
from processors.pricing.settled import pricing_of
from processors.rollups import roll_up_usage
from spanledger.focus_names import BookSellers
from tests.warehouse.fresh import open_lake
from tests.warehouse.samples import flush_record, rows
from tests.warehouse.told import START, table
from warehouse import once
from warehouse.instance import connect
from warehouse.lake import Flush, Lake, Range
from warehouse.reader import ALL, Warehouse
from warehouse.relations import expose
from warehouse.schemas import SPANS
from warehouse.settings import LakeSettings, SettleSettings
from warehouse.settle import Settled, close_month, settle

LATER = START + dt.timedelta(hours=3)
HOW = SettleSettings(memory_mib=512)


@cache
def book() -> PriceBook:
    """The list prices."""
    return PriceBook.from_settings({}, "")


@dataclass(slots=True)
class World:
    """One lake, filled flush by flush; every flush is one record of its partition unless its spans say offsets."""

    directory: Path
    book: PriceBook = field(default_factory=book)
    settings: LakeSettings = field(init=False)
    lake: Lake = field(init=False)
    next: dict[int, int] = field(default_factory=dict)
    topic: str = "cluster/topic"

    def __post_init__(self) -> None:
        self.settings = LakeSettings(url=str(self.directory / "lake"), query_memory_mib=256)
        self.lake = open_lake(self.settings)

    def flush(
        self,
        told: Sequence[dict[str, Any]],
        outcomes: Iterable[dict[str, Any]] = (),
        *,
        partition: int = 0,
        samples: Iterable[dict[str, Any]] = (),
    ) -> None:
        """Commit the spans as the next record of a partition, with outcomes and samples of GPUs of the same flush."""
        first = self.next.get(partition, 0)
        self.next[partition] = first + 1
        numbered = [one | {"source_partition": partition, "source_offset": first} for one in told]
        part = Range(app_id=f"{self.topic}/{partition}", first=first, next=first + 1)
        came = min((one["received_at"] for one in numbered), default=LATER)
        record = flush_record(part, spans=len(numbered), first_record_at=came, last_record_at=LATER, flushed_at=LATER)
        judged = [
            {"source_topic": "otlp_logs", "source_partition": partition, "source_offset": first, "received_at": START}
            | one
            for one in outcomes
        ]
        spans = flushed(numbered, self.book)
        tables = {"spans": spans, "flushes": rows("flushes", record), "outcomes": rows("outcomes", *judged)}
        tables["usage"] = roll_up_usage(spans)
        tables["gpu_samples"] = rows("gpu_samples", *({"source_offset": first} | one for one in samples))
        self.lake.commit(Flush(ranges=(part,), tables={name: {part.app_id: some} for name, some in tables.items()}))

    def make_topic_anew(self) -> None:
        """From now on there is another topic of the same name: its offsets begin at 0."""
        self.topic += "'"
        self.next.clear()

    def copy(self, directory: Path) -> World:
        """The same world once more, to change."""
        shutil.copytree(self.directory, directory, dirs_exist_ok=True)
        copied = World(directory, self.book)
        copied.next, copied.topic = dict(self.next), self.topic
        return copied

    def settle(self, now: dt.datetime = LATER, how: SettleSettings = HOW, **options: Any) -> Settled:
        """Settle once."""
        return settle(self.lake, self.settings, how, pricing_of(self.book), now=now, **options)

    def close(self, month: dt.date, now: dt.datetime = LATER, how: SettleSettings = HOW) -> Settled:
        """Close a month for bookings."""
        pricing, sellers = pricing_of(self.book), BookSellers(self.book)
        return close_month(self.lake, self.settings, how, pricing, sellers, month=month, now=now)

    def sql(self, query: str, *tables: str) -> list[tuple[Any, ...]]:
        """What a query finds in tables of the lake."""
        with connect(self.settings) as connection:
            snapshot = Warehouse(self.settings).snapshot().snapshot
            for name in tables:
                expose(connection, snapshot, name, ALL)
            return connection.sql(query).fetchall()

    def total(self) -> tuple[int, Decimal, int, int]:
        """Calls, cost, input and output tokens of the ledger."""
        found = self.sql(
            "SELECT sum(calls), sum(cost_usd), sum(input_tokens), sum(output_tokens) FROM ledger", "ledger"
        )[0]
        return int(found[0] or 0), found[1] or Decimal(0), int(found[2] or 0), int(found[3] or 0)

    def totals(self) -> dict[str | None, tuple[Any, ...]]:
        """The same by tenant; not of tenants without a call."""
        found = self.sql(
            "SELECT tenant, sum(calls), sum(cost_usd), sum(input_tokens), sum(output_tokens) FROM ledger "
            "GROUP BY ALL HAVING sum(calls) <> 0",
            "ledger",
        )
        return {tenant: tuple(sums) for tenant, *sums in found}


def flushed(told: Sequence[dict[str, Any]], prices: PriceBook) -> pa.Table:
    """The rows that a worker makes of spans told as ``tests.warehouse.told`` does."""
    priced = price_spans(once.apply(table(*told), finish), prices)
    days = pa.array([one["ended_at"].date() for one in told], pa.date32())
    index = priced.schema.get_field_index("day")
    return priced.set_column(index, "day", days).select(SPANS.names).cast(SPANS)


def outcome(name: str, label: str, **values: Any) -> dict[str, Any]:
    """An outcome, an hour after the spans unless told."""
    told = {"outcome_id": f"{name}-{label}-{sorted(values.items())}", "observed_at": START + dt.timedelta(hours=1)}
    return told | {"name": name, "label": label, "source": "explicit"} | values

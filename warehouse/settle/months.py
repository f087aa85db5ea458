"""Close a month for bookings: lines about its hours that come later are booked in the first month that is open."""

from __future__ import annotations

from datetime import UTC, date, datetime

from warehouse.engine import DuckDB, Opener
from warehouse.errors import WarehouseError
from warehouse.focus import Sellers, rows_to_keep
from warehouse.lake import Lake
from warehouse.settings import LakeSettings, SettleSettings
from warehouse.settle.closing import Closing, Scene, Settled
from warehouse.settle.corrections import Pricing
from warehouse.settle.standing import NOTHING, read_standing


class MonthOpen(WarehouseError):
    """Hours of the month are not settled yet, so it cannot be closed."""


def close_month(
    lake: Lake,
    place: LakeSettings,
    how: SettleSettings,
    pricing: Pricing,
    sellers: Sellers,
    *,
    month: date,
    now: datetime,
    actor: str = "",
    engine: Opener = DuckDB,
) -> Settled:
    """Close ``month`` (its first day) and all before it; ``number`` 0 where that was done.

    Their FOCUS rows are kept, as ``sellers`` make them now (``warehouse.focus.keeping``).

    Raises MonthOpen, Overtaken, LakeUnavailable, LakeMissing.
    """
    with Closing(lake=lake, place=place, how=how, pricing=pricing, actor=actor, engine=engine) as closing:
        return _close_month(closing, sellers, month, now)


def _close_month(closing: Closing, sellers: Sellers, month: date, now: datetime) -> Settled:
    snapshot = closing.taker.take()
    with closing.desk.lay(snapshot, "settlements") as connection:
        standing = read_standing(connection)
    after = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    end = datetime(after.year, after.month, 1, tzinfo=UTC)
    if standing.closed_to < end:
        raise MonthOpen(
            f"{month:%Y-%m} cannot be closed: hours are settled up to {standing.closed_to:%Y-%m-%d %H:%M}Z only; "
            "run `spanledger settle` once it is over"
        )
    done = Settled(number=standing.number + 1, closed_to=standing.closed_to, months_closed_to=after)
    if standing.months_closed_to >= after:
        done.number, done.months_closed_to = 0, standing.months_closed_to
        return done
    for rows in rows_to_keep(snapshot, closing.place, sellers, before=after, settlement=done.number):
        closing.append("focus", rows, done.number)
    closing.close("close_month", Scene(snapshot=snapshot, standing=standing, unread=NOTHING), done, now)
    return done

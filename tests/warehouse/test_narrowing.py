"""A question narrowed to values of dimensions, and days that begin in the reader's time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.warehouse.fresh import open_lake
from tests.warehouse.samples import NOON, flush_record, rows, stretch, usage
from warehouse.errors import BadQuestion
from warehouse.lake import Flush
from warehouse.reader import ALL, Warehouse
from warehouse.settings import LakeSettings

LATE = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)
CALLS = (
    usage(tenant="acme", feature="chat", calls=1),
    usage(tenant="acme", feature="search", calls=2),
    usage(tenant="o'neil", feature="chat", calls=4),
    usage(tenant=None, feature="chat", calls=8),
    usage(tenant="acme", feature=None, calls=16, minute=LATE),
)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A lake with CALLS."""
    place = LakeSettings(url=str(tmp_path_factory.mktemp("narrow") / "lake"))
    part = stretch(0, 5)
    open_lake(place).commit(Flush(ranges=(part,), tables={"usage": {part.app_id: rows("usage", *CALLS)}}))
    return Warehouse(place)


@pytest.mark.parametrize(
    ("where", "calls"),
    [
        (None, 31),
        ({}, 31),
        ({"tenant": ["acme"]}, 19),
        ({"tenant": ["acme", None]}, 27),
        ({"tenant": ["o'neil"], "feature": ["chat"]}, 4),
        ({"tenant": ["acme"], "feature": [None]}, 16),
        ({"tenant": ["nobody"]}, 0),
        ({"tenant": []}, 0),
        ("tenant=acme,feature=chat,feature=search", 3),
        ("tenant=", 8),
        ("tenant=o'neil", 4),
    ],
)
def test_only_the_named_values_are_counted(warehouse: Warehouse, where: object, calls: int):
    assert warehouse.ask("spend", ALL, by=(), where=where)["calls"].to_pylist() == [calls]


def test_a_filter_never_widens_the_scope(warehouse: Warehouse):
    answer = warehouse.ask("spend", frozenset({"o'neil"}), by=(), where={"tenant": ["acme", None]})

    assert answer["calls"].to_pylist() == [0]


@pytest.mark.parametrize("where", [{"nonsense": ["x"]}, "acme", 7, "tenant=acme,chat"])
def test_a_filter_that_cannot_be_read_is_refused(warehouse: Warehouse, where: object):
    with pytest.raises(BadQuestion, match="where = "):
        warehouse.ask("spend", ALL, where=where)


def test_a_day_begins_at_midnight_in_the_zone(warehouse: Warehouse):
    days = warehouse.ask("spend", ALL, by=(), bucket="day", zone="Europe/Berlin", where={"tenant": ["acme"]})

    assert dict(zip(days["bucket"].to_pylist(), days["calls"].to_pylist(), strict=True)) == {
        datetime(2026, 2, 28, 23, tzinfo=UTC): 19
    }


def test_an_hour_begins_on_the_hour_of_the_zone(warehouse: Warehouse):
    hours = warehouse.ask("spend", ALL, by=(), bucket="hour", zone="Asia/Kolkata")["bucket"].to_pylist()

    assert hours == [NOON - timedelta(minutes=30), LATE]


def test_an_unknown_zone_is_refused(warehouse: Warehouse):
    with pytest.raises(BadQuestion, match="must be a time zone like UTC or Europe/Berlin"):
        warehouse.ask("spend", ALL, bucket="day", zone="Mars/Olympus")


@pytest.mark.parametrize(
    ("end_offset", "as_of"),
    [(5, NOON + timedelta(seconds=2)), (9, NOON)],
    ids=["caught up: the last flush", "behind: the last record"],
)
def test_a_reader_is_told_no_later_time_than_the_last_flush(tmp_path: Path, end_offset: int, as_of: datetime):
    place, part = LakeSettings(url=str(tmp_path / "lake")), stretch(0, 5)
    flushed = flush_record(part, end_offset=end_offset, flushed_at=NOON + timedelta(seconds=2))
    open_lake(place).commit(Flush(ranges=(part,), tables={"flushes": {part.app_id: rows("flushes", flushed)}}))

    mark = Warehouse(place).ask("watermark", ALL).to_pylist()[0]

    assert mark["as_of"] == as_of
    assert mark["lag_messages"] == end_offset - 5

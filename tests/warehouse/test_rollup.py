"""Sums by the hour and the day: answers are the same with them, and the minutes are not read."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.quick import few
from tests.warehouse.fresh import open_lake
from tests.warehouse.samples import APP, NOON, rows, stretch, usage
from tests.warehouse.upkept import active, age, later
from warehouse.errors import WarehouseError
from warehouse.lake import Flush, rollup
from warehouse.lake.rollup import beside, coarse, is_rolled
from warehouse.lake.snapshot import FILES
from warehouse.lake.upkeep import Upkeep
from warehouse.reader import ALL, Warehouse
from warehouse.settings import LakeSettings

pytestmark = pytest.mark.usefixtures("settled")

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BOUNDS = (None, FIRST + HOUR, FIRST + 7 * HOUR + timedelta(minutes=13), FIRST + DAY, FIRST + 2 * DAY + 22 * HOUR)


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums are made of any file."""
    monkeypatch.setattr(rollup, "FEWEST_ROWS", 1)
    monkeypatch.setattr(rollup, "FEWER", 0)


def _record(rng: random.Random) -> dict[str, Any]:
    cost = rng.choice([None, Decimal(rng.randrange(10**9)) / 10**12])
    return usage(
        minute=FIRST + timedelta(minutes=rng.randrange(3 * 24 * 60)),
        tenant=rng.choice(["acme", "globex", None]),
        model=rng.choice(["m-1", "m-2", None]),
        stream=rng.choice([True, False, None]),
        tags=rng.choice([None, {"region": "eu"}, {"region": "us", "tier": "gold"}]),
        calls=rng.randrange(1, 9),
        cost_usd=cost,
        cached_input_tokens=rng.choice([None, rng.randrange(50)]),
        **{name: _histogram(rng) for name in ("latency_hist", "ttft_hist", "tpot_hist")},
    )


def _histogram(rng: random.Random) -> list[dict[str, int]] | None:
    indices = sorted(rng.sample(range(-10, 400), rng.randrange(4)))
    return rng.choice([None, [{"index": index, "count": rng.randrange(1, 9)} for index in indices]])


def _fill(settings: LakeSettings, records: int, seed: int) -> None:
    rng = random.Random(seed)
    lake = open_lake(settings)
    checks = [
        {"minute": FIRST + timedelta(minutes=at), "tenant": rng.choice(["acme", None]), "category": "pii"}
        | ({"action": "flagged", "events": 1, "checked_calls": 0} if at % 7 else {"events": 0, "checked_calls": 3})
        for at in range(0, 3 * 24 * 60, 11)
    ]
    for at in range(2):
        part = stretch(at, at + 1)
        made = [_record(rng) for _ in range(records)]
        lake.commit(
            Flush(
                ranges=(part,),
                tables={"usage": {APP: rows("usage", *made)}, "safety": {APP: rows("safety", *checks[at::2])}},
            )
        )


def _answers(settings: LakeSettings) -> dict[str, pa.Table]:
    """Spend and safety by everything that decides what may be read."""
    found: dict[str, pa.Table] = {}
    snapshot = Warehouse(settings).snapshot()
    ranges = [(start, end) for start, end in itertools.product(BOUNDS, BOUNDS) if not (start and end and start >= end)]
    for start, end in ranges:
        window = {"start": start, "end": end}
        found[f"safety {start} {end}"] = snapshot.ask("safety", ALL, by="tenant", **window)
        for bucket in (None, "hour", "day", "month"):
            zone = "America/New_York" if start and bucket else "UTC"
            found[f"{start} {end} {bucket} {zone}"] = snapshot.ask(
                "spend", ALL, by="tenant,model,tags.region", bucket=bucket, zone=zone, **window
            )
    found["minutes"] = snapshot.ask("spend", frozenset({"acme"}), by="stream", bucket="minute")
    found["half hours"] = snapshot.ask("spend", ALL, by="stream", bucket="day", zone="Asia/Kolkata")
    return found


@pytest.mark.usefixtures("always")
@pytest.mark.long  # of seed 1 in pieces of 7 rows at once: below
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_answers_are_the_same_with_sums_as_without(local: LakeSettings, seed: int):
    _fill(local, 400, seed)
    before = _answers(local)

    Upkeep(local).step(later(hours=2))

    after = _answers(local)
    assert all(map(is_rolled, active(local, "usage")))
    assert [name for name in before if not before[name].equals(after[name])] == []


@pytest.mark.long
@pytest.mark.usefixtures("always")
def test_whoever_asks_for_no_minutes_reads_none(anywhere: LakeSettings):
    _fill(anywhere, 50, 1)
    Upkeep(anywhere).step(later(hours=2))
    house = Warehouse(anywhere)
    total = house.ask("spend", ALL, by="tenant")
    hourly = house.ask("spend", ALL, by="tenant", bucket="hour")

    if Path(anywhere.url).exists():
        for path in active(anywhere, "usage"):
            Path(path).unlink()
        assert house.ask("spend", ALL, by="tenant").equals(total)
        assert house.ask("spend", ALL, by="tenant", bucket="hour").equals(hourly)
        with pytest.raises(WarehouseError):
            house.ask("spend", ALL, by="tenant", bucket="minute")
    assert sum(hourly["calls"].to_pylist()) == sum(total["calls"].to_pylist())


@pytest.mark.usefixtures("always")
def test_what_comes_late_counts_beside_the_sums(local: LakeSettings):
    _fill(local, 50, 1)
    Upkeep(local).step(later(hours=2))
    calls = Warehouse(local).ask("spend", ALL, by=())["calls"][0].as_py()

    late = Flush(ranges=(stretch(2, 3),), tables={"usage": {APP: rows("usage", usage(calls=1000, minute=FIRST))}})
    open_lake(local).commit(late)

    assert Warehouse(local).ask("spend", ALL, by=())["calls"][0].as_py() == calls + 1000
    Upkeep(local).step(later(hours=2))
    assert Warehouse(local).ask("spend", ALL, by=())["calls"][0].as_py() == calls + 1000
    assert len(active(local, "usage")) == 3


def _one_file(name: str, first: datetime, last: datetime) -> pa.Table:
    return pa.Table.from_pylist(
        [{"path": name, "day": first.date(), "rows": 9, "earliest": first, "latest": last}], schema=FILES
    )


@pytest.mark.parametrize(
    ("start", "end", "grain", "read"),
    [
        (None, None, "day", "day"),
        (None, None, "hour", "hour"),
        (None, None, "minute", "minute"),
        (NOON - DAY, NOON + DAY, "day", "day"),
        (NOON.replace(hour=0), None, "day", "day"),
        (NOON, None, "day", "hour"),
        (None, NOON, "hour", "hour"),
        (NOON + timedelta(minutes=1), None, "day", "minute"),
        (None, NOON + timedelta(seconds=1), "hour", "minute"),
        (NOON.replace(hour=0, minute=3), None, "day", "minute"),
        (NOON + 5 * HOUR + timedelta(seconds=1), None, "day", "minute"),
    ],
)
def test_a_window_is_cut_as_finely_as_it_must(start: datetime | None, end: datetime | None, grain: str, read: str):
    name = "day=2026-03-01/x.rolled.parquet"
    file = _one_file(name, NOON.replace(hour=0, minute=2), NOON + 5 * HOUR + timedelta(minutes=30))

    assert coarse(file, start, end, grain) == [name if read == "minute" else beside(name, read)]


def test_a_file_without_sums_is_read_itself():
    assert coarse(_one_file("day=2026-03-01/x.parquet", NOON, NOON), None, None, "day") == ["day=2026-03-01/x.parquet"]


def test_sums_that_save_nothing_are_not_made_and_not_tried_again(local: LakeSettings):
    _fill(local, 50, 1)
    Upkeep(local).step(later(hours=2))

    assert not list(Path(local.url, "usage").rglob("_rollup/*/*/*.parquet"))
    assert Upkeep(local).step(later(hours=4)).written == 0


@pytest.mark.long
@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("memory_mib", [1, 4, 16])
def test_a_file_whose_sums_need_too_much_memory_is_merged_without(
    local: LakeSettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, memory_mib: int
):
    monkeypatch.setattr(rollup, "MEMORY_MIB", memory_mib)
    _fill(local, 3000, 1)
    before = Warehouse(local).ask("spend", ALL, by="tenant")

    Upkeep(local).step(later(hours=2))

    there = [Path(path).relative_to(Path(local.url, "usage")) for path in active(local, "usage")]
    rolled = [path for path in there if is_rolled(path.name)]
    told = [line for line in caplog.messages if "rows of usage" in line]
    assert (len(there), len(rolled) + len(told)) == (3, 3)
    assert len(told) == 3 or memory_mib > 4
    assert sorted(Path(local.url, "usage").rglob("_rollup/*/*/*.parquet")) == sorted(
        Path(local.url, "usage", beside(str(path), grain)) for path in rolled for grain in ("hour", "day")
    )
    assert Warehouse(local).ask("spend", ALL, by="tenant").equals(before)
    assert Upkeep(local).step(later(hours=4)).written == 0


@pytest.mark.long
@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("pieces", few((1, 7, 100_000), 7))
def test_sums_are_the_same_in_however_many_pieces(local: LakeSettings, monkeypatch: pytest.MonkeyPatch, pieces: int):
    monkeypatch.setattr(rollup, "PIECE_ROWS", pieces)
    _fill(local, 100, 1)
    before = _answers(local)

    Upkeep(local).step(later(hours=2))

    after = _answers(local)
    assert all(map(is_rolled, active(local, "usage")))
    assert [name for name in before if not before[name].equals(after[name])] == []


@pytest.mark.usefixtures("always")
def test_a_day_of_one_file_is_summed_too(local: LakeSettings):
    made = rows("usage", *(usage(minute=FIRST + timedelta(minutes=at)) for at in range(500)))
    lake = open_lake(local)
    lake.commit(Flush(ranges=(stretch(0, 1),), tables={"usage": {APP: made}}))
    lake.commit(Flush(ranges=(stretch(1, 2),), tables={}))

    Upkeep(local).step(later(hours=2))

    assert [is_rolled(path) for path in active(local, "usage")] == [True]


@pytest.mark.usefixtures("always")
def test_sums_go_when_their_file_has_gone_and_not_before(local: LakeSettings):
    _fill(local, 50, 1)
    Upkeep(local).step(later(hours=2))
    first = set(Path(local.url, "usage").rglob("_rollup/*/*/*.parquet"))
    _fill_late(local)
    Upkeep(local).step(later(hours=2))
    both = set(Path(local.url, "usage").rglob("_rollup/*/*/*.parquet"))
    assert first < both

    age(local, days=30)
    Upkeep(local).step(later(hours=2))

    kept = {path.name for path in Path(local.url, "usage").rglob("_rollup/*/*/*.parquet")}
    assert kept == {Path(path).name for path in active(local, "usage")}
    assert Warehouse(local).ask("spend", ALL, by=()).num_rows == 1


def _fill_late(settings: LakeSettings) -> None:
    lake = open_lake(settings)
    for offset in (2, 3):
        late = rows("usage", usage(minute=FIRST), usage(minute=FIRST + DAY), usage(minute=FIRST + 2 * DAY))
        lake.commit(Flush(ranges=(stretch(offset, offset + 1),), tables={"usage": {APP: late}}))

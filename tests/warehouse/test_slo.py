"""Service-level objectives: what is attained, left and burning; a file that cannot be is refused by the entry."""

from __future__ import annotations

import datetime as dt
import json
import tomllib
from math import ceil, log
from pathlib import Path
from typing import Any

import pytest

from spanledger.__main__ import main
from tests.warehouse.fresh import open_lake
from tests.warehouse.samples import APP, rows, stretch, usage
from warehouse.errors import BadPlans, BadQuestion
from warehouse.lake import Flush
from warehouse.planning.file import Plans, read_plans
from warehouse.planning.objectives import parse_objectives, read_objectives
from warehouse.planning.slo import attain, burning, lasts
from warehouse.reader import ALL, Warehouse, WarehouseSnapshot
from warehouse.schemas import HISTOGRAM_GAMMA
from warehouse.scope import Scope
from warehouse.settings import LakeSettings

NOW = dt.datetime(2026, 10, 20, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
FILE = """
[[slos]]
name = "chat answers"
signal = "availability"
of = {tenant = "acme", feature = "chat"}
target = 99
window = "28d"

[[slos]]
name = "first token"
signal = "ttft"
limit_ms = 800
target = "95"
window = "28d"

[[slos]]
name = "whole calls of beta"
signal = "duration"
limit_ms = "3000"
of = {tenant = "beta"}
target = 50.0
window = "7d"

[[slos]]
name = "nobody"
signal = "availability"
of = {provider = "nobody"}
target = "99.9"
"""


def told(text: str = FILE) -> Plans:
    return Plans(objectives=parse_objectives(tomllib.loads(text)))


def hist(ms: float, count: int) -> list[dict[str, int]]:
    return [{"index": ceil(log(ms) / log(HISTOGRAM_GAMMA)), "count": count}]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> LakeSettings:
    """Acme's chat: 1,000 calls of which 6 failed, 2 of them among the 100 of the last hour; 50 that somebody left."""
    plain = {"tenant": "acme", "feature": "chat"}
    failed = plain | {"status": "error", "error_class": "timeout"}
    then, late = NOW - 10 * 24 * HOUR, NOW - HOUR / 2
    told_ = [
        usage(**plain, minute=then, calls=896, stream_calls=40, ttft_hist=hist(500, 38) + hist(900, 2)),
        usage(**failed, minute=then, calls=4),
        usage(**plain, minute=late, calls=98),
        usage(**failed, minute=late, calls=2),
        usage(**plain | {"status": "cancelled"}, minute=late, calls=50),
        usage(**failed, minute=NOW - 29 * 24 * HOUR, calls=500),  # before the window
        usage(**failed, minute=NOW, calls=500),  # after it
        usage(**plain | {"feature": "search"}, minute=late, status="error", calls=9),
        usage(tenant="beta", minute=late, calls=20, latency_hist=hist(1000, 6) + hist(5000, 4)),
    ]
    settings = LakeSettings(url=str(tmp_path_factory.mktemp("slo") / "lake"))
    open_lake(settings).commit(Flush(ranges=(stretch(0, 1),), tables={"usage": {APP: rows("usage", *told_)}}))
    return settings


@pytest.fixture(scope="module")
def snapshot(lake: LakeSettings) -> WarehouseSnapshot:
    return Warehouse(lake).snapshot()


def attained(snapshot: WarehouseSnapshot, scope: Scope = ALL, **params: Any) -> dict[str, dict[str, Any]]:
    """The rows by objective."""
    answer = attain(snapshot, scope, told(), **{"now": NOW} | params)
    return {row["objective"]: row for row in answer.to_pylist()}


def test_availability_has_a_budget_that_is_left_and_burns(snapshot: WarehouseSnapshot):
    row = attained(snapshot)["chat answers"]

    assert (row["calls"], row["good_calls"], row["bad_calls"], row["attained"]) == (1000, 994, 6, 0.994)
    assert (row["met"], row["target"], row["window"], row["of"]) == (True, 0.99, "28d", "tenant=acme,feature=chat")
    assert row["window_start"] == NOW - 28 * 24 * HOUR
    assert (row["budget_calls"], row["left_calls"], row["left_share"]) == (
        pytest.approx(10),
        pytest.approx(4),
        pytest.approx(0.4),
    )
    burns = [row[f"burn_{window}"] for window in ("1h", "6h", "24h", "3d")]
    assert burns == [pytest.approx(2)] * 4  # 2 of 100, where 1 is allowed
    assert (row["lasts_hours"], row["burning"]) == (pytest.approx(0.4 / 2 * 28 * 24), "slow")


def test_an_objective_may_be_of_a_model_whatever_its_date(tmp_path: Path):
    entry = {"name": "gpt", "signal": "availability", "of": {"model_family": "gpt-4.1"}, "target": "90"}
    plans = Plans(objectives=parse_objectives({"slos": [entry]}))
    settings = LakeSettings(url=str(tmp_path / "lake"))
    ended = usage(model="gpt-4.1-2025-04-14", minute=NOW - HOUR, calls=19)
    failed = usage(model="gpt-4.1", minute=NOW - HOUR, status="error")
    open_lake(settings).commit(Flush(ranges=(stretch(0, 1),), tables={"usage": {APP: rows("usage", ended, failed)}}))

    (row,) = attain(Warehouse(settings).snapshot(), ALL, plans, now=NOW).to_pylist()

    assert (row["calls"], row["bad_calls"], row["of"]) == (20, 1, "model_family=gpt-4.1")


def test_speed_counts_the_calls_that_tell_it(snapshot: WarehouseSnapshot):
    first, whole = (attained(snapshot)[name] for name in ("first token", "whole calls of beta"))

    assert (first["calls"], first["good_calls"], first["coverage"], first["met"]) == (40, 38, 1.0, True)
    assert (first["left_share"], first["burn_1h"], first["lasts_hours"]) == (0, None, 0)
    assert (whole["calls"], whole["good_calls"], whole["coverage"]) == (10, 6, 0.5)
    assert (whole["attained"], whole["left_share"]) == (0.6, pytest.approx(0.2))
    assert (whole["burn_1h"], whole["lasts_hours"]) == (pytest.approx(0.8), pytest.approx(0.25 * 7 * 24))


def test_without_calls_nothing_is_known(snapshot: WarehouseSnapshot):
    row = attained(snapshot)["nobody"]

    assert (row["calls"], row["attained"], row["met"], row["left_share"], row["burn_1h"]) == (0, None, None, None, None)


def test_with_a_bucket_the_budget_is_told_through_the_window(snapshot: WarehouseSnapshot):
    rows_ = attain(snapshot, ALL, told(), now=NOW, bucket="day").to_pylist()

    chat = [row for row in rows_ if row["objective"] == "chat answers"]
    assert [(row["bucket"].date().day, row["calls"], row["bad_calls"]) for row in chat] == [(10, 900, 4), (20, 100, 2)]
    assert [row["left_share"] for row in chat] == pytest.approx([0.6, 0.4])


def test_a_tenant_sees_the_objectives_of_its_own(snapshot: WarehouseSnapshot):
    assert list(attained(snapshot, frozenset({"beta"}))) == ["whole calls of beta"]
    assert list(attained(snapshot, frozenset({"gamma"}))) == []


def test_an_objective_says_itself_what_it_is_of(snapshot: WarehouseSnapshot):
    with pytest.raises(BadQuestion, match="where = 'tenant=acme': an objective says itself"):
        attained(snapshot, where="tenant=acme")


@pytest.mark.parametrize(
    ("left", "burn", "hours"),
    [(0.5, 2.0, 7.0), (0.5, 0.25, None), (0.5, 0.0, None), (0.5, None, None), (None, 1.0, None), (-0.5, 0.0, 0.0)],
)
def test_a_budget_lasts_for_what_is_left_by_its_burn(left: float | None, burn: float | None, hours: float | None):
    assert lasts(left, burn, 28 * HOUR) == hours


@pytest.mark.parametrize(
    ("burns", "word"),
    [((14.4, 0, 0, 0), "fast"), ((0, 6, 0, 0), "fast"), ((14, 5, 3, 0), "slow"), ((None, 5, 2, 1), "slow"),
     ((14, 5.9, 2.9, 0.9), None), ((None, None, None, None), None)],
)  # fmt: skip
def test_a_burn_is_fast_or_slow_as_the_workbook_has_it(burns: tuple[float | None, ...], word: str | None):
    assert burning(dict(zip(("burn_1h", "burn_6h", "burn_24h", "burn_3d"), burns, strict=True))) == word


def test_the_command_reads_the_file(
    lake: LakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "slos.toml"
    file.write_text(FILE)
    monkeypatch.setenv("SPANLEDGER_LAKE", lake.url)
    monkeypatch.setenv("SPANLEDGER_SETTLE_SLOS", str(file))
    now = ["--param", f"now={NOW.isoformat()}"]

    assert main(["report", "slo", *now, "--format", "json"]) == 0
    assert [row["bad_calls"] for row in json.loads(capsys.readouterr().out)] == [6, 2, 4, 0]
    assert main(["report", "slo", *now, "--bucket", "day"]) == 0
    assert "chat answers" in capsys.readouterr().out
    assert main(["report", "slo", *now, "--tenant", "beta", "--format", "csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2

    file.write_text("[[slos]]\nname = 'x'\n")
    assert main(["report", "slo"]) == 2
    assert f"{file}: slos, 'x': signal is missing: must be one of availability" in capsys.readouterr().err
    monkeypatch.setenv("SPANLEDGER_SETTLE_SLOS", "")
    assert main(["report", "slo"]) == 0
    assert "settle.slos names no file" in capsys.readouterr().err


UP = "[[slos]]\nname = 'x'\nsignal = 'availability'\n"
FAST = "[[slos]]\nname = 'x'\nsignal = 'ttft'\ntarget = 99\n"


@pytest.mark.parametrize(
    ("text", "named", "allowed"),
    [
        ("[slo]", "has no 'slo'", "slos"),
        ("[slos.x]", "slos: must be tables", "[[slos]]"),
        ("[[slos]]\ntarget = 9", "slos, entry 1: name is missing", "text of one line"),
        (f"{UP}target = 9\n{UP}", "slos, entry 2: name = 'x'", "another entry"),
        ("[[slos]]\nname = 'x'\nsignal = 'speed'", "signal = 'speed'", "availability, ttft, duration"),
        (UP, "target is missing", "percent above 0 up to 100"),
        (UP + "target = 100", "target = 100", "below 100 percent"),
        (UP + "target = 'nan'", "target = 'nan'", "percent above 0"),
        (UP + "target = '99.5 %'", "target = '99.5 %'", 'like 2 or "1.5"'),
        (UP + "target = 99\nlimit_ms = 5", "limit_ms: availability has none", "leave it out"),
        (FAST, "limit_ms is missing", "milliseconds above 0"),
        (FAST + "limit_ms = '1.5'", "limit_ms = '1.5'", "whole milliseconds"),
        (UP + "target = 99\nwindow = '4w'", "window = '4w'", 'like "28d"'),
        (UP + "target = 99\nwindow = '93d'", "window = '93d'", '"1h" to "92d"'),
        (UP + "target = 99\nof = {route = 'a'}", "of: has no 'route'", "tenant, feature, provider, model"),
        (UP + "target = 99\nof = {tenant = 7}", "of.tenant = 7", "a name or a list of names"),
        (UP + "target = 99\nowner = 'o'", "has no 'owner'", "name, signal, limit_ms, of, target, window"),
    ],
)
def test_a_bad_file_is_refused_by_the_entry_and_what_is_allowed(text: str, named: str, allowed: str, tmp_path: Path):
    file = tmp_path / "slos.toml"
    file.write_text(text)

    with pytest.raises(BadPlans) as refused:
        read_objectives(str(file))

    assert str(file) in str(refused.value)
    assert named in str(refused.value)
    assert allowed in str(refused.value)


def test_a_file_that_is_none_is_refused_and_no_file_says_nothing(tmp_path: Path):
    (tmp_path / "bad.toml").write_text("x =")

    assert read_plans("", slos="") == Plans()
    for name, why in (("none.toml", "cannot be read"), ("bad.toml", "is not TOML")):
        with pytest.raises(BadPlans, match=why):
            read_objectives(str(tmp_path / name))


def test_the_file_of_the_manual_can_be_read():
    manual = Path(__file__).parents[2].joinpath("docs/slo.md").read_text(encoding="utf-8")
    text = next(block for block in manual.split("```") if "[[slos]]" in block)

    assert len(parse_objectives(tomllib.loads(text.removeprefix("toml")))) == 3

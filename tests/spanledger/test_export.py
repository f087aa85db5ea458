"""``spanledger export focus``: what it writes, what it says, and how it ends."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path

import pytest

from processors.pricing.book import PriceBook
from spanledger.__main__ import main
from tests.warehouse.billing import call
from tests.warehouse.exporting import AFTER_NOVEMBER, CALLS, GPT, rows_of
from tests.warehouse.settling import World


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A settled November with a call that nobody knows a price for; it stays as it is."""
    made = World(tmp_path_factory.mktemp("settled"))
    made.flush([*CALLS, call("unknown", provider="openai", request_model="gpt-99")])
    made.settle(now=AFTER_NOVEMBER)
    return made.directory / "lake"


@pytest.fixture(autouse=True)
def world(settled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The same in a lake of its own, named by the environment."""
    shutil.copytree(settled, tmp_path / "lake")
    made = World(tmp_path)
    monkeypatch.setenv("SPANLEDGER_LAKE", made.settings.url)
    monkeypatch.chdir(tmp_path)
    return made


def test_a_month_is_written_and_what_is_not_in_it_is_said(world: World, capsys: pytest.CaptureFixture[str]):
    code = main(["export", "focus", "--month", "2026-11", "--out", "november.csv", "--billing-account", "acme-llm"])

    said = capsys.readouterr()
    rows = rows_of(Path("november.csv"))
    assert (code, said.out) == (0, "")
    assert said.err.splitlines()[0] == f"{len(rows)} rows, ${world.total()[1]}, as of settlement 1"
    assert "2026-11 is open for bookings" in said.err
    assert "1 calls have no price and no rows" in said.err
    assert "(gpt-99: 1); `spanledger prices unpriced` says why" in said.err
    assert {row["BillingAccountId"] for row in rows} == {"acme-llm"}
    assert sorted(path.name for path in Path().iterdir()) == ["lake", "november.csv"]


@pytest.mark.parametrize("is_kept", [False, True])
def test_a_closed_month_whose_rows_are_not_kept_says_so(
    is_kept: bool, world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    with monkeypatch.context() as earlier:
        if not is_kept:
            earlier.setattr("warehouse.settle.months.rows_to_keep", lambda *_, **__: [])
        world.close(dt.date(2026, 11, 1), AFTER_NOVEMBER)

    assert main(["export", "focus", "--month", "2026-11", "--out", "november.csv"]) == 0

    assert ("did not keep its rows" in capsys.readouterr().err) is not is_kept


def test_a_month_without_lines_says_from_when_there_are_some(capsys: pytest.CaptureFixture[str]):
    assert main(["export", "focus", "--month", "2026-02", "--out", "february.csv"]) == 0

    assert "no priced call is booked in 2026-02; data are from 2026-11-" in capsys.readouterr().err


def test_reconcile_finds_no_difference_to_the_books(capsys: pytest.CaptureFixture[str]):
    assert main(["export", "focus", "--month", "2026-11", "--out", "november.parquet"]) == 0
    capsys.readouterr()

    assert main(["reconcile", "november.parquet", "--format", "json"]) == 0
    cells = json.loads(capsys.readouterr().out)
    known = [cell for cell in cells if cell["model"] != "gpt-99"]
    assert len(known) > 10
    assert [cell for cell in cells if cell["causes"] or float(cell["difference_usd"])] == []
    assert [cell for cell in known if cell["ours_tokens"] != cell["theirs_tokens"]] == []


def test_rows_of_a_vendor_that_nobody_knows_are_of_nobody_elses_bill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    Path("prices.toml").write_text(
        '[[price]]\nmodel = "our-*"\nfrom = 2026-01-01\nusd_per_mtok = {input = "1", output = "2"}\n'
    )
    made = World(tmp_path / "house", PriceBook.from_settings({}, "prices.toml"))
    ours = [call(str(who), provider=who, request_model="our-7b") for who in ("house", None)]
    made.flush([*ours, call("theirs", **GPT)])
    made.settle(now=AFTER_NOVEMBER)
    monkeypatch.setenv("SPANLEDGER_LAKE", made.settings.url)
    assert main(["export", "focus", "--month", "2026-11", "--out", "november.csv"]) == 0
    seen = {}

    for words in (["--provider", "openai"], ["--overlap", "replace"]):
        assert main(["reconcile", "november.csv", *words, "--format", "json"]) == 0
        seen[words[1]] = json.loads(capsys.readouterr().out)
        Path("november.csv").write_text(Path("november.csv").read_text() + "\n")  # another file

    assert {cell["provider"] for cell in seen["openai"]} == {"openai"}
    assert {cell["provider"] for cell in seen["replace"]} == {"openai", "house", "unknown"}
    assert [cell for cells in seen.values() for cell in cells if cell["causes"]] == []


def test_a_month_that_is_not_over_says_what_to_do(world: World, capsys: pytest.CaptureFixture[str]):
    world.flush([call("new", day=20, provider="openai", request_model="gpt-4o")], partition=1)

    assert main(["export", "focus", "--month", "2026-12", "--out", "december.csv"]) == 0
    said = capsys.readouterr().err
    assert said.startswith("0 rows, $0")
    assert "2026-12 is settled up to 2026-12-01 01:" in said
    assert "1 calls since then, $0.003500000000 provisional are not in the file; run `spanledger settle`" in said


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--month", "2026-13", "--out", "a.csv"], "--month 2026-13: must be a month like 2026-10"),
        (["--month", "november", "--out", "a.csv"], "--month november: must be a month like 2026-10"),
        (["--month", "2026-11", "--out", "a.xlsx"], "--out a.xlsx: must end in .csv or .parquet"),
        (["--month", "2026-11", "--out", "none/a.csv"], "--out none/a.csv: No such file or directory"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(words: list[str], told: str, capsys: pytest.CaptureFixture[str]):
    Path("lake.csv").mkdir()

    assert main(["export", "focus", *words]) == 2

    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1


def test_nothing_settled_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    World(tmp_path / "new")
    monkeypatch.setenv("SPANLEDGER_LAKE", str(tmp_path / "new" / "lake"))
    Path("old.csv").write_text("old")

    assert main(["export", "focus", "--month", "2026-11", "--out", "old.csv"]) == 2
    assert Path("old.csv").read_text() == "old"

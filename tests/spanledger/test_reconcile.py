"""``spanledger reconcile``: what it prints, what it refuses, and how it ends."""

from __future__ import annotations

import csv
import io
import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from processors.pricing.book import PriceBook
from spanledger.__main__ import main
from tests.warehouse.billing import Books, billed, call, charges
from tests.warehouse.settling import World

CALLS = [call(f"{model}-{n}", request_model=model) for model in ("gpt-4o", "gpt-4o-mini") for n in range(2)]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A settled lake that nothing is asked of but what its own bills say."""
    directory = tmp_path_factory.mktemp("lake")
    Books(World(directory)).fill(CALLS)
    return directory / "lake"


@pytest.fixture(autouse=True)
def bill(lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bill of all calls and one that nobody saw, in a lake of its own."""
    shutil.copytree(lake, tmp_path / "lake")
    monkeypatch.setenv("SPANLEDGER_LAKE", str(tmp_path / "lake"))
    return billed(charges([*CALLS, call("unseen", request_model="gpt-4.1")]), tmp_path / "bill.csv")


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    assert main(["reconcile", *words, "--format", "json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_the_table_shows_what_differs_and_the_capture_of_each_day(bill: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["reconcile", str(bill), "--provider", "openai"]) == 0

    said = capsys.readouterr()
    assert said.out.count("missing_traffic") == 2  # both kinds of the model that nobody saw
    assert "0.800" in said.out
    assert "bill.csv: 6 lines imported" in said.err
    assert "6 cells, 4 agree" in said.err


def test_an_answer_that_goes_on_is_refused_until_its_last_page_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    def page(line_item: str, usd: str, *, has_more: bool) -> str:
        result = {
            "object": "organization.costs.result",
            "amount": {"value": usd, "currency": "usd"},
            "line_item": line_item,
        }
        bucket = {"start_time": 1795132800, "end_time": 1795219200, "results": [result]}
        return json.dumps({"object": "page", "data": [bucket], "has_more": has_more, "next_page": "p" * has_more})

    first, last = tmp_path / "first.json", tmp_path / "last.json"
    first.write_text(page("gpt-4o, input", "0.005", has_more=True))
    last.write_text(page("gpt-4o, output", "0.002", has_more=False))

    assert main(["reconcile", str(first)]) == 2
    assert "first.json: the answer goes on (`has_more`)" in capsys.readouterr().err
    assert len(asked(capsys, str(first), str(last))) == 4


def test_each_file_that_cannot_be_read_is_said(bill: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    scan, table, page = tmp_path / "scan.pdf", tmp_path / "table.csv", tmp_path / "page.json"
    scan.write_bytes(b"%PDF-1.7")
    table.write_text("when,who\n1,2\n")
    page.write_text("<html><body>Sign in</body></html>")

    assert main(["reconcile", str(scan), str(page), str(bill), str(table)]) == 2

    said = capsys.readouterr().err
    assert "scan.pdf: it is a PDF" in said
    assert "page.json: it is a web page (HTML)" in said
    assert "table.csv: the columns are those of no bill" in said
    assert "imported" not in said


def test_files_and_rows_that_are_given_twice_are_told(bill: Path, capsys: pytest.CaptureFixture[str]):
    again, more = bill.with_name("again.csv"), bill.with_name("more.csv")
    shutil.copy(bill, again)
    lines = bill.read_text().splitlines()
    more.write_text("\n".join([lines[0], lines[1], lines[1].replace("gpt-4o", "gpt-5")]) + "\n")

    assert main(["reconcile", str(bill), str(again), str(more), "--tolerance", "100"]) == 0

    said = capsys.readouterr().err
    assert "again.csv: the same file as bill.csv: it counts once" in said
    assert (
        "warning: more.csv: 1 line of $0.0050, the first in row 1, the same in every column as others before "
        "(in row 1 of bill.csv); nothing names these rows, so all are counted"
    ) in said


def test_each_row_has_causes_that_add_up_and_so_has_each_group(bill: Path, capsys: pytest.CaptureFixture[str]):
    for words in ([str(bill)], ["--by", "provider,day"], ["--by", ""]):
        for row in asked(capsys, *words):
            causes = [
                Decimal(row[name])
                for name in row
                if name.endswith("_usd") and not name.startswith(("ours", "theirs", "diff"))
            ]
            assert sum(causes) == Decimal(row["difference_usd"])
    assert asked(capsys, "--by", "provider,day")[0]["capture_rate"] == pytest.approx(0.8)


@pytest.mark.long
@pytest.mark.parametrize("is_at_hand", [True, False], ids=["with its book", "without its book"])
def test_markups_that_are_left_out_are_said_and_so_is_a_book_that_is_not_at_hand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, is_at_hand: bool
):
    book = tmp_path / "book.toml"
    book.write_text('[[price]]\nmodel = "*"\nfrom = 2026-01-01\nmarkup_percent = "10"\n')
    marked = Books(World(tmp_path / "marked", PriceBook.from_settings({}, str(book))))
    marked.fill(CALLS)
    monkeypatch.setenv("SPANLEDGER_LAKE", str(tmp_path / "marked" / "lake"))
    if is_at_hand:
        monkeypatch.setenv("SPANLEDGER_WORKER_PRICE_BOOK", str(book))

    assert main(["reconcile", str(billed(charges(CALLS), tmp_path / "list.csv"))]) == 0
    said = capsys.readouterr().err

    assert ("markups of $0.0007 in the books are left out" in said) == is_at_hand
    assert (f"the price book of {marked.world.book.version} is not at hand" in said) != is_at_hand


@pytest.mark.long
def test_an_imported_file_is_not_imported_again(bill: Path, capsys: pytest.CaptureFixture[str]):
    first = asked(capsys, str(bill))

    assert asked(capsys, str(bill)) == first == asked(capsys)
    assert main(["reconcile", str(bill), "--format", "csv"]) == 0
    said = capsys.readouterr()
    assert "imported already" in said.err
    assert len(list(csv.DictReader(io.StringIO(said.out)))) == len(first)


def test_parquet_is_written_to_a_file(bill: Path, tmp_path: Path):
    assert main(["reconcile", str(bill), "--format", "parquet", "--out", str(tmp_path / "out.parquet")]) == 0

    assert pq.read_table(tmp_path / "out.parquet").num_rows == 6


def test_what_nothing_explains_ends_with_1_beyond_the_tolerance(tmp_path: Path):
    lines = [line.but(model="", kind="", tier="", cost=line.cost * 2) for line in charges(CALLS)]
    coarse = billed(lines, tmp_path / "coarse.csv", counts=False)

    assert main(["reconcile", str(coarse)]) == 1
    assert main(["reconcile", str(coarse), "--tolerance", "60"]) == 0


def test_rows_that_cannot_be_read_stop_it_unless_they_may_be_skipped(
    bill: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    odd = tmp_path / "odd.csv"
    odd.write_text(bill.read_text() + "2026-11-20,openai,,gpt-4o,input,,many,tokens,1,USD,usage,\n")

    assert main(["reconcile", str(odd)]) == 2
    said = capsys.readouterr().err
    assert "not_a_number: 1 rows, first row 7: quantity = 'many' must be a number" in said
    assert "nothing was imported" in said
    assert main(["reconcile", str(odd), "--skip-unreadable"]) == 0


def test_a_table_without_rows_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (empty := tmp_path / "empty.csv").write_text("day,provider,cost\n")

    assert main(["reconcile", str(empty)]) == 2
    assert "empty.csv: there is no row in it to import" in capsys.readouterr().err


def test_another_currency_needs_its_rate(bill: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    euros = tmp_path / "euros.csv"
    euros.write_text(bill.read_text().splitlines()[0] + "\n2026-11-20,openai,,,,,,,1,EUR,tax,\n")

    assert main(["reconcile", str(euros)]) == 2
    assert "give its rate, --rate EUR=1.08" in capsys.readouterr().err
    (row,) = [row for row in asked(capsys, str(euros), "--rate", "EUR=1.25") if row["token_kind"] == "tax"]
    assert Decimal(row["other_charges_usd"]) == Decimal("1.25")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--by", "tenant"], "there are day, provider"),
        (["--rate", "EUR"], "must be like EUR=1.08"),
        (["--provider", "anthropic", "--from", "2026-11-20"], "none is imported"),
    ],
)
def test_what_cannot_be_done_ends_with_2(words: list[str], says: str, capsys: pytest.CaptureFixture[str]):
    assert main(["reconcile", *words]) == 2
    assert says in capsys.readouterr().err


def test_the_report_has_bills_and_books_by_day(bill: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["reconcile", str(bill)]) == 0
    capsys.readouterr()

    assert main(["report", "reconciliation", "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["day"], row["provider"], row["ours_tokens"], row["theirs_tokens"]) == (
        "2026-11-20",
        "openai",
        4400,
        5500,
    )
    assert row["capture_rate"] == pytest.approx(0.8)
    assert Decimal(row["difference_usd"]) == Decimal(row["theirs_usd"]) - Decimal(row["ours_usd"]) == Decimal("0.0028")


@pytest.mark.parametrize(
    "flags",
    [
        ["--from", "2026-13-01"],
        ["--from", "2026-11-12", "--to", "2026-11-10"],
        ["--to", "yesterday"],
        ["--tolerance", "-3"],
        ["--tolerance", "nan"],
        ["--made-at", "noon"],
        ["--out", "/nonexistent/x.csv"],
        ["--out", "."],
    ],
    ids=" ".join,
)
def test_flags_are_judged_before_anything_is_imported(flags: list[str], bill: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["reconcile", str(bill), *flags]) == 2
    assert flags[1] in capsys.readouterr().err

    main(["reconcile", str(bill)])
    assert "bill.csv: 6 lines imported" in capsys.readouterr().err

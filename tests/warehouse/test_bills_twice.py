"""Rows of bills that are given twice: what counts once, what is refused, and what counts as it stands and is told."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.quick import few
from tests.warehouse.billing import Books, read
from tests.warehouse.settling import World
from warehouse.invoices.files import BadInvoice
from warehouse.invoices.imports import COUNTING, Import, find_twice
from warehouse.invoices.twice import Twice
from warehouse.reader import Warehouse

BILLS = Path(__file__).parent / "bills"
START = 1795132800  # 20 November 2026
HOUR, DAY = 3_600, 86_400
Write = Callable[..., Path]


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(World(tmp_path))


def openai_costs(file: Path, amounts: Mapping[str, str], *, at: int = START, seconds: int = DAY) -> Path:
    """Amounts by line item."""
    results = [
        {"object": "organization.costs.result", "amount": {"value": usd, "currency": "usd"}, "line_item": item}
        for item, usd in amounts.items()
    ]
    bucket = {"start_time": at, "end_time": at + seconds, "results": results}
    file.write_text(json.dumps({"object": "page", "data": [bucket], "has_more": False, "x": file.name}))
    return file


def openai_usage(file: Path, tokens: Mapping[str, str], *, at: int = START, seconds: int = DAY) -> Path:
    """Tokens by model."""
    results = [
        {"object": "organization.usage.completions.result", "input_tokens": int(count), "model": model, "batch": False}
        for model, count in tokens.items()
    ]
    bucket = {"start_time": at, "end_time": at + seconds, "results": results}
    file.write_text(json.dumps({"object": "page", "data": [bucket], "has_more": False, "x": file.name}))
    return file


def iso(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def anthropic_costs(file: Path, amounts: Mapping[str, str], *, at: int = START, seconds: int = DAY) -> Path:
    """Cents by model."""
    results = [
        {"amount": cents, "currency": "USD", "cost_type": "tokens", "model": model, "token_type": "output_tokens"}
        for model, cents in amounts.items()
    ]
    bucket = {"starting_at": iso(at), "ending_at": iso(at + seconds), "results": results}
    file.write_text(json.dumps({"data": [bucket], "has_more": False, "x": file.name}))
    return file


def anthropic_usage(file: Path, tokens: Mapping[str, str], *, at: int = START, seconds: int = DAY) -> Path:
    """Tokens by model."""
    results = [{"uncached_input_tokens": int(count), "model": model} for model, count in tokens.items()]
    bucket = {"starting_at": iso(at), "ending_at": iso(at + seconds), "results": results}
    file.write_text(json.dumps({"data": [bucket], "has_more": False, "x": file.name}))
    return file


def cur(file: Path, amounts: Mapping[str, str], *, at: int = START, seconds: int = DAY, named: bool = True) -> Path:
    """Costs by the number of a line item; ``named``: whether that has a column."""
    (first, *_) = csv.DictReader((BILLS / "bedrock_cur.csv").read_text().splitlines())
    rows = []
    for number, usd in amounts.items():
        row = first | {"line_item_unblended_cost": usd, "line_item_usage_start_date": iso(at)}
        row |= {"line_item_usage_end_date": iso(at + seconds)}
        rows.append(row | ({"identity_line_item_id": number, "identity_time_interval": iso(at)} if named else {}))
    return table(file, rows)


def table(file: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def generic(file: Path, *costs: str) -> Path:
    """Costs of one model and day."""
    return table(file, [{"day": "2026-11-20", "provider": "openai", "model": "gpt-4o", "cost": usd} for usd in costs])


def focus(file: Path, *costs: str) -> Path:
    """Costs of one SKU and day."""
    (first, *_) = csv.DictReader((BILLS / "focus.csv").read_text().splitlines())
    return table(file, [first | {"BilledCost": usd} for usd in costs])


def told(books: Books, *files: Path, overlap: str = "refuse") -> list[Twice]:
    """What of the files is told twice; they are imported."""
    how = Import(now=datetime.now(UTC), made_at=None, overlap=overlap, rates={})
    snapshot = Warehouse(books.world.settings).snapshot().snapshot
    found = find_twice(books.world.settings, snapshot, [read(file) for file in files], how)
    books.take(*files, overlap=overlap)
    return found


def counted(books: Books) -> tuple[int, Decimal | None]:
    """Lines that count, and what they cost or count."""
    sums = f"SELECT count(*), sum(coalesce(cost_usd, quantity)) FROM ({COUNTING})"  # noqa: S608 - our own text
    (row,) = books.world.sql(sums, "invoices")
    return row[0], row[1]


NAMED: dict[str, tuple[Write, Mapping[str, str], Decimal]] = {
    "openai_costs": (openai_costs, {"gpt-4o, input": "1", "gpt-4o, output": "1", "o3, input": "1"}, Decimal(3)),
    "openai_usage": (openai_usage, {"gpt-4o": "1", "gpt-4o-mini": "1", "o3": "1"}, Decimal(3)),
    "anthropic_costs": (anthropic_costs, {"claude-a": "100", "claude-b": "100", "claude-c": "100"}, Decimal(3)),
    "anthropic_usage": (anthropic_usage, {"claude-a": "1", "claude-b": "1", "claude-c": "1"}, Decimal(3)),
    "aws_cur": (cur, {"a": "1", "b": "1", "c": "1"}, Decimal(3)),
}
EACH_MAKER = ("openai_costs", "anthropic_usage", "aws_cur")


def parts(write: Write, told: Mapping[str, str], directory: Path, **how: Any) -> tuple[Path, Path]:
    """Two files that overlap in the second of three rows."""
    names = list(told)
    files = []
    for name, some in (("one", names[:2]), ("two", names[1:])):
        files.append(
            write(directory / f"{name}.{'csv' if write is cur else 'json'}", {n: told[n] for n in some}, **how)
        )
    return files[0], files[1]


@pytest.mark.parametrize("format_", few(NAMED, *EACH_MAKER))
def test_a_named_row_that_two_files_of_a_run_tell_counts_once_and_is_told(format_: str, books: Books, tmp_path: Path):
    write, amounts, all_ = NAMED[format_]
    one, two = parts(write, amounts, tmp_path)

    (found,) = told(books, one, two)

    assert (found.file, found.other, found.is_dropped, found.lines) == (two.name, one.name, True, 1)
    assert (found.row, found.other_row) == (1, 2)
    assert counted(books) == (3, all_)


@pytest.mark.parametrize("format_", few(NAMED, *EACH_MAKER))
def test_a_named_row_counts_once_where_the_other_file_was_imported_before(format_: str, books: Books, tmp_path: Path):
    write, amounts, all_ = NAMED[format_]
    one, two = parts(write, amounts, tmp_path)
    books.take(one)

    (found,) = told(books, two, overlap="add")

    assert (found.file, found.other, found.is_dropped, found.lines) == (two.name, one.name, True, 1)
    assert counted(books) == (3, all_)


@pytest.mark.parametrize("format_", few(NAMED, *EACH_MAKER))
def test_a_newer_export_counts_with_all_its_rows(format_: str, books: Books, tmp_path: Path):
    write, amounts, _ = NAMED[format_]
    one, two = parts(write, amounts, tmp_path)
    books.take(one)

    assert told(books, two, overlap="replace") == []

    assert counted(books) == (2, Decimal(2))


@pytest.mark.parametrize("format_", few(NAMED, *EACH_MAKER))
def test_a_named_row_that_two_files_tell_otherwise_is_refused(format_: str, books: Books, tmp_path: Path):
    write, amounts, all_ = NAMED[format_]
    one, two = parts(write, amounts, tmp_path)
    name = list(amounts)[1]
    write(two, {name: "700"})

    with pytest.raises(BadInvoice, match=r"two\.\w+ tells of 2026-11-20 as one\.\w+ does, but otherwise"):
        books.take(one, two)

    assert counted(books) == (0, None)
    books.take(one, two, overlap="add")
    assert counted(books)[0] == len(amounts)
    assert counted(books)[1] > all_


@pytest.mark.parametrize("format_", few(NAMED, *EACH_MAKER))
def test_the_same_charges_by_the_hour_and_by_the_day_are_refused(format_: str, books: Books, tmp_path: Path):
    write, amounts, _ = NAMED[format_]
    days, _ = parts(write, amounts, tmp_path)
    hours = write(tmp_path / f"hours{days.suffix}", {next(iter(amounts)): "1"}, seconds=HOUR)

    with pytest.raises(BadInvoice, match=r"by other spans of time \(hours beside days\)"):
        books.take(days, hours)


def test_a_file_whose_rows_all_stand_in_another_one_is_nothing_new(books: Books, tmp_path: Path):
    one = openai_costs(tmp_path / "one.json", {"gpt-4o, input": "1", "gpt-4o, output": "2"})
    two = openai_costs(tmp_path / "two.json", {"gpt-4o, input": "1", "gpt-4o, output": "2"})

    assert books.take(one, two) == {"one.json": 2, "two.json": 0}
    assert counted(books) == (2, Decimal(3))


def test_pages_of_one_file_that_overlap_count_once(books: Books, tmp_path: Path):
    one = openai_costs(tmp_path / "one.json", {"gpt-4o, input": "1"})
    one.write_text(json.dumps([json.loads(one.read_text())] * 2))

    (found,) = told(books, one)

    assert (found.file, found.other, found.is_dropped, found.lines, found.usd) == ("one.json", "one.json", True, 1, 1)
    assert counted(books) == (1, Decimal(1))


def test_rows_of_one_file_with_one_name_and_other_numbers_are_the_providers_own(books: Books, tmp_path: Path):
    one = tmp_path / "one.csv"
    cur(one, {"a": "1"})
    one.write_text(one.read_text() + cur(tmp_path / "more.csv", {"a": "2"}).read_text().splitlines()[1] + "\n")

    assert told(books, one) == []
    assert counted(books) == (2, Decimal(3))


UNNAMED: dict[str, Callable[..., Path]] = {
    "generic": generic,
    "focus": focus,
    "aws_cur": lambda file, *costs: table(file, [row for usd in costs for row in rows_of_cur(file, usd)]),
}


def rows_of_cur(file: Path, usd: str) -> list[dict[str, str]]:
    """A row of an export without numbers of line items."""
    return list(csv.DictReader(cur(file, {"a": usd}, named=False).read_text().splitlines()))


@pytest.mark.parametrize("format_", UNNAMED)
def test_equal_rows_that_nothing_names_count_each_and_are_told(format_: str, books: Books, tmp_path: Path):
    one = UNNAMED[format_](tmp_path / "one.csv", "1", "2", "2")
    two = UNNAMED[format_](tmp_path / "two.csv", "1", "4")

    found = told(books, one, two)

    assert [
        (each.file, each.other, each.is_dropped, each.lines, each.row, each.other_row, each.usd) for each in found
    ] == [
        ("one.csv", "one.csv", False, 1, 3, 2, 2),
        ("two.csv", "one.csv", False, 1, 1, 1, 1),
    ]
    assert counted(books) == (5, Decimal(10))


@pytest.mark.parametrize("format_", UNNAMED)
def test_the_same_bill_in_another_form_is_refused(format_: str, books: Books, tmp_path: Path):
    one = UNNAMED[format_](tmp_path / "one.csv", "1", "2")
    two = tmp_path / "two.csv.gz"
    two.write_bytes(gzip.compress(UNNAMED[format_](tmp_path / "plain.csv", "2", "1").read_bytes()))

    with pytest.raises(BadInvoice, match=r"all lines of two\.csv\.gz stand in one\.csv"):
        books.take(one, two)

    books.take(one, two, overlap="add")
    assert counted(books) == (4, Decimal(6))


def openai_results(*results: Mapping[str, str]) -> dict[str, Any]:
    """A page of costs of a day: amounts and what they are grouped by."""
    of_day = [
        {"object": "organization.costs.result", "line_item": None, "project_id": None}
        | one
        | {"amount": {"value": one["amount"], "currency": "usd"}}
        for one in results
    ]
    return {"data": [{"start_time": START, "end_time": START + DAY, "results": of_day}], "has_more": False}


def anthropic_results(*results: Mapping[str, str]) -> dict[str, Any]:
    """Likewise."""
    plain = {"currency": "USD", "cost_type": "tokens", "workspace_id": None, "description": None}
    bucket = {"starting_at": iso(START), "ending_at": iso(START + DAY), "results": [plain | one for one in results]}
    return {"data": [bucket], "has_more": False}


OTHERWISE = {
    "OpenAI, by project too": (
        openai_results({"line_item": "gpt-4o, input", "amount": "3"}),
        openai_results(
            {"line_item": "gpt-4o, input", "project_id": "a", "amount": "1"},
            {"line_item": "gpt-4o, input", "project_id": "b", "amount": "2"},
        ),
        r"two\.json tells of 2026-11-20 grouped by line_item, project_id and one\.json grouped by line_item,",
    ),
    "OpenAI, as a whole": (
        openai_results({"project_id": "a", "amount": "1"}, {"project_id": "b", "amount": "2"}),
        openai_results({"amount": "3"}),
        r"two\.json tells of 2026-11-20 as a whole and one\.json grouped by project_id,",
    ),
    "Anthropic, by workspace too": (
        anthropic_results({"description": "Claude", "model": "claude-a", "amount": "300"}),
        anthropic_results(
            {"description": "Claude", "model": "claude-a", "workspace_id": "w", "amount": "100"},
            {"description": "Claude", "model": "claude-a", "amount": "200"},
        ),
        r"two\.json tells of 2026-11-20 grouped by description, model, workspace_id and one\.json",
    ),
}


@pytest.mark.parametrize("case", OTHERWISE)
def test_answers_about_a_day_that_are_grouped_otherwise_count_once(case: str, books: Books, tmp_path: Path):
    first, second, said = OTHERWISE[case]
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    one.write_text(json.dumps(first))
    two.write_text(json.dumps(second))

    with pytest.raises(BadInvoice, match=said):
        books.take(one, two)

    books.take(one)
    with pytest.raises(BadInvoice, match="say --overlap replace"):
        books.take(two)
    books.take(two, overlap="replace")
    assert counted(books)[1] == Decimal(3)


def test_pages_of_one_file_that_are_grouped_otherwise_are_refused(books: Books, tmp_path: Path):
    first, second, _ = OTHERWISE["OpenAI, by project too"]
    one = tmp_path / "one.json"
    one.write_text(json.dumps([first, second]))

    with pytest.raises(BadInvoice, match=r"one\.json tells of 2026-11-20 grouped by"):
        books.take(one)


def test_hours_of_the_default_workspace_alone_are_cut_as_the_others_of_their_file(books: Books, tmp_path: Path):
    def hour(at: int, workspace: str | None) -> dict[str, Any]:
        (bucket,) = anthropic_results({"description": "Claude", "model": "claude-a", "amount": "100"})["data"]
        bucket["results"][0]["workspace_id"] = workspace
        return bucket | {"starting_at": iso(START + at * HOUR), "ending_at": iso(START + (at + 1) * HOUR)}

    one = tmp_path / "one.json"
    one.write_text(json.dumps({"data": [hour(0, None), hour(1, "w")], "has_more": False}))
    two = tmp_path / "two.json"
    two.write_text(json.dumps({"data": [hour(2, "w"), hour(3, None)], "has_more": False}))

    books.take(one, two)

    assert counted(books) == (4, Decimal(4))

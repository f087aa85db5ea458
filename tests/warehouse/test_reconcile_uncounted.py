"""What a bill prices and does not count: its tokens are not known, so that costs alone are held against each other."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.warehouse.billing import DAY, NOON, Books, Charge, billed, call, charges, total
from tests.warehouse.reports import money, openai_costs, openai_page, openai_usage, write
from tests.warehouse.settling import World
from warehouse.invoices.answer import as_table

CHATS = [call(f"c{n}", response_model="gpt-4o-2024-08-06", input_tokens=900 + n) for n in range(2)]
SPEECH = "gpt-4o-mini-transcribe"
HEARD = [call(f"h{n}", request_model=SPEECH, response_model=SPEECH, input_tokens=700 + n) for n in range(2)]
CALLS = [*CHATS, *HEARD]


@pytest.fixture
def books(tmp_path: Path) -> Books:
    books = Books(World(tmp_path))
    books.fill(CALLS)
    return books


def seconds(file: Path) -> Path:
    """A page of the endpoint that counts seconds of those calls, and no tokens."""
    told = {"object": "organization.usage.audio_transcriptions.result", "model": SPEECH, "project_id": "proj_1"}
    return write(file, openai_page([told | {"seconds": 60, "num_model_requests": len(HEARD)}]))


def pages(folder: Path, lines: list[Charge], *, with_seconds: bool = True, chats: Any = CHATS) -> list[Path]:
    found = [openai_costs(lines, folder / "costs.json"), openai_usage(chats, folder / "usage.json")]
    return [*found, seconds(folder / "seconds.json")] if with_seconds else found


@pytest.mark.parametrize("with_seconds", [True, False], ids=["counted in seconds", "endpoint not asked for"])
def test_a_bill_that_agrees_has_no_causes_where_its_usage_report_counts_no_tokens_of_a_model(
    books: Books, tmp_path: Path, *, with_seconds: bool
):
    books.take(*pages(tmp_path, charges(CALLS), with_seconds=with_seconds))
    compared = books.compare()

    assert total(compared) == {}
    assert all(not one.causes for one in compared)
    assert {one.cell.key.model for one in compared if one.theirs_tokens is None} == {SPEECH}
    assert as_table(compared, ("day",)).to_pylist()[0]["capture_rate"] == 1


def test_another_cost_of_what_is_not_counted_is_unexplained(books: Books, tmp_path: Path):
    lines = [line.but(cost=line.cost * (3 if line.model == SPEECH else 1)) for line in charges(CALLS)]

    books.take(*pages(tmp_path, lines))

    assert total(books.compare()) == {"unexplained": 2 * sum(map(money, charges(HEARD)))}


def test_what_is_neither_counted_nor_billed_is_extra_traffic(books: Books, tmp_path: Path):
    books.take(*pages(tmp_path, charges(CHATS)))

    assert total(books.compare()) == {"extra_traffic": -sum(map(money, charges(HEARD)))}


def test_a_count_of_zero_is_a_count(books: Books, tmp_path: Path):
    none = call("h", request_model=SPEECH, response_model=SPEECH, input_tokens=0, output_tokens=0)

    books.take(*pages(tmp_path, charges(CALLS), with_seconds=False, chats=[*CHATS, none]))

    assert set(total(books.compare())) == {"extra_traffic", "price_mismatch"}
    assert {one.theirs_tokens for one in books.compare() if one.cell.key.model == SPEECH} == {0}


@pytest.mark.parametrize("kind", [None, ""], ids=["by kind", "all kinds"])
def test_rows_with_a_cost_alone_agree_beside_rows_with_both(books: Books, tmp_path: Path, kind: str | None):
    lines = charges(CALLS)
    alone = [line if kind is None else line.but(kind=kind) for line in lines if line.model == SPEECH]

    books.take(
        billed([line for line in lines if line.model != SPEECH], tmp_path / "both.csv"),
        billed(alone, tmp_path / "costs.csv", counts=False),
    )

    assert total(books.compare()) == {}
    assert as_table(books.compare(), ()).to_pylist()[0]["capture_rate"] == 1


def test_a_model_that_costs_of_whole_days_have_and_counts_do_not_name_agrees(books: Books, tmp_path: Path):
    """One line without a model makes the costs' cells coarser, and what the other lines name is known all the same."""
    lines = [line.but(model="") if (line.model, line.kind) == ("gpt-4o-2024-08-06", "output") else line
             for line in charges(CALLS)]  # fmt: skip

    books.take(billed(lines, tmp_path / "c.csv", counts=False), billed(charges(CHATS), tmp_path / "u.csv", costs=False))

    assert total(books.compare()) == {}
    assert as_table(books.compare(), ()).to_pylist()[0]["capture_rate"] == 1


def test_a_day_that_is_not_counted_says_nothing_of_another(tmp_path: Path):
    """A model is looked at by the day: what is short where it is counted is found."""
    books = Books(World(tmp_path))
    later = [call(f"l{n}", day=1, seconds=n) for n in range(2)]
    books.fill([call("first"), *later])
    lines = charges([call("first"), later[0]])
    assert lines[-1].day == (NOON + DAY).date()

    books.take(
        billed(lines[:2], tmp_path / "costs.csv", counts=False),
        billed(lines[2:], tmp_path / "both.csv"),
    )

    gap = sum((line.cost for line in charges(later[1:])), Fraction(0))
    assert total(books.compare()) == {"extra_traffic": -Decimal(round(gap * 10**12)).scaleb(-12)}

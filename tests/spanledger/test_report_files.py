"""``spanledger report`` into files, and what it knows of settled books."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from spanledger.__main__ import main
from tests.warehouse.settling import World, outcome
from tests.warehouse.told import span

USED = {"provider": "openai", "request_model": "gpt-4o", "input_tokens": 1000, "output_tokens": 100}
COST = Decimal("0.0035")


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two settlements: a call, and the success that its task was, of which a person made sure for 6 minutes."""
    world = World(tmp_path_factory.mktemp("settled"))
    world.flush([span("a", tenant="acme", task_id="t1", **USED)])
    world.settle()
    world.flush([], [outcome("success", "success", task_id="t1", tenant="acme", review_minutes=6.0)])
    world.settle()
    return world


@pytest.fixture
def world(settled: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The lake, named by the environment."""
    monkeypatch.setenv("SPANLEDGER_LAKE", settled.settings.url)
    return settled


@pytest.mark.usefixtures("world")
def test_parquet_goes_into_a_file_with_its_types(tmp_path: Path):
    out = tmp_path / "out.parquet"

    code = main(["report", "waste", "--format", "parquet", "--out", str(out)])

    answer = pq.read_table(out)
    assert code == 0
    assert answer.select(["tenant", "calls", "cost_usd"]).to_pylist() == [
        {"tenant": "acme", "calls": 1, "cost_usd": COST}
    ]
    assert [path.name for path in tmp_path.iterdir()].count("out.parquet") == 1
    assert not list(tmp_path.glob(".out*"))


@pytest.mark.usefixtures("world")
def test_parquet_goes_to_what_is_no_terminal(capfdbinary: pytest.CaptureFixture[bytes]):
    assert main(["report", "waste", "--format", "parquet"]) == 0

    assert pq.read_table(io.BytesIO(capfdbinary.readouterr().out)).num_rows == 1


@pytest.mark.usefixtures("world")
def test_parquet_is_not_for_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    assert main(["report", "waste", "--format", "parquet"]) == 2
    assert "--out FILE" in capsys.readouterr().err


@pytest.mark.usefixtures("world")
def test_a_question_that_cannot_be_answered_leaves_the_file_as_it_was(tmp_path: Path):
    out = tmp_path / "out.csv"
    out.write_text("before")

    code = main(["report", "waste", "--by", "nonsense", "--format", "csv", "--out", str(out)])

    assert (code, out.read_text()) == (2, "before")


@pytest.mark.usefixtures("world")
def test_the_books_are_asked_as_of_a_settlement(capsys: pytest.CaptureFixture[str]):
    told = []
    for flags in (["--as-of-settlement", "1"], []):
        assert main(["report", "cost-per-successful-task", "--format", "json", *flags]) == 0
        told.append(json.loads(capsys.readouterr().out)[0])

    assert [row["successful_tasks"] for row in told] == [0, 1]
    assert [row["cost_per_successful_task_usd"] for row in told] == [None, "0.003500000000"]


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["spend", "--as-of-settlement", "99"], "--as-of-settlement 99: the last settlement is 2"),
        (["chargeback", "--from", "2026-11-05"], "--from = 2026-11-05T00:00:00Z: chargeback takes whole months"),
        (["chargeback", "--to", "2026-11-01T00:00:01Z"], "by their first day, like 2026-11-01"),
        (["spend", "--format", "csv", "--out", "none/x.csv"], "--out none/x.csv: No such file or directory"),
        (["spend", "--format", "csv", "--out", "."], "--out .: is a directory"),
    ],
)
def test_what_the_books_cannot_say_is_refused_in_one_line(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
):
    assert main(["report", *words]) == 2

    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert told in said.err


@pytest.mark.usefixtures("world")
def test_the_rate_of_review_comes_from_the_settings_unless_it_is_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("SPANLEDGER_SETTLE_REVIEW_USD_PER_HOUR", "40")
    told = []
    for flags in ([], ["--param", "review_usd_per_hour=10"]):
        assert main(["report", "cost-per-successful-task", "--format", "json", *flags]) == 0
        told.append(json.loads(capsys.readouterr().out)[0]["review_cost_usd"])

    assert told == ["4.000000000000", "1.000000000000"]


@pytest.mark.usefixtures("world")
def test_a_question_that_reads_no_books_has_no_settlement(capsys: pytest.CaptureFixture[str]):
    assert main(["report", "latency", "--as-of-settlement", "1"]) == 2
    assert "not --as-of-settlement" in capsys.readouterr().err

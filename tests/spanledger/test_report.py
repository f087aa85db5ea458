"""``spanledger report`` and ``spanledger lake``: what they print, and how they end."""

from __future__ import annotations

import csv
import io
import itertools
import json
import shutil
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from spanledger.__main__ import main
from spanledger.answers import cell
from tests.quick import few
from tests.warehouse.fresh import open_lake
from tests.warehouse.samples import APP, NOON, flush_record, rows, span, stretch, usage
from warehouse.lake import Flush
from warehouse.questions import question_names
from warehouse.settings import LakeSettings


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with a few calls."""
    url = tmp_path_factory.mktemp("made") / "lake"
    part = stretch(0, 4)
    calls = [
        usage(tenant="acme", feature="chat", cost_usd="1234.5", calls=1000, priced_calls=1000),
        usage(tenant="acme", feature=None, cost_usd="0.000000000001", tags={"team": "red"}),
        usage(tenant=None, feature="chat", cost_usd=None, minute=NOON + timedelta(days=1)),
    ]
    tables = {
        "usage": {APP: rows("usage", *calls)},
        "spans": {APP: rows("spans", span(1), span(255))},
        "flushes": {APP: rows("flushes", flush_record(part))},
    }
    open_lake(LakeSettings(url=str(url))).commit(Flush(ranges=(part,), tables=tables))
    return url


def _commit(url: Path, *calls: dict[str, object]) -> Path:
    """A lake of these calls."""
    part = stretch(0, 4)
    tables = {"usage": {APP: rows("usage", *calls)}, "flushes": {APP: rows("flushes", flush_record(part))}}
    open_lake(LakeSettings(url=str(url))).commit(Flush(ranges=(part,), tables=tables))
    return url


@pytest.fixture
def lake(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The lake, named by the environment."""
    monkeypatch.setenv("SPANLEDGER_LAKE", str(made))
    return made


def test_without_a_name_it_lists_the_questions_and_what_they_take(capsys: pytest.CaptureFixture[str]):
    code = main(["report"])

    out = capsys.readouterr().out
    assert code == 0
    assert all(f"\n{name} " in f"\n{out}" for name in question_names())
    assert "--by" in out
    assert "--param limit=" in out


@pytest.mark.parametrize(
    ("question", "offered", "flags", "why"),
    [
        ("budgets", ["--as-of-settlement", "--param now="], ["--param", "where=tenant=acme"], "a budget says itself"),
        ("budgets", ["--as-of-settlement", "--param now="], ["--bucket", "hour"], "--bucket = 'hour': a budget says"),
        ("slo", ["--bucket", "--param zone=", "--param now="], ["--from", "2026-03-01"], "--param now=TIME is the end"),
        (
            "forecast",
            ["--param where=", "--by", "--from", "--to", "--as-of-settlement", "--param now="],
            ["--bucket", "day"],
            "forecasts are made of days",
        ),
    ],
)
def test_what_a_report_refuses_it_does_not_offer(
    question: str, offered: list[str], flags: list[str], why: str, capsys: pytest.CaptureFixture[str]
):
    assert main(["report"]) == 0
    listed = capsys.readouterr().out.split(f"\n{question} ")[1].splitlines()[1:]

    assert main(["report", question, *flags]) == 2
    assert [line[:46].strip() for line in itertools.takewhile(lambda line: line.startswith(" "), listed)] == offered
    assert why in capsys.readouterr().err


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (
            ["--bucket", "day", "--param", "zone=Asia/Kolkata"],
            "leave out --bucket or --param zone, or ask `spend` without --as-of-settlement, which is kept by",
        ),
        (["--from", "2026-03-01T12:30:00Z"], "--from = '2026-03-01T12:30:00Z': the books are kept by the hour: "),
        (["--bucket", "minute"], "--bucket = 'minute': must be one of hour, day, month"),
    ],
)
def test_spend_as_of_a_settlement_is_refused_in_words_of_the_command_line(
    flags: list[str], told: str, capsys: pytest.CaptureFixture[str]
):
    assert main(["report", "spend", *flags, "--as-of-settlement", "1"]) == 2

    assert told in capsys.readouterr().err


@pytest.mark.usefixtures("lake")
def test_a_table_is_aligned_and_ends_with_a_total_that_says_how_much_is_priced(capsys: pytest.CaptureFixture[str]):
    code = main(["report", "spend", "--by", "tenant,feature"])

    printed = capsys.readouterr()
    assert code == 0
    lines = printed.out.splitlines()
    assert [line[-18:].strip("─ ") for line in lines] == ["latency_coverage", "", *["0.000"] * 3, "", "0.000"]
    assert [line[:-18] for line in lines] == [
        "tenant        feature       calls  errors  input_tokens  output_tokens        cost_usd  priced_share",
        "────────────  ────────────  ─────  ──────  ────────────  ─────────────  ──────────────  ────────────",
        "acme          chat          1,000       0           100             10      1,234.5000         1.000",
        "acme          unattributed      1       0           100             10  0.000000000001         1.000",
        "unattributed  chat              1       0           100             10               -         0.000",
        "────────────  ────────────  ─────  ──────  ────────────  ─────────────  ──────────────  ────────────",
        "total                       1,002       0           300             30      1,234.5000         0.999",
    ]
    assert "provisional" in printed.err


def test_who_asks_for_what_a_table_calls_unattributed_gets_these_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    names = (None, "unattributed", "acme")
    monkeypatch.setenv("SPANLEDGER_LAKE", str(_commit(tmp_path / "lake", *(usage(tenant=name) for name in names))))

    found = {}
    for asked in ("tenant=unattributed", "tenant=", "tenant=acme,tenant=unattributed", "stream=unattributed"):
        assert main(["report", "spend", "--param", f"where={asked}", "--format", "json"]) == 0
        found[asked] = {row["tenant"] for row in json.loads(capsys.readouterr().out)}

    assert found == {
        "tenant=unattributed": {None, "unattributed"},
        "tenant=": {None},
        "tenant=acme,tenant=unattributed": set(names),
        "stream=unattributed": set(names),
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["spend", "--by", "tags.taem"],
            "no call has tags.taem, and worker.tags does not keep it; there are tags.team",
        ),
        (
            ["spend", "--param", "where=tags.a=b,tags.c="],
            "no call has tags.a, tags.c, and worker.tags does not keep them;",
        ),
        (["spend", "--by", "tags.team", "--tenant", "unattributed"], "no call of these tenants has tags.team"),
        (["spend", "--by", "squad"], "no call has tags.taem"),
        (["calls", "--param", "where=tags.taem=red"], "there are tags.team"),
        (["spend", "--by", "tags.team,squad", "--tenant", "nobody"], "nothing is there by this choice of tenants"),
        (["spend", "--by", "tags.team"], ""),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
@pytest.mark.usefixtures("lake")
def test_a_tag_that_no_call_has_is_refused_with_those_that_there_are(
    words: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    (file := tmp_path / "dimensions.toml").write_text('[levels.squad]\nover = "tags.taem"\nholds.One = ["red"]\n')
    monkeypatch.setenv("SPANLEDGER_SETTLE_DIMENSIONS", str(file))

    code = main(["report", *words])

    printed = capsys.readouterr()
    assert (code, told in printed.err) == (2 * told.startswith(("no call", "there are")), True)
    assert "team" in printed.out or told


@pytest.mark.usefixtures("lake")
def test_a_tag_that_workers_keep_may_be_asked_for_before_a_call_has_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("SPANLEDGER_WORKER_TAGS", "desk")

    assert main(["report", "spend", "--by", "tags.desk", "--format", "json"]) == 0
    assert [row["tags.desk"] for row in json.loads(capsys.readouterr().out)] == [None]
    assert main(["report", "spend", "--by", "tags.taem"]) == 2
    assert "there are tags.desk, tags.team" in capsys.readouterr().err


@pytest.mark.usefixtures("lake")
def test_budgets_of_a_tag_that_no_call_has_are_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    budget = '[[budgets]]\nname = "{0}"\nof = {{"tags.{0}" = "red"}}\namount = "1"\nowner = "ann"\n'
    (file := tmp_path / "budgets.toml").write_text(budget.format("team") + budget.format("taem"))
    monkeypatch.setenv("SPANLEDGER_SETTLE_BUDGETS", str(file))

    assert main(["report", "budgets", "--format", "csv"]) == 0

    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 3
    assert printed.err.splitlines() == [
        "warning: budgets, 'taem': no call has tags.taem, and worker.tags does not keep it; there are tags.team"
    ]


@pytest.mark.usefixtures("lake")
def test_json_is_one_array_of_flat_objects_with_exact_money(capsys: pytest.CaptureFixture[str]):
    code = main(["report", "spend", "--by", "tenant,feature,tags.team", "--bucket", "day", "--format", "json"])

    answer = json.loads(capsys.readouterr().out)
    names = ("bucket", "tenant", "feature", "tags.team", "calls", "cost_usd", "priced_share")
    assert code == 0
    assert [tuple(row[name] for name in names) for row in answer] == [
        ("2026-03-01T00:00:00Z", "acme", "chat", None, 1000, "1234.500000000000", 1.0),
        ("2026-03-01T00:00:00Z", "acme", None, "red", 1, "0.000000000001", 1.0),
        ("2026-03-02T00:00:00Z", None, "chat", None, 1, None, 0.0),
    ]
    assert not any(isinstance(value, (list, dict)) for row in answer for value in row.values())


@pytest.mark.usefixtures("lake")
def test_csv_has_a_header_and_the_same_values(capsys: pytest.CaptureFixture[str]):
    main(["report", "spend", "--format", "csv"])

    answer = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["tenant"], Decimal(row["cost_usd"] or 0), row["provisional"]) for row in answer] == [
        ("acme", Decimal("1234.500000000001"), "true"),
        ("", Decimal(0), "true"),
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["spend", "--from", "2031-01-01"], "nothing is there by this choice of window; data are from 2026-"),
        (["spend", "--param", "where=tenant=nobody"], "nothing is there by this choice of filter; data are from 2026-"),
        (["spend", "--param", "where=model=-"], "Z; for what has no model ask --param where=model=unattributed"),
        (["spend", "--tenant", "nobody"], "nothing is there by this choice of tenants; data are from 2026-"),
        (["settled-spend"], "nothing is settled yet, and this is asked of settled hours: run `spanledger settle`"),
        (["chargeback", "--format", "csv"], "nothing is settled yet, and this is asked of settled hours"),
        (["variance"], "nothing is settled yet, and this is asked of settled hours"),
    ],
)
@pytest.mark.usefixtures("lake")
def test_an_empty_answer_says_what_to_do_next(words: list[str], told: str, capsys: pytest.CaptureFixture[str]):
    assert main(["report", *words]) == 0

    assert told in capsys.readouterr().err


@pytest.mark.usefixtures("lake")
def test_an_answer_that_is_empty_for_good_reason_says_nothing(capsys: pytest.CaptureFixture[str]):
    assert main(["report", "dead_letters", "--format", "json"]) == 0

    assert capsys.readouterr().err == ""


def test_of_a_lake_without_calls_it_says_where_to_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("SPANLEDGER_LAKE", str(tmp_path / "lake"))
    open_lake(LakeSettings(url=str(tmp_path / "lake")))

    assert main(["report", "spend", "--format", "json"]) == 0

    assert capsys.readouterr().err.startswith("the lake holds no calls yet; `spanledger report pipeline` says")


@pytest.mark.usefixtures("lake")
def test_ids_are_hex(capsys: pytest.CaptureFixture[str]):
    main(["report", "calls", "--param", "limit=1", "--param", "trace_id=" + "0" * 30 + "ff", "--format", "json"])

    (call,) = json.loads(capsys.readouterr().out)
    assert (call["trace_id"], call["span_id"]) == ("0" * 30 + "ff", "0" * 14 + "ff")
    assert call["ended_at"] == "2026-03-01T12:00:01Z"


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize(
    ("flags", "calls"),
    [
        ([], [1001, 1]),
        (["--tenant", "acme"], [1001]),
        (["--tenant", "unattributed"], [1]),
        (["--tenant", "acme", "--tenant", "unattributed"], [1001, 1]),
        (["--tenant", "nobody"], []),
        (["--from", "2026-03-02"], [1]),
        (["--to", "2026-03-02T00:00:00Z"], [1001]),
        (["--from", "2026-04-01"], []),
    ],
)
def test_tenants_and_times_limit_the_answer(flags: list[str], calls: list[int], capsys: pytest.CaptureFixture[str]):
    code = main(["report", "spend", "--format", "json", *flags])

    assert code == 0
    assert [row["calls"] for row in json.loads(capsys.readouterr().out)] == calls


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize("question", question_names())
@pytest.mark.parametrize("how", few(("table", "json", "csv"), "table"))
def test_every_question_prints_in_every_format(question: str, how: str, capsys: pytest.CaptureFixture[str]):
    code = main(["report", question, "--format", how])

    assert code == 0
    assert capsys.readouterr().out.strip()


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["report", "spent"], "there is no question 'spent'"),
        (["report", "spend", "--by", "colour"], "no dimension 'colour'"),
        (["report", "spend", "--from", "tomorrow"], "--from = 'tomorrow'"),
        (
            ["report", "spend", "--to", "0001-01-01T00:00+14:00"],
            "--to = '0001-01-01T00:00+14:00': must be from the year 1",
        ),
        (
            ["report", "spend", "--from", "2026-03-02", "--to", "2026-03-01"],
            "--from 2026-03-02T00:00:00+00:00 must be before --to",
        ),
        (
            ["report", "spend", "--param", "where=tags=red"],
            "--param where = 'tags=red': tags are many: name one of them",
        ),
        (["report", "spend", "--param", "where=stream=maybe"], "stream is true or false, not maybe"),
        (["report", "status", "--by", "tenant"], "status takes --param now, not --by"),
        (
            ["report", "calls", "--param", f"limit={2**64}"],
            f"--param limit = '{2**64}': must be a whole number from 0 to",
        ),
        (["report", "spend", "--tenant", "\udcff"], "no tenant is called"),
        (["report", "pipeline", "--tenant", "acme"], "ask without --tenant"),
        (["--settings", "lake", "report"], "settings file lake does not exist"),
        (["--settings", "/", "report"], "settings file / cannot be read: Is a directory"),
        (["report", "calls", "--param", "limit"], "must be NAME=VALUE"),
    ],
)
def test_what_cannot_be_asked_ends_with_two_and_one_line(
    words: list[str], reason: str, capsys: pytest.CaptureFixture[str]
):
    code = main(words)

    printed = capsys.readouterr()
    assert code == 2
    assert printed.out == ""
    assert reason in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize("words", [["report", "spend"], ["lake", "attach", "never-made.duckdb"]])
def test_without_a_lake_it_says_what_to_do(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPANLEDGER_LAKE", str(tmp_path / "none"))

    code = main(words)

    printed = capsys.readouterr()
    assert (code, printed.out) == (2, "")
    assert "there is no lake at" in printed.err
    assert "spanledger worker" in printed.err
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_lake_ends_every_verb_that_reads_it_with_one_line(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    lake = Path(shutil.copytree(made, tmp_path / "lake"))
    monkeypatch.setenv("SPANLEDGER_LAKE", str(lake))
    (file,) = (lake / "spans").glob("day=*/*.parquet")
    file.write_bytes(b"not Parquet")

    for words in (["report", "calls"], ["lake", "attach", str(lake.with_name("l.duckdb"))], ["prices", "unpriced"]):
        code = main(words)

        printed = capsys.readouterr()
        assert (code, printed.out, printed.err.count("\n")) == (2, "", 1)
        assert f"{file} is damaged" in printed.err


@pytest.mark.usefixtures("lake")
def test_any_time_there_is_may_be_asked_for(capsys: pytest.CaptureFixture[str]):
    code = main(["report", "spend", "--from", "0001-01-01", "--to", "9999-12-31", "--by", "", "--format", "json"])

    assert code == 0
    assert json.loads(capsys.readouterr().out)[0]["calls"] == 1002


@pytest.mark.usefixtures("lake")
def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    codes = [main(["lake", "attach", str(tmp_path / where)]) for where in ("none/l.duckdb", "", "x" * 300)]

    assert codes == [2, 2, 2]
    assert capsys.readouterr().err.count("\n") == 3


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal("0.000000000000"), "0.0000"),
        (Decimal("0.000000000001"), "0.000000000001"),
        (Decimal("-0.000004250000"), "-0.0000043"),
        (Decimal("0.000099960000"), "0.00010"),
        (Decimal("0.0001"), "0.0001"),
        (Decimal("1234.56789"), "1,234.5679"),
        (0.0, "0.000"),
        (0.000012345, "0.000012"),
        (1.5, "1.500"),
        (12345.6, "12,346"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01 00:00:00Z"),
        (datetime(2026, 3, 1, 12, 0, 0, 999999, tzinfo=UTC), "2026-03-01 12:00:00Z"),
        ([], "-"),
    ],
)
def test_what_is_not_zero_never_reads_zero(value: object, shown: str):
    assert cell(value) == shown


@pytest.mark.usefixtures("lake")
def test_attach_writes_a_file_that_duckdb_opens(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    code = main(["lake", "attach", str(tmp_path / "ledger.duckdb")])

    printed = capsys.readouterr()
    assert (code, printed.out) == (0, "")
    assert "the lake as of" in printed.err
    with duckdb.connect(str(tmp_path / "ledger.duckdb"), read_only=True) as client:
        assert client.sql("SELECT count(*) FROM spans").fetchall() == [(2,)]

"""``spanledger settle`` and ``spanledger reprice``: what they print, and how they end."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path

import pytest

from spanledger.__main__ import main
from spanledger.settle import _say
from tests.warehouse.settling import World
from tests.warehouse.told import span
from warehouse.settle import Settled

USED = {"provider": "openai", "request_model": "gpt-4o", "input_tokens": 1000, "output_tokens": 100}


pytestmark = pytest.mark.usefixtures("world")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with a call and its wrapper, which came in two flushes."""
    made = World(tmp_path_factory.mktemp("made"))
    made.flush([span("leaf", "outer", at=10, ms=50, **USED)])
    made.flush([span("outer", tenant="acme", ms=100, **USED)], partition=1)
    return Path(made.settings.url)


@pytest.fixture
def world(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of it, named by the environment."""
    monkeypatch.setenv("SPANLEDGER_LAKE", str(shutil.copytree(made, tmp_path / "lake")))
    monkeypatch.setenv("SPANLEDGER_SETTLE_MEMORY_MIB", "512")
    monkeypatch.chdir(tmp_path)


def test_settle_says_what_was_closed_and_then_that_nothing_is_new(capsys: pytest.CaptureFixture[str]):
    codes = [main(["settle", "--until", "2026-11-21"]), main(["settle", "--until", "2026-11-21"])]

    first, again = capsys.readouterr().out.splitlines()
    assert codes == [0, 0]
    assert first.startswith("settlement 1: 1 hours closed, $0.0035; all hours before 2026-11-")
    assert first.endswith("1 calls were told twice")
    assert again.startswith("nothing new; all hours before 2026-11-")


def test_a_lake_without_calls_is_not_closed_up_to_1970(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("SPANLEDGER_LAKE", World(tmp_path / "empty").settings.url)

    assert main(["settle"]) == 0

    assert capsys.readouterr().out == "nothing is settled yet: the lake has no calls of an hour that is over\n"


def test_settle_as_json_is_one_object(capsys: pytest.CaptureFixture[str]):
    assert main(["settle", "--format", "json"]) == 0

    said = json.loads(capsys.readouterr().out)
    assert (said["number"], said["hours"], said["settled_usd"], said["suppressed"]) == (1, 1, "0.003500000000", 1)


def test_settling_and_closing_a_month_as_json_is_one_object(capsys: pytest.CaptureFixture[str]):
    assert main(["settle", "--close-month", "2026-10", "--format", "json"]) == 0

    said = json.loads(capsys.readouterr().out)
    assert (said["number"], said["month_number"], said["months_closed_to"]) == (1, 2, "2026-11-01")


def test_what_was_settled_is_told_where_the_month_cannot_be_closed(capsys: pytest.CaptureFixture[str]):
    assert main(["settle", "--close-month", "2126-10", "--format", "json"]) == 2

    told = capsys.readouterr()
    said = json.loads(told.out)
    assert (said["number"], said["settled_usd"], said["month_number"]) == (1, "0.003500000000", None)
    assert "2126-10 cannot be closed" in told.err
    assert main(["settle", "--close-month", "2126-10"]) == 2
    assert capsys.readouterr().out.startswith("nothing new; all hours before 2026-")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["settle", "--until", "soon"], "--until soon: must be a date or an RFC 3339 time"),
        (["settle", "--close-month", "may"], "--close-month may: must be a month like 2026-10"),
        (["settle", "--close-month", "2126-10"], "2126-10 cannot be closed: hours are settled up to 2026-"),
        (["reprice", "--from", "2026-11-02", "--to", "2026-11-01"], "--from 2026-11-02 must be before --to 2026-11-01"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(words: list[str], told: str, capsys: pytest.CaptureFixture[str]):
    code = main(words)

    assert code == 2
    assert told in capsys.readouterr().err


def test_reprice_shows_what_changes_by_tenant_and_model(
    capsys: pytest.CaptureFixture[str],
):
    main(["settle"])
    capsys.readouterr()
    Path("spanledger.toml").write_text('[worker.prices]\n"openai/gpt-4o" = {input = 5.0, output = 20.0}\n')

    code = main(["reprice", "--from", "2026-11-01", "--to", "2026-12-01", "--format", "json"])

    said = capsys.readouterr()
    (row,) = json.loads(said.out)
    assert code == 0
    assert (row["tenant"], row["model"], row["difference_usd"]) == ("acme", "gpt-4o", "0.003500000000")
    assert "1 calls cost otherwise; settlement 2, $0.0035" in said.err


def test_reprice_says_that_nobody_called_a_model(capsys: pytest.CaptureFixture[str]):
    asked = ["reprice", "--from", "2026-11-01", "--to", "2026-12-01", "--dry-run", "--model"]

    codes = [main([*asked, "nosuch"]), main([*asked, "gpt-4o"])]

    said = capsys.readouterr().err
    assert codes == [0, 0]
    assert said.count("0 calls cost otherwise; nothing was changed") == 2
    assert said.count("no call of this time is of") == 1
    assert "no call of this time is of nosuch; models: gpt-4o\n" in said


def test_settle_says_what_was_booked_without_what_it_may_belong_to():
    closed = {"closed_to": dt.datetime(2026, 11, 20, tzinfo=dt.UTC), "months_closed_to": dt.date(2026, 11, 1)}

    early, late = (_say(Settled(number=3, late_spans=5, late_alone=alone, **closed)) for alone in (0, 2))

    assert early.endswith("; 5 spans came late")
    assert late.endswith(
        "; 5 spans came late, 2 of them so late that they were booked without the spans they may belong to"
    )


def test_settle_says_how_many_outcomes_are_about_nothing():
    closed = {"closed_to": dt.datetime(2026, 11, 20, tzinfo=dt.UTC), "months_closed_to": dt.date(2026, 11, 1)}

    said = _say(Settled(number=3, homeless_outcomes=2, **closed))

    assert said.endswith("; 2 outcomes are about no task that there is")


def test_without_a_lake_nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SPANLEDGER_LAKE", str(tmp_path / "none"))

    assert main(["settle"]) == 2
    assert not (tmp_path / "none").exists()

"""``spanledger alerts``: incidents as a table, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alerts.incidents import RESOLVED, UPDATED, to_table
from alerts.ledger import JOURNAL
from spanledger.__main__ import main
from tests.alerts.histories import rate, usage_of
from tests.alerts.samples import explained, follow, opened
from tests.alerts.servers import receive
from warehouse.lake import Lake
from warehouse.settings import LakeSettings


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lake with an open and a resolved incident."""
    url = tmp_path / "lake"
    over = opened(feature="search")
    rows = to_table([explained(opened()), over, follow(over, RESOLVED)])
    Lake.open(LakeSettings(url=str(url))).append_once("incidents", rows, JOURNAL, 0)
    monkeypatch.setenv("SPANLEDGER_LAKE", str(url))
    return url


@pytest.mark.usefixtures("lake")
def test_it_lists_open_incidents_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["alerts", "list"])

    out = capsys.readouterr().out
    assert code == 0
    assert "acme / chat: $12.40 in 15 min" in out
    assert "search" not in out


@pytest.mark.usefixtures("lake")
def test_all_means_resolved_ones_too(capsys: pytest.CaptureFixture[str]) -> None:
    main(["alerts", "list", "--all", "--format", "json"])

    found = json.loads(capsys.readouterr().out)
    assert [(one["feature"], one["state"]) for one in found] == [("chat", "open"), ("search", "resolved")]


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize(
    ("tenants", "found"), [(["acme"], 2), (["beta"], 0), (["beta", "acme"], 2), (["unattributed"], 0)]
)
def test_a_tenant_limits_the_list(tenants: list[str], found: int, capsys: pytest.CaptureFixture[str]) -> None:
    flags = [word for tenant in tenants for word in ("--tenant", tenant)]

    code = main(["alerts", "list", "--all", "--format", "json", *flags])

    assert code == 0
    assert len(json.loads(capsys.readouterr().out)) == found


@pytest.mark.usefixtures("lake")
def test_json_holds_exact_money_and_the_contributors(capsys: pytest.CaptureFixture[str]) -> None:
    main(["alerts", "list", "--format", "json"])

    (incident,) = json.loads(capsys.readouterr().out)
    assert incident["excess_usd"] == "11.300000000000"
    assert incident["contributors"][0]["value"] == "opus"


@pytest.mark.usefixtures("lake")
def test_csv_is_one_line_an_incident(capsys: pytest.CaptureFixture[str]) -> None:
    main(["alerts", "list", "--all", "--format", "csv"])

    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["state"] for row in rows] == ["open", "resolved"]


def test_without_a_lake_it_says_so_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SPANLEDGER_LAKE", str(tmp_path / "nothing"))

    code = main(["alerts", "list"])

    assert code == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.fixture(scope="module")
def usage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine days of one series, and a spike in the last hour."""
    calls = rate(9)
    calls[-60:] *= 8
    path = tmp_path_factory.mktemp("usage") / "usage.parquet"
    pq.write_table(usage_of({("acme", "chat", "swift", "key"): calls}), path)
    return path


def test_a_backtest_prints_an_object_a_notification(usage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["alerts", "backtest", str(usage), "--format", "jsonl"])

    [line] = map(json.loads, capsys.readouterr().out.splitlines())
    assert code == 0
    assert {name: line[name] for name in ("tenant", "feature", "model", "principal")} == {
        "tenant": "acme", "feature": "chat", "model": "swift", "principal": "key"}  # fmt: skip
    assert line["opened_at"].startswith("2026-03-10T23:")
    assert line["resolved_at"] is None
    assert line["contributors"][0]["share"] == 1


@pytest.mark.long
def test_a_backtest_that_tells_of_nothing_says_so(
    usage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calendar = tmp_path / "calendar.toml"
    times = "starts_at = 2026-03-10T22:00:00Z\nends_at = 2026-03-11T00:00:00Z"
    calendar.write_text(f'[[event]]\nkind = "campaign"\ntenant = "acme"\n{times}\n')

    code = main(["alerts", "backtest", str(usage), "--calendar", str(calendar)])

    assert code == 0
    assert capsys.readouterr().out == "nothing would have been told\n"


def test_a_backtest_says_how_many_rows_have_no_cost(
    usage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = pq.read_table(usage).slice(0, 100)
    place = rows.schema.get_field_index("cost_usd")
    path = tmp_path / "unpriced.parquet"
    pq.write_table(rows.set_column(place, "cost_usd", pa.array([None] * 40 + [0.1] * 60, pa.float64())), path)

    assert main(["alerts", "backtest", str(path)]) == 0
    assert "40 of 100 rows have no cost" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--false-alerts-per-tenant-week", "0"], "must be 0.02 to 5"),
        (["--min-excess-usd", "-1"], "must be above 0"),
        (["--calendar", "/nowhere.toml"], "/nowhere.toml: cannot be read: No such file"),
    ],
)
def test_a_backtest_that_cannot_run_says_why(
    flags: list[str], said: str, usage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["alerts", "backtest", str(usage), *flags])

    assert code == 2
    assert said in capsys.readouterr().err


def test_a_test_message_says_that_it_is_one_and_is_over_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with receive() as receiver:
        path = tmp_path / "channels.toml"
        path.write_text(f'[[channel]]\nname = "oncall"\nkind = "webhook"\nurl = "{receiver.url}"\n')
        monkeypatch.setenv("SPANLEDGER_ALERTS_CHANNELS", str(path))

        codes = [main(["alerts", "test"]), main(["alerts", "test", "oncall"])]
        receiver.status = 503
        codes.append(main(["alerts", "test", "oncall"]))
        codes.append(main(["alerts", "test", "nobody"]))

    said = capsys.readouterr()
    assert codes == [0, 0, 1, 2]
    assert said.out == "oncall\noncall took it\n"
    assert "oncall did not take it" in said.err
    assert "no channel 'nobody'; there are oncall" in said.err
    assert [body["data"]["event"] for body in receiver.bodies[:2]] == ["opened", "resolved"]
    assert "This is a test" in receiver.bodies[0]["data"]["summary"]


@pytest.mark.usefixtures("lake")
def test_what_people_say_is_kept_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    main(["alerts", "list", "--format", "json"])
    name = json.loads(capsys.readouterr().out)[0]["incident_id"][:8]

    codes = [
        main(["alerts", "ack", name, "--as", "ada", "--note", "key is being changed"]),
        main(["alerts", "silence", name, "--for", "4h", "--as", "ada"]),
        main(["alerts", "feedback", name, "too-small", "--as", "bob"]),
        main(["alerts", "show", name]),
    ]
    shown = capsys.readouterr().out
    main(["alerts", "list", "--format", "json"])
    (row,) = json.loads(capsys.readouterr().out)
    main(["alerts", "show", name, "--format", "json"])
    events = json.loads(capsys.readouterr().out)

    assert codes == [0, 0, 0, 0]
    assert "  why: mostly volume: 3.0× the calls; +$2.30 by longer prompts\n" in shown
    assert "  new: principal key-7, first seen 2026-03-01 23:58 UTC\n" in shown
    assert "  calls: 9 USD (120, usual 40)\n" in shown.replace(".000000000000", "")
    assert "  trace 4bf92f3577b34da6a3ce929d0e0e4736: 0.400000000000 USD, opus\n" in shown
    assert row["factors"][1]["factor"] == "input_tokens_per_call"
    assert "acknowledged, ada, key is being changed" in shown
    assert "feedback, bob, too small" in shown
    assert (row["feedback"], row["acknowledged_at"] is None, row["silenced_until"] is None) == (
        "too small",
        False,
        False,
    )
    assert [one["event"] for one in events] == ["opened", "acknowledged", "silenced", "feedback"]


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["ack", "zz"], "no incident 'zz'"),
        (["ack", ""], "2 incidents begin with ''"),
    ],
)
def test_an_incident_must_be_named(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["alerts", *words]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize("lasts", ["4x", "0h", "91d", "h"])
def test_a_silence_lasts_minutes_hours_or_days(lasts: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["alerts", "silence", "a", "--for", lasts])
    assert "like 30m, 4h or 2d" in capsys.readouterr().err


def test_nothing_is_said_to_a_lake_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SPANLEDGER_LAKE", str(tmp_path / "none"))

    assert main(["alerts", "ack", "a"]) == 2
    assert "there is no lake" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_what_was_resolved_and_is_odd_again_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = opened()
    over = follow(first, RESOLVED)
    rows = to_table([first, over, follow(over, UPDATED)])
    Lake.open(LakeSettings(url=str(tmp_path / "lake"))).append_once("incidents", rows, JOURNAL, 0)
    monkeypatch.setenv("SPANLEDGER_LAKE", str(tmp_path / "lake"))

    main(["alerts", "list", "--format", "json"])
    (row,) = json.loads(capsys.readouterr().out)
    main(["report", "status", "--format", "json"])
    (status,) = json.loads(capsys.readouterr().out)

    assert (row["state"], row["resolved_at"], status["open_incidents"]) == ("open", None, 1)

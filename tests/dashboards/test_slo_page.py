"""The page SLO: its words, and in a real browser the numbers of the report."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import BrowserContext, expect

from dashboards import slo_lines
from dashboards.screens.slo import bears_on, calls_of
from dashboards.view import View
from tests.dashboards.conftest import CALM
from tests.dashboards.served import Dashboard, Reader, reading, serving
from tests.dashboards.test_sre_pages import cells
from tests.verbs import report
from tests.warehouse.fresh import open_lake
from tests.warehouse.samples import APP, rows, stretch, usage
from tests.warehouse.test_slo import hist
from warehouse.lake import Flush
from warehouse.settings import LakeSettings

FILE = """
[[slos]]
name = "chat answers"
signal = "availability"
of = {tenant = "acme", feature = "chat"}
target = 99

[[slos]]
name = "first token"
signal = "ttft"
limit_ms = 800
target = "90"

[[slos]]
name = "beta is quick"
signal = "duration"
limit_ms = 3000
of = {tenant = "beta"}
target = 70
window = "7d"
"""
VIEW = View(period="Today", zone=ZoneInfo("UTC"), chosen={})


def make_slo_ledger(directory: Path) -> LakeSettings:
    """Acme: 1,000 chats of which 6 failed, 2 of the 100 of this minute; 40 streams, 2 slow. Beta: 10 calls, 4 slow."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    then, plain = now - timedelta(days=10), {"tenant": "acme", "feature": "chat", "model": "gpt-4o"}
    failed = plain | {"status": "error", "error_class": "timeout"}
    told = [
        usage(**plain, minute=then, calls=896, stream_calls=40, ttft_hist=hist(500, 38) + hist(900, 2)),
        usage(**failed, minute=then, calls=4),
        usage(**plain, minute=now, calls=98),
        usage(**failed, minute=now, calls=2),
        usage(tenant="beta", minute=now, calls=10, latency_hist=hist(1000, 6) + hist(5000, 4)),
    ]
    settings = LakeSettings(url=str(directory / "lake"))
    open_lake(settings).commit(Flush(ranges=(stretch(0, 1),), tables={"usage": {APP: rows("usage", *told)}}))
    return settings


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> LakeSettings:
    """A lake and, beside it, the file."""
    directory = tmp_path_factory.mktemp("slo")
    (directory / "slos.toml").write_text(FILE)
    return make_slo_ledger(directory)


@pytest.fixture(scope="module")
def said(lake: LakeSettings) -> dict[str, str]:
    """Variables that name the file."""
    return CALM | {"SPANLEDGER_SETTLE_SLOS": str(Path(lake.url).with_name("slos.toml"))}


@pytest.fixture(scope="module")
def served(lake: LakeSettings, said: dict[str, str]) -> Iterator[Dashboard]:
    """Its pages."""
    with serving(lake, **said) as dashboard:
        yield dashboard


@pytest.fixture
def someone(context: BrowserContext, served: Dashboard) -> Iterator[Reader]:
    """Who sees all."""
    del served
    with reading(context) as found:
        yield found


@pytest.mark.long
def test_the_first_line_says_how_many_targets_are_met_and_which_has_least_left(
    someone: Reader, served: Dashboard, lake: LakeSettings, said: dict[str, str]
):
    page = someone.open(f"{served.url}/slo")
    told = {row["objective"]: row for row in report("slo", variables={"SPANLEDGER_LAKE": lake.url, **said})}

    expect(page.locator(".sl-lead")).to_contain_text("2 of 3 targets are met; beta is quick has least of its error")
    expect(page.locator(".sl-lead")).to_contain_text("budget left: none, 1 call too many was bad")
    beta, chat, first = (cells(page, "Objectives", row) for row in range(3))
    assert beta[:6] == ["beta is quick", "-33.3 %", "60.0 %", "70 % end within 3.0 s", "7d", "used up"]
    assert chat[:6] == ["chat answers", "40.0 %", "99.4 %", "99 % succeed", "28d", "5 d 14 h"]
    assert chat[6:] == ["2.0", "2.0", "2.0", "2.0", "slow", "1,000", "6", "4", "tenant=acme, feature=chat"]
    assert (first[:5], first[-1]) == (["first token", "50.0 %", "95.0 %", "90 % begin within 800 ms", "28d"], "all")
    assert (told["chat answers"]["bad_calls"], told["chat answers"]["left_share"]) == (6, pytest.approx(0.4))
    assert told["beta is quick"]["left_share"] == pytest.approx(-1 / 3)
    expect(page.locator("[data-testid=stVegaLiteChart]")).to_be_visible()


@pytest.mark.long
def test_bad_calls_lead_to_the_calls_of_the_window_and_filters_leave_objectives_out(someone: Reader, served: Dashboard):
    page = someone.open(f"{served.url}/slo?tenant=acme")
    expect(page.locator(".sl-lead")).to_contain_text("2 of 2 targets are met")

    page.get_by_role("table", name="Objectives").get_by_role("link", name="6", exact=True).click()

    expect(page).to_have_url(re.compile("calls.*tenant=acme.*status=error"))
    expect(page.locator(".sl-lead, .sl-empty").first).to_be_visible()


@pytest.mark.long
def test_who_sees_one_tenant_sees_the_objectives_of_its_own(
    lake: LakeSettings, said: dict[str, str], context: BrowserContext
):
    with serving(lake, "--tenants", "beta", **said) as dashboard, reading(context) as guest:
        page = guest.open(f"{dashboard.url}/slo")

        expect(page.locator(".sl-lead")).to_contain_text("0 of 1 target is met")
        assert "acme" not in page.content()


def test_without_a_file_the_page_shows_one(reader: Reader, pages: Dashboard):
    page = reader.open(f"{pages.url}/slo")

    expect(page.locator(".sl-empty")).to_contain_text("There are no objectives yet")
    expect(page.locator(".sl-empty")).to_contain_text("[[slos]]")


def row(**values: Any) -> dict[str, Any]:
    """A row of the report."""
    plain = {"objective": "<b>", "signal": "availability", "met": True, "left_share": 0.5, "left_calls": 5.0}
    return plain | {"lasts_hours": None, "burning": None} | values


def test_the_words_of_the_first_line():
    assert slo_lines.objectives([row(), row(met=None, left_share=None)]).count("without calls") == 1
    assert "<b>has" not in slo_lines.objectives([row()])
    assert "&lt;b&gt; has least" in slo_lines.objectives([row()])
    assert ">3 d 4 h</b> at the pace" in slo_lines.objectives([row(lasts_hours=76.0)])
    assert [word in slo_lines.objectives([row(burning=mood)]) for mood, word in
            (("fast", "burns fast"), ("slow", ">burns<"), (None, ">calm<"))] == [True] * 3  # fmt: skip
    assert [slo_lines.left(one).text for one in (None, 0.4, 0.0, -0.125)] == ["—", "40.0 %", "0 %", "-12.5 %"]


def test_an_objective_bears_on_what_is_chosen_and_leads_to_its_calls():
    of = (("tenant", frozenset({"acme"})),)
    chosen = View(period="Today", zone=ZoneInfo("UTC"), chosen={"tenant": ["beta"]})
    window = {"window_start": datetime(2026, 10, 1, tzinfo=UTC), "window_end": datetime(2026, 10, 29, tzinfo=UTC)}

    assert (bears_on(of, VIEW), bears_on(of, chosen), bears_on((), chosen)) == (True, False, True)
    address = calls_of(of, window | {"signal": "availability"}, VIEW)
    assert "from=2026-10-01&to=2026-10-29&tenant=acme" in address
    assert "within=2026-10-01T00%3A00%3A00%2B00%3A00%2F2026-10-29T00%3A00%3A00%2B00%3A00&status=error" in address
    assert calls_of((("provider", frozenset({"openai"})),), window | {"signal": "ttft"}, VIEW) == ""

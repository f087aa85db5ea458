"""The pages for SREs, and the way from a number to its calls and their trace, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from dashboards.screens import PAGES
from tests.dashboards.ledgers import TRACE, make_busy_ledger
from tests.dashboards.served import Dashboard, Reader, cells, reading, serving
from tests.verbs import report
from warehouse.reader import ALL, Warehouse
from warehouse.settings import LakeSettings

EVERYTHING = "?period=All+time"
CALM = {"SPANLEDGER_DASHBOARD_REFRESH_S": "60"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """Pages, and the lake that they show."""

    pages: Dashboard
    lake: LakeSettings


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Busy]:
    """Pages of the busy ledger."""
    lake = make_busy_ledger(tmp_path_factory.mktemp("busy") / "lake")
    with serving(lake, **CALM) as dashboard:
        yield Busy(pages=dashboard, lake=lake)


@pytest.fixture(scope="module")
def someone(context: BrowserContext, busy: Busy) -> Iterator[Reader]:
    """Who opens all pages, and closes them before they are served no more."""
    del busy
    with reading(context) as found:
        yield found


def told_of(lake: LakeSettings, *words: str) -> list[dict[str, object]]:
    """What the command line says."""
    return report(*words, variables={"SPANLEDGER_LAKE": lake.url})


@pytest.mark.long
def test_latency_says_what_the_report_says(someone: Reader, busy: Busy):
    page = someone.open(f"{busy.pages.url}/latency{EVERYTHING}")
    (told,) = told_of(busy.lake, "latency", "--by", "")

    expect(page.locator(".sl-lead")).to_contain_text("Half of 105 calls took 376 ms or less so far, 95 % 2.7 s")
    expect(page.locator(".sl-lead")).to_contain_text("in 95 % of the streams (50.0 % of them tell)")
    assert (round(float(str(told["latency_p50_ms"]))), told["ttft_coverage"]) == (376, 0.5)
    assert cells(page, "By provider, model")[:4] == ["openai", "gpt-4o", "105", "376 ms"]
    hover = page.get_by_role("table", name="By route").locator("tbody tr").first.locator("td").nth(2).locator("span")
    expect(hover).to_have_attribute("title", f"{float(str(told['latency_p50_ms'])):,.3f} ms")


def test_errors_says_what_the_report_says(someone: Reader, busy: Busy):
    page = someone.open(f"{busy.pages.url}/errors{EVERYTHING}")
    failed, left = told_of(busy.lake, "errors", "--by", "")

    expect(page.locator(".sl-lead")).to_contain_text("9.5 % of 105 calls failed so far, 10 of them with rate_limit")
    assert (failed["error_class"], failed["errors"], failed["calls"]) == ("rate_limit", 10, 105)
    assert (left["status"], left["errors"]) == ("cancelled", 5)
    assert cells(page, "By class")[:3] == ["rate_limit", "105", "9.5 %"]
    assert cells(page, "By tenant, feature, class", 1)[:5] == ["globex", "chat", "cancelled", "5", "100 %"]
    assert cells(page, "Retries and fallbacks")[0] == "primary"


@pytest.mark.long
def test_each_way_to_fail_leads_to_its_own_calls(someone: Reader, busy: Busy):
    page = someone.open(f"{busy.pages.url}/errors{EVERYTHING}")
    page.get_by_role("table", name="By provider, model, class").get_by_role("link", name="10", exact=True).click()
    expect(page).to_have_url(
        re.compile("calls.*provider=openai&model_family=gpt-4o&status=error&error_class=rate_limit")
    )
    expect(page.get_by_text("Only provider openai (any provider) and model family gpt-4o (any model")).to_be_visible()
    expect(page.locator(".sl-empty")).to_be_visible()  # the one call of this ledger ended well

    page.get_by_role("link", name="any error class").click()
    expect(page.get_by_text("and model family gpt-4o (any model family).")).to_be_visible()
    expect(page).to_have_url(re.compile("provider=openai&model_family=gpt-4o&status=error"))

    page = someone.open(f"{busy.pages.url}/errors{EVERYTHING}")
    page.get_by_role("table", name="By class").get_by_role("link", name="5", exact=True).click()
    expect(page).to_have_url(re.compile("status=cancelled&error_class=unattributed"))


@pytest.mark.long
def test_a_list_of_calls_says_of_how_many_and_its_links_keep_what_it_is_narrowed_to(someone: Reader, busy: Busy):
    page = someone.open(f"{busy.pages.url}/calls{EVERYTHING}&zone=Asia%2FTokyo&status=ok&route=primary&provider=openai")
    expect(page.locator(".sl-empty")).to_contain_text("No calls in this view")  # its one span tells neither
    expect(page.get_by_role("link", name="Show everything")).to_have_attribute(
        "href", re.compile("period=All.time&zone=Asia%2FTokyo$")
    )

    page.get_by_role("link", name="any route").click()
    page.get_by_role("link", name="any provider").click()
    expect(page.locator(".sl-lead")).to_contain_text("The latest 1 of 90 calls that ended with ok, $9.00 in all")
    expect(page.get_by_role("table", name="Latest calls").get_by_role("link", name="acme")).to_have_attribute(
        "href", re.compile("tenant=acme.*status=ok")
    )


def test_safety_says_what_the_report_says(someone: Reader, busy: Busy):
    page = someone.open(f"{busy.pages.url}/safety{EVERYTHING}")
    told = {row["category"]: row for row in told_of(busy.lake, "safety", "--by", "")}

    expect(page.locator(".sl-lead")).to_contain_text("3 injections, 100 % of them blocked")
    assert (told["prompt_injection"]["triggered"], told["prompt_injection"]["contained_rate"]) == (3, 1.0)
    assert cells(page, "By category")[0] == "any of them"
    assert cells(page, "By category")[7:] == ["100", "3"]
    expect(page.locator("[aria-label*='events per minute by category']").first).to_be_visible()
    expect(page.get_by_role("table", name="By tenant, feature, category")).to_contain_text("prompt_injection")


@pytest.mark.long
def test_a_number_leads_to_its_calls_and_a_call_to_its_trace(someone: Reader, busy: Busy):
    page = someone.open(f"{busy.pages.url}/latency{EVERYTHING}")

    page.get_by_role("table", name="By tenant, feature").get_by_role("link", name="100", exact=True).click()
    expect(page.locator(".sl-lead")).to_contain_text("The latest 1 of 100 calls, $9.00 in all, so far")
    expect(page).to_have_url(re.compile("calls.*tenant=acme"))
    page.get_by_role("table", name="Latest calls").get_by_role("link", name=TRACE.hex()[:8]).click()

    expect(page.locator(".sl-lead")).to_contain_text("3 spans in 3.0 s cost $0.0042")
    first, second, third = (cells(page, "Spans of the trace", row) for row in range(3))
    assert first[0] == "invoke_agent planner"
    assert (second[0], second[3:]) == ("chat gpt-4o", ["1.2 s", "310 ms", "1,240", "17", "$0.0042"])
    assert (third[0], third[3]) == ("execute_tool search timeout", "400 ms")


def test_what_is_no_trace_says_so(someone: Reader, busy: Busy):
    page = someone.open(f"{busy.pages.url}/trace?trace=00ff")
    expect(page.locator(".sl-empty")).to_contain_text("No span of trace 00ff is in the ledger")

    page = someone.open(f"{busy.pages.url}/trace")
    expect(page.locator(".sl-empty")).to_contain_text("Which trace?")


def test_an_incident_says_what_who_why_and_what_to_do_and_can_be_acknowledged(someone: Reader, busy: Busy):
    page = someone.open(f"{busy.pages.url}/incidents{EVERYTHING}")
    expect(page.locator(".sl-lead")).to_contain_text(
        "1 open incident, $6.00 above what is usual so far, $180.00 an hour"
    )

    page.get_by_role("table", name="Open incidents").get_by_role("link", name="acme · chat").click()
    expect(page.locator(".sl-facts")).to_contain_text("$7.50, where $1.50 is usual")
    expect(page.locator(".sl-facts")).to_contain_text("docs/runbooks/spend.md")
    assert cells(page, "What it is made of") == ["calls", "10", "2", "$6.00"]
    assert cells(page, "Where it comes from")[:2] == ["model", "gpt-4o"]
    assert cells(page, "What changed near its beginning")[:2] == ["prompt_version", "v7"]
    expect(page.get_by_role("table", name="Sample traces").get_by_role("link")).to_have_text(TRACE.hex()[:8])

    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("button", name="Acknowledge")).to_be_disabled()
    expect(page.locator(".sl-facts")).not_to_contain_text("by nobody yet")
    (told,) = Warehouse(busy.lake).ask("incidents", ALL).to_pylist()
    assert told["acknowledged_at"] is not None


@pytest.mark.long
def test_an_incident_can_be_silenced_and_judged(someone: Reader, busy: Busy):
    page = someone.open(f"{busy.pages.url}/incidents{EVERYTHING}&incident=i1")

    page.get_by_role("combobox", name="Silence for").click()
    page.get_by_role("option", name="4 hours").click()
    page.get_by_role("button", name="Silence", exact=True).click()
    expect(page.locator(".sl-facts")).to_contain_text("Silenced until")
    page.get_by_role("combobox", name="Was it worth telling?").click()
    page.get_by_role("option", name="That is usual").click()
    page.get_by_role("button", name="Say so").click()

    expect(page.locator(".sl-facts")).to_contain_text("expected")
    (told,) = Warehouse(busy.lake).ask("incidents", ALL).to_pylist()
    assert (told["feedback"], told["silenced_until"] is not None) == ("expected", True)


@pytest.mark.long
def test_who_sees_one_tenant_sees_no_other_on_any_page_and_decides_nothing(browser: Browser, tmp_path: Path):
    lake = make_busy_ledger(tmp_path / "lake")
    context = browser.new_context()
    with serving(lake, "--tenants", "globex", **CALM) as dashboard, reading(context) as guest:
        for path in (screen.path for screens in PAGES.values() for screen in screens):
            page = guest.open(f"{dashboard.url}/{path}{EVERYTHING}")
            assert "acme" not in page.content()
        page = guest.open(f"{dashboard.url}/incidents{EVERYTHING}&incident=i1")
        expect(page.locator(".sl-empty")).to_contain_text("No such incident")
        page = guest.open(f"{dashboard.url}/trace?trace={TRACE.hex()}")
        expect(page.locator(".sl-empty")).to_contain_text("No such trace")
    context.close()

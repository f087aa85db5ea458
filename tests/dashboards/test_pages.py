"""The pages in a real browser, served by the real command on a lake with known rows."""

import csv
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from dashboards.screens import PAGES
from tests.dashboards.ledgers import CALLS, HOSTILE, make_empty_ledger, make_ledger, settings, total
from tests.dashboards.served import Dashboard, Reader, profile, reading, serving

EVERYTHING = "?period=All+time"


def _chosen(control: str, value: str) -> re.Pattern[str]:
    """Addresses in which a control has one value. The browser writes it after the page is drawn: expect it, ask not."""
    return re.compile(rf"[?&]{control}={re.escape(value)}(&|$)")


@pytest.fixture(scope="module")
def someone(context: BrowserContext) -> Iterator[Reader]:
    """Who opens the pages that many tests only read, once for all of them."""
    with reading(context) as found:
        yield found


@pytest.fixture(scope="module")
def spend(someone: Reader, pages: Dashboard) -> Page:
    """The spend page on everything."""
    return someone.open(f"{pages.url}/{EVERYTHING}")


@pytest.fixture(scope="module")
def spend_of_acme(someone: Reader, pages_of_acme: Dashboard) -> Page:
    """The same of those who may see acme alone."""
    return someone.open(f"{pages_of_acme.url}/{EVERYTHING}")


@pytest.fixture(scope="module")
def pipeline(someone: Reader, pages: Dashboard) -> Page:
    """The pipeline page on everything."""
    return someone.open(f"{pages.url}/pipeline{EVERYTHING}")


@pytest.fixture(scope="module")
def pipeline_of_acme(someone: Reader, pages_of_acme: Dashboard) -> Page:
    """The same of those who may see acme alone."""
    return someone.open(f"{pages_of_acme.url}/pipeline{EVERYTHING}")


def test_the_first_line_is_the_exact_total(spend: Page):
    lead = spend.locator(".sl-lead")

    expect(lead).to_contain_text("$21.60 spent so far by 3 tenants")
    expect(lead.locator("b").first).to_have_attribute("title", f"{total()} USD")
    expect(spend.locator(".sl-sub").first).to_contain_text("60 calls · 744 k input tokens")
    expect(spend).to_have_title("Spend")


def test_the_header_says_whether_it_may_change_how_much_is_priced_and_how_fresh_it_is(spend: Page):
    state = spend.locator(".sl-head .sl-state")

    expect(spend.get_by_role("heading", name="Spend", exact=True)).to_be_visible()
    expect(state).to_contain_text(re.compile(r"provisional · 83\.3 % priced · data as of \d\d:\d\d:\d\d \("))
    expect(state.get_by_text("83.3 %")).to_have_attribute("title", re.compile(r"^50 of 60 calls, 83\.3333\d* %$"))


@pytest.mark.long
def test_every_page_has_the_header(reader: Reader, pages: Dashboard):
    for screen in (screen for screens in PAGES.values() for screen in screens):
        page = reader.open(f"{pages.url}/{screen.path}{EVERYTHING}")
        expect(page.locator(".sl-head h1")).to_have_text(screen.title)
        expect(page.locator(".sl-head")).to_contain_text("data as of")
        page.close()


def test_a_narrow_window_has_its_filters_behind_a_switch(reader: Reader, pages: Dashboard):
    page = reader.open(f"{pages.url}/{EVERYTHING}")
    expect(page.get_by_role("combobox", name="Tenant")).to_be_visible()

    page.set_viewport_size({"width": 480, "height": 900})
    expect(page.get_by_role("combobox", name="Tenant")).to_be_hidden()
    page.get_by_text("Filters", exact=True).click()
    expect(page.get_by_role("combobox", name="Tenant")).to_be_visible()


def test_a_table_holds_every_tenant_with_the_exact_amount_on_hover(spend: Page):
    tenants = spend.get_by_role("table", name="By tenant", exact=True)

    expect(tenants.locator("tbody tr")).to_have_count(4)
    expect(tenants.locator("tbody tr").first).to_have_text("acme20100 %$12.35")
    expect(tenants.get_by_title(f"{total('acme')} USD")).to_have_text("$12.35")


def test_a_table_holds_every_combination(spend: Page):
    rows = spend.get_by_role("table", name="By tenant, feature, model").locator("tbody tr")

    expect(rows).to_have_count(len(CALLS))


def test_names_from_spans_are_text(spend: Page):
    expect(spend.get_by_role("table", name="By feature", exact=True)).to_contain_text(HOSTILE)


def test_the_chart_is_described_in_words(spend: Page):
    expect(spend.locator("[aria-label*='spend in USD per minute by tenant']").first).to_be_visible()


def test_an_export_is_exact_and_complete(spend: Page):
    with spend.expect_download() as download:
        spend.locator(".st-key-export-spend-by-tenant-feature-model button").first.click()

    found = {
        (row["tenant"], row["feature"], row["model"]): row["cost_usd"]
        for row in csv.DictReader(download.value.path().read_text("utf-8").splitlines())
    }
    assert {key: Decimal(cost) if cost else None for key, cost in found.items()} == {
        (tenant or "", feature or "", model): Decimal(cost) if cost else None for tenant, feature, model, cost in CALLS
    }


def test_a_link_shows_the_same_view(reader: Reader, pages: Dashboard):
    page = reader.open(f"{pages.url}/{EVERYTHING}&tenant=globex&feature=chat&model=gpt-4o&zone=Asia%2FKolkata")

    expect(page.locator(".sl-lead")).to_contain_text("$7.50 spent so far by 1 tenant")
    expect(page.locator(".sl-note", has_text="times in Asia/Kolkata")).to_be_visible()


def test_the_unattributed_can_be_looked_at_alone(reader: Reader, pages: Dashboard):
    page = reader.open(f"{pages.url}/{EVERYTHING}&tenant=unattributed")

    expect(page.locator(".sl-lead")).to_contain_text("$0.50 spent so far by 0 tenants")


def test_a_link_to_a_tenant_without_spend_shows_no_spend(reader: Reader, pages: Dashboard):
    page = reader.open(f"{pages.url}/{EVERYTHING}&tenant=nobody")

    expect(page.locator(".sl-empty")).to_contain_text("No calls in this view")


@pytest.mark.long
def test_a_click_on_a_name_narrows_the_view_to_it(reader: Reader, pages: Dashboard):
    page = reader.open(f"{pages.url}/{EVERYTHING}")

    page.get_by_role("table", name="By tenant", exact=True).get_by_role("link", name="globex").click()

    expect(page.locator(".sl-lead")).to_contain_text("$8.75 spent so far by 1 tenant")
    expect(page).to_have_url(_chosen("tenant", "globex"))


@pytest.mark.long
def test_a_choice_goes_into_the_address(reader: Reader, pages: Dashboard):
    page = reader.open(f"{pages.url}/{EVERYTHING}")

    page.get_by_role("combobox", name="Feature").click()
    page.get_by_role("option", name="search").click()

    expect(page.locator(".sl-lead")).to_contain_text("$0.0042 spent so far by 1 tenant")
    expect(page).to_have_url(_chosen("feature", "search"))


def test_the_pipeline_page_heeds_no_filter_and_offers_none(reader: Reader, pages: Dashboard):
    page = reader.open(f"{pages.url}/pipeline{EVERYTHING}&tenant=acme&feature=chat")

    expect(page.locator(".sl-lead")).to_contain_text("drops for 1 reason so far, 2 open incidents")
    expect(page.locator(".sl-head .sl-state")).to_contain_text("83.3 % priced")  # of all; of this tenant it is another
    for dimension in ("Tenant", "Feature", "Model"):
        expect(page.get_by_role("combobox", name=dimension)).to_be_disabled()


def test_the_pipeline_page_answers_whether_it_is_healthy_and_how_fresh(pipeline: Page):
    expect(pipeline.locator(".sl-lead")).to_contain_text("Needs attention")
    expect(pipeline.locator(".sl-lead")).to_contain_text("drops for 1 reason so far, 2 open incidents")
    expect(pipeline.get_by_role("table", name="Open incidents")).to_contain_text("globex · chat")
    expect(pipeline.get_by_role("table", name="Open incidents")).to_contain_text("model gpt-4o")
    expect(pipeline.get_by_role("table", name="Open incidents")).to_contain_text("anthropic · opus")
    expect(pipeline.get_by_role("table", name="Open incidents")).to_contain_text("31 %")
    expect(pipeline.get_by_role("table", name="Partitions").locator("tbody tr")).to_have_count(1)
    expect(pipeline.get_by_role("table", name="Dead letters and other drops")).to_contain_text("bad_payload")
    expect(pipeline.get_by_role("table", name="Calls without a price")).to_contain_text("in-house-7b")


def test_the_pipeline_page_shows_what_was_changed_what_is_only_metered_and_what_was_judged(pipeline: Page):
    hidden = pipeline.get_by_role("table", name="Names hidden").locator("tbody tr")
    repairs = pipeline.get_by_role("table", name="Token counts repaired or refused").locator("tbody tr")
    metered = pipeline.get_by_role("table", name="Services that count tokens and send no spans").locator("tbody tr")
    judged = pipeline.get_by_role("table", name="Outcomes, evaluations and feedback").locator("tbody tr")
    expect(hidden).to_have_count(2)
    expect(hidden.first).to_contain_text("hidden_value")
    expect(repairs).to_have_count(1)
    expect(repairs.first).to_contain_text("cache_outside_inputrepairedlitellm_v1")
    expect(metered).to_have_count(1)
    expect(metered.first).to_contain_text("globexsilent-deskopenaigpt-4o")
    expect(judged).to_have_count(1)
    expect(judged.first).to_contain_text("successexplicit")
    expect(judged.first.locator("td").nth(6)).to_have_text("3")


def test_the_pipeline_page_of_some_tenants_shows_no_other_tenants_repairs_or_outcomes(pipeline_of_acme: Page):
    judged = pipeline_of_acme.get_by_role("table", name="Outcomes, evaluations and feedback").locator("tbody tr")
    expect(judged.first.locator("td").nth(6)).to_have_text("2")
    expect(pipeline_of_acme.locator("body")).not_to_contain_text("silent-desk")
    expect(pipeline_of_acme.locator("body")).not_to_contain_text("cache_outside_input")
    expect(pipeline_of_acme.locator("body")).not_to_contain_text("Names hidden")


@pytest.mark.long
def test_pages_are_one_click_apart_and_keep_the_period(reader: Reader, pages: Dashboard):
    page = reader.open(f"{pages.url}/{EVERYTHING}")

    page.get_by_role("link", name="Pipeline").click()

    expect(page.get_by_role("table", name="Partitions")).to_be_visible()
    expect(page).to_have_url(_chosen("period", "All+time"))


def test_a_scope_hides_other_tenants(spend_of_acme: Page):
    expect(spend_of_acme.locator(".sl-lead")).to_contain_text("$12.35 spent so far by 1 tenant")
    expect(spend_of_acme.get_by_role("table", name="By tenant, feature, model")).to_be_visible()
    assert "globex" not in spend_of_acme.content()


def test_a_scope_offers_no_other_tenant_to_choose(spend_of_acme: Page):
    spend_of_acme.get_by_role("combobox", name="Tenant").click()

    expect(spend_of_acme.get_by_role("option", name="acme")).to_be_visible()
    assert "globex" not in spend_of_acme.content()


def test_a_filter_cannot_widen_the_scope(reader: Reader, pages_of_acme: Dashboard):
    page = reader.open(f"{pages_of_acme.url}/{EVERYTHING}&tenant=globex&tenant=unattributed")

    expect(page.locator(".sl-empty")).to_contain_text("No calls in this view")


def test_a_scope_hides_the_incidents_and_models_of_others(pipeline_of_acme: Page):
    expect(pipeline_of_acme.locator(".sl-lead")).to_contain_text("All quiet")
    expect(pipeline_of_acme.locator(".sl-lead")).to_contain_text("no open incident")
    expect(pipeline_of_acme.get_by_role("table", name="Calls without a price")).to_contain_text("in-house-7b")
    assert "globex" not in pipeline_of_acme.content()


def test_a_scope_hides_what_is_about_the_whole_deployment(pipeline_of_acme: Page):
    expect(pipeline_of_acme.locator(".sl-sub").first).to_contain_text(
        re.compile(r"^1 spans read · 20 billable calls · 100 %.* hours? not settled yet$")
    )
    for table in ("Partitions", "Dead letters and other drops"):
        expect(pipeline_of_acme.get_by_text(table)).to_have_count(0)
    assert "messages" not in pipeline_of_acme.locator("body").inner_text()


LISTING = """window.listed = [];
new MutationObserver(() => {
  const found = document.querySelector('[data-testid^="stSidebar"]');
  if (found) window.listed.push(found.innerText);
}).observe(document, {childList: true, subtree: true});"""


@pytest.mark.long
def test_whoever_comes_first_may_open_any_page_and_sees_no_list_of_files(browser: Browser, tmp_path: Path):
    with serving(make_ledger(tmp_path / "lake")) as dashboard, profile(browser) as fresh, reading(fresh) as first:
        fresh.add_init_script(LISTING)
        page = first.open(f"{dashboard.url}/pipeline{EVERYTHING}")

        expect(page.get_by_role("table", name="Partitions")).to_be_visible()
        listed = {line for text in page.evaluate("window.listed") for line in text.splitlines() if line}
        assert listed <= {*PAGES, *(screen.title for screens in PAGES.values() for screen in screens)}


@pytest.mark.long
def test_pages_served_before_there_is_a_lake_fill_by_themselves(reader: Reader, tmp_path: Path):
    with serving(settings(tmp_path / "lake"), SPANLEDGER_DASHBOARD_REFRESH_S="1") as dashboard:
        page = reader.open(f"{dashboard.url}/{EVERYTHING}")
        expect(page.locator(".sl-empty")).to_contain_text("There is no ledger here yet")

        make_empty_ledger(tmp_path / "lake")
        expect(page.locator(".sl-empty")).to_contain_text("Nothing has been billed yet")
        make_ledger(tmp_path / "lake")
        expect(page.locator(".sl-lead")).to_contain_text("$21.60 spent so far")
        page.close()

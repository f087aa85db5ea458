"""The pages for finance in a real browser: their numbers are those of the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from dashboards import figures
from dashboards.waterfall import PARTS
from tests.dashboards.books import Booked, make_booked_ledger
from tests.dashboards.served import Dashboard, Reader, cells, reading, serving
from tests.verbs import Said, report, say

pytestmark = pytest.mark.long


@dataclass(frozen=True, slots=True, kw_only=True)
class Finance:
    """Pages, and the books that they show."""

    pages: Dashboard
    books: Booked

    @property
    def variables(self) -> dict[str, str]:
        """Settings of the command line on these books."""
        return {"SPANLEDGER_LAKE": self.books.lake.url, **self.books.variables}

    def run(self, *words: str) -> Said:
        """A verb of the command line on these books."""
        return say(*words, variables=self.variables)

    def report(self, *words: str) -> list[dict[str, Any]]:
        """Rows of a report."""
        return report(*words, variables=self.variables)


@pytest.fixture(scope="module")
def finance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finance]:
    """Pages of settled books."""
    books = make_booked_ledger(tmp_path_factory.mktemp("booked"))
    with serving(books.lake, **books.variables) as dashboard:
        yield Finance(pages=dashboard, books=books)


@pytest.fixture(scope="module")
def someone(context: BrowserContext, finance: Finance) -> Iterator[Reader]:
    """Who opens all pages, and closes them before they are served no more."""
    del finance
    with reading(context) as found:
        yield found


@pytest.fixture(autouse=True)
def closed(someone: Reader) -> Iterator[None]:
    """Pages of one test do not look again while others are drawn."""
    yield
    while someone.pages:
        someone.pages.pop().close()


def money(text: object) -> str:
    """An amount of the command line as people see it."""
    return figures.usd(Decimal(str(text))).text


def as_of(page: Page) -> str:
    """The minute that a page's forecast is of, as a parameter."""
    note = page.locator(".sl-note", has_text="As of").inner_text()
    found = re.search(r"As of (\S+) (\S+) UTC", note)
    assert found
    return f"now={found[1]}T{found[2]}:00Z"


def test_spend_says_how_the_month_goes_against_budget_and_forecast(someone: Reader, finance: Finance):
    page = someone.open(f"{finance.pages.url}/?period=Month+to+date")
    expect(page.get_by_role("table", name="This month: budgets and forecast")).to_be_visible()
    now = as_of(page)
    (spent,) = finance.report("spend", "--by", "", "--from", f"{now[4:11]}-01")
    (told,) = finance.report("forecast", "--param", now)
    whole, of_chat = finance.report("budgets", "--param", now)

    lead = page.locator(".sl-lead")
    expect(lead).to_contain_text(f"{money(spent['cost_usd'])} spent this month by 3 tenants")
    used = figures.share(whole["used_share"]).text
    expect(lead).to_contain_text(f"{money(told['spent_usd'])} stands in the books, {used} of its budget of $180.00")
    expect(lead).to_contain_text(
        f"{money(told['forecast_usd'])} expected by the end of the month "
        f"({money(told['low_80_usd'])} to {money(told['high_80_usd'])} eight times in ten)"
    )
    exact = figures.usd(Decimal(told["forecast_usd"])).exact
    expect(lead.get_by_title(exact)).to_have_text(money(told["forecast_usd"]))
    assert cells(page, "This month: budgets and forecast", 2)[:7] == [
        "Chat of acme",
        "tenant=acme,feature=chat",
        "chat@acme.example",
        "$25.00",
        money(of_chat["settled_usd"]),
        money(of_chat["provisional_usd"]),
        figures.share(of_chat["used_share"]).text,
    ]


def test_a_view_is_held_against_its_own_budget(someone: Reader, finance: Finance):
    page = someone.open(f"{finance.pages.url}/?period=Last+24+hours&tenant=acme&feature=chat")
    _, of_chat = finance.report("budgets", "--param", as_of(page))

    expect(page.locator(".sl-lead")).to_contain_text(
        f"{money(of_chat['spent_usd'])} this month, {figures.share(of_chat['used_share']).text} of its budget of $25.00"
    )


def test_spend_says_why_it_is_another_than_before(someone: Reader, finance: Finance):
    page = someone.open(f"{finance.pages.url}/?period=Last+30+days")
    note = page.locator(".sl-note", has_text="settled hours").inner_text()
    start, end = re.findall(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d)", note)[:2]
    (told,) = finance.report("variance", "--by", "", "--from", "T".join(start) + ":00Z", "--to", "T".join(end) + ":00Z")

    rows = page.get_by_role("table", name="What made the difference").locator("tbody tr")
    shown = {row[0]: row[2] for row in (one.locator("td").all_inner_texts() for one in rows.all())}
    names = {column: name for column, (name, _) in PARTS.items() if Decimal(told[column])}
    names |= {"difference_usd": "All together"}
    assert len(names) > 2
    assert shown == {name: figures.change(Decimal(told[column])).text for column, name in names.items()}
    expect(page.locator("[aria-label*='Waterfall']").first).to_be_visible()


def test_spend_stands_beside_that_of_the_period_before(someone: Reader, finance: Finance):
    page = someone.open(f"{finance.pages.url}/?period=Last+month&compare=true")
    expect(page.get_by_role("switch", name="Compare")).to_be_checked()
    month = finance.books.closed_month
    before = (month - timedelta(days=1)).replace(day=1)
    rows = finance.report("settled-spend", "--by", "tenant", "--from", before.isoformat(), "--to", month.isoformat())
    spent = {row["tenant"]: row["cost_usd"] for row in rows}

    first = cells(page, "By tenant")
    assert (first[0], first[3]) == ("globex", money(spent.get("globex", 0)))
    expect(page.locator(".sl-note", has_text=f"Before: from {before} 00:00 to {month} 00:00").first).to_be_visible()


def test_spend_of_a_settled_month_is_what_the_books_say(someone: Reader, finance: Finance):
    page = someone.open(f"{finance.pages.url}/?period=Last+month")
    month = finance.books.closed_month
    days = ("--from", month.isoformat(), "--to", (month + timedelta(days=32)).replace(day=1).isoformat())
    (told,) = finance.report("settled-spend", "--by", "", *days)
    rows = finance.report("settled-spend", "--by", "tenant,feature,model", *days)

    expect(page.locator(".sl-lead")).to_contain_text(f"{money(told['cost_usd'])} spent last month")
    expect(page.locator(".sl-state")).to_contain_text("settled · ")
    expect(page.locator(".sl-sub").first).not_to_contain_text("median call")
    table = page.get_by_role("table", name="By tenant, feature, model", exact=True)
    expect(table.locator("tbody tr")).to_have_count(len(rows))
    assert money(max(Decimal(row["cost_usd"] or 0) for row in rows)) in cells(page, "By tenant, feature, model")


def test_who_compares_goes_on_comparing_on_the_way_to_a_part(someone: Reader, finance: Finance):
    page = someone.open(f"{finance.pages.url}/?period=Last+month&compare=true")

    page.get_by_role("table", name="By tenant", exact=True).get_by_role("link", name="globex").click()

    expect(page).to_have_url(re.compile("tenant=globex.*compare=true"))
    expect(page.get_by_role("switch", name="Compare")).to_be_checked()


def test_cost_per_successful_task_is_that_of_the_report_with_its_bound(someone: Reader, finance: Finance):
    page = someone.open(f"{finance.pages.url}/successful-tasks?period=All+time")
    (told,) = finance.report("cost-per-successful-task", "--by", "")

    lead = page.locator(".sl-lead")
    expect(lead).to_contain_text(
        f"{money(told['cost_per_successful_task_usd'])} for a successful task so far; "
        f"{told['successful_tasks']} of {told['tasks']} tasks succeeded, "
        f"{figures.share(told['outcome_coverage']).text} have an outcome: "
        f"if all the others had succeeded too, {money(told['cost_per_successful_task_low_usd'])}"
    )
    exact = figures.usd(Decimal(told["cost_per_successful_task_usd"])).exact
    expect(lead.get_by_title(exact)).to_have_text(money(told["cost_per_successful_task_usd"]))
    expect(page.locator(".sl-state")).to_contain_text("settled up to")
    share = figures.share(told["priced_share"])
    expect(page.locator(".sl-state").get_by_text(share.text)).to_be_visible()


def test_what_one_costs_and_what_was_wasted_are_those_of_the_reports(someone: Reader, finance: Finance):
    page = someone.open(f"{finance.pages.url}/successful-tasks?period=All+time")
    (units,) = finance.report("unit-economics", "--by", "", "--param", "bucket=")
    (waste,) = finance.report("waste", "--by", "")

    of = ("successful_task", "safe_successful_task", "task", "request", "active_user", "1k_tokens")
    shown = [cells(page, "What one costs", place)[2] for place in range(len(of))]
    assert shown == [money(units[f"cost_per_{one}_usd"]) for one in of]
    parts = ("failed", "retried", "superseded", "failed_tasks", "waste")
    assert [cells(page, "What was wasted", place)[2] for place in range(len(parts))] == [
        money(waste[f"{part}_usd"]) for part in parts
    ]


def test_successes_are_split_by_what_the_reader_chooses(someone: Reader, finance: Finance):
    page = someone.open(f"{finance.pages.url}/successful-tasks?period=All+time")
    first = finance.report("cost-per-successful-task", "--by", "tenant,feature,prompt_version")[0]

    page.get_by_role("button", name="prompt version").click()
    expect(page.get_by_text("Tasks do not tell which models and prompt versions went together")).to_be_visible()
    page.get_by_role("button", name="model", exact=True).click()

    shown = cells(page, "By tenant, feature, prompt version")
    assert shown[:5] == [
        first["tenant"],
        first["feature"],
        first["prompt_version"],
        str(first["calls"]),
        str(first["tasks"]),
    ]
    assert shown[11] == money(first["cost_per_successful_task_usd"])
    expect(page).to_have_url(re.compile("split=tenant&split=feature&split=prompt.version"))


def test_filters_narrow_the_books_too(someone: Reader, finance: Finance):
    page = someone.open(f"{finance.pages.url}/successful-tasks?period=All+time&tenant=acme&model=gpt-4o-mini")
    where = ("--tenant", "acme", "--param", "where=model=gpt-4o-mini")
    (told,) = finance.report("cost-per-successful-task", "--by", "", *where)

    expect(page.locator(".sl-lead")).to_contain_text(
        f"{money(told['cost_per_successful_task_usd'])} for a successful task so far; {told['successful_tasks']} of"
    )


def test_a_page_of_the_books_without_a_settled_call_says_what_to_do(someone: Reader, finance: Finance):
    page = someone.open(f"{finance.pages.url}/successful-tasks?period=All+time&tenant=nobody")

    expect(page.locator(".sl-empty")).to_contain_text("Nothing settled in this view")
    expect(page.locator(".sl-empty")).to_contain_text("spanledger settle")


def hand_in(page: Page, *files: Path) -> None:
    """Upload bills."""
    page.locator('input[type="file"]').set_input_files([str(file) for file in files])
    for file in files:  # it can be taken away again once it has arrived
        expect(page.get_by_role("button", name=f"Remove {file.name}")).to_be_visible()
    page.get_by_role("button", name="Hand in").click()


def test_a_file_that_is_no_bill_is_refused_with_what_to_change(someone: Reader, finance: Finance, tmp_path: Path):
    page = someone.open(f"{finance.pages.url}/invoice?period=All+time")
    expect(page.locator(".sl-empty")).to_contain_text("Nothing to compare")
    scan, table = tmp_path / "scan.pdf", tmp_path / "table.csv"
    scan.write_bytes(b"%PDF-1.7")
    table.write_text("when,who\n1,2\n")

    hand_in(page, scan, table)

    said = page.get_by_role("status").filter(has=page.locator(".sl-said"))
    expect(said).to_contain_text("Not all of it")
    expect(said).to_contain_text("scan.pdf: it is a PDF: give it as CSV, Parquet or the JSON of the API")
    expect(said).to_contain_text("table.csv: the columns are those of no bill; for generic it lacks day")


def test_a_bill_is_held_against_the_books_by_day_and_cause(someone: Reader, finance: Finance):
    page = someone.open(f"{finance.pages.url}/invoice?period=All+time")

    hand_in(page, finance.books.bill)

    expect(page.get_by_text("openai-bill.csv: 54 lines imported")).to_be_visible(timeout=60_000)
    lead = page.locator(".sl-lead")
    expect(lead).to_contain_text("billed so far")
    (told,) = json.loads(finance.run("reconcile", "--by", "", "--format", "json").out)
    expect(lead).to_contain_text(
        f"{money(told['theirs_usd'])} billed so far, {money(told['ours_usd'])} in the books: "
        f"a difference of {figures.change(Decimal(told['difference_usd'])).text}"
    )
    expect(page.locator(".sl-sub").first).to_contain_text(f"{figures.share(told['capture_rate']).text} of the billed")
    for place, cause in enumerate(told["causes"]):
        shown = cells(page, "By cause", place)
        assert (shown[0], shown[2]) == (cause.replace("_", " "), figures.change(Decimal(told[f"{cause}_usd"])).text)
    days = json.loads(finance.run("reconcile", "--by", "provider,day", "--format", "json").out)
    rows = page.get_by_role("table", name="By day, provider").locator("tbody tr")
    expect(rows).to_have_count(len(days))
    for place, day in enumerate(days):
        shown = cells(page, "By day, provider", place)
        assert [shown[0], shown[5], shown[6]] == [day["day"], money(day["ours_usd"]), money(day["theirs_usd"])]


def test_the_same_days_from_another_file_are_refused_until_somebody_says_what_it_is(
    someone: Reader, finance: Finance, tmp_path: Path
):
    again, newer = tmp_path / "again.csv", tmp_path / "newer.csv"
    finance.run("reconcile", str(finance.books.bill))
    for file in (again, newer):
        file.write_text("".join(finance.books.bill.read_text().splitlines(keepends=True)[:-1]))
    page = someone.open(f"{finance.pages.url}/invoice?period=All+time")

    hand_in(page, again)
    expect(page.get_by_text("again.csv tells of")).to_contain_text("--overlap replace")

    page.get_by_role("combobox", name="If such days are imported already").click()
    page.get_by_role("option", name="it is a newer export: it replaces them").click()
    hand_in(page, newer)
    expect(page.get_by_text("newer.csv: 53 lines imported")).to_be_visible(timeout=60_000)


def test_an_invoice_can_be_looked_at_by_its_sides(someone: Reader, finance: Finance):
    page = someone.open(f"{finance.pages.url}/invoice?period=All+time")

    page.get_by_role("radio", name="ours and theirs").click()

    expect(page.locator("[aria-label*='ours and theirs']").first).to_be_visible()


def statements(finance: Finance, *words: str) -> dict[tuple[str, str | None], Decimal]:
    """What each payer bears in each month, by the command line."""
    found: dict[tuple[str, str | None], Decimal] = {}
    for row in finance.report("chargeback", "--param", "detail=", *words):
        key = row["period"], row[next(iter(row))]
        found[key] = found.get(key, Decimal(0)) + Decimal(row["cost_usd"] or 0)
    return found


def test_chargeback_says_what_each_tenant_bears_in_a_month(someone: Reader, finance: Finance):
    month = finance.books.closed_month
    page = someone.open(f"{finance.pages.url}/chargeback?period=Last+month")
    borne = statements(finance, "--from", month.isoformat(), "--to", f"{month + timedelta(days=31):%Y-%m}-01")

    total = figures.usd(sum(borne.values(), Decimal(0)))
    expect(page.locator(".sl-lead")).to_contain_text(f"{total.text} on the statements of 3 tenants, {month:%B %Y}")
    expect(page.locator(".sl-lead").get_by_title(total.exact)).to_be_visible()
    rows = page.get_by_role("table", name="By tenant and month").locator("tbody tr")
    expect(rows).to_have_count(len(borne))
    shown = {row[0]: row[7] for row in (one.locator("td").all_inner_texts() for one in rows.all())}
    assert shown == {tenant or "unattributed": money(cost) for (_, tenant), cost in borne.items()}


def test_a_statement_is_one_click_from_its_sum_and_shows_adjustments_and_shares(someone: Reader, finance: Finance):
    page = someone.open(f"{finance.pages.url}/chargeback?period=All+time&by=cost+centre")

    page.get_by_role("table", name="By cost centre and month").get_by_role("link", name="CC-100").first.click()

    table = page.get_by_role("table", name="Statement of CC-100")
    lines = [row for row in finance.report("chargeback", "--by", "cost_centre") if row["cost_centre"] == "CC-100"]
    expect(table.locator("tbody tr")).to_have_count(len(lines))
    expect(table).to_contain_text("platform overhead")
    expect(table).to_contain_text("late")
    expect(table).to_contain_text(f"{finance.books.closed_month:%Y-%m}")


@pytest.mark.parametrize(("kind", "begins"), [("CSV", b"tenant,"), ("Parquet", b"PAR1"), ("PDF", b"%PDF")])
def test_statements_are_files_as_the_command_line_writes_them(
    someone: Reader, finance: Finance, tmp_path: Path, kind: str, begins: bytes
):
    page = someone.open(f"{finance.pages.url}/chargeback?period=All+time")

    with page.expect_download(timeout=60_000) as download:
        page.get_by_role("button", name=f"Statements, {kind}").click()

    found = download.value.path().read_bytes()
    assert found.startswith(begins)
    if kind != "PDF":  # it says when it was made
        to = f"{datetime.now(UTC).replace(day=1) + timedelta(days=32):%Y-%m}-01"
        finance.run("report", "chargeback", "--format", kind.lower(), "--to", to, "--out", str(tmp_path / "file"))
        assert found == (tmp_path / "file").read_bytes()


def test_a_month_of_focus_is_the_file_of_the_command_line(someone: Reader, finance: Finance, tmp_path: Path):
    page = someone.open(f"{finance.pages.url}/chargeback?period=Last+month")
    month = f"{finance.books.closed_month:%Y-%m}"

    with page.expect_download(timeout=60_000) as download:
        page.get_by_role("button", name=f"FOCUS {month}, CSV").click()

    finance.run("export", "focus", "--month", month, "--out", str(tmp_path / "focus.csv"))
    assert download.value.suggested_filename == f"focus-{month}.csv"
    assert download.value.path().read_bytes() == (tmp_path / "focus.csv").read_bytes()


def test_close_says_what_is_open_what_was_changed_and_what_is_locked(someone: Reader, finance: Finance):
    page = someone.open(f"{finance.pages.url}/close?period=All+time")
    settlements = finance.report("settlements")
    closed_to = settlements[0]["closed_to"]
    (open_,) = finance.report("spend", "--by", "", "--from", closed_to)

    lead = page.locator(".sl-lead")
    expect(lead).to_contain_text(
        f"All hours before {closed_to[11:19]} are settled; {money(open_['cost_usd'])} in 1 open"
    )
    expect(lead).to_contain_text(re.compile(r"all months before \w+ \d{4} are locked"))
    expect(page.locator(".sl-sub").first).to_contain_text("spanledger settle --close-month")
    months = page.get_by_role("table", name="Months", exact=True)
    expect(months.locator("tbody tr", has_text=f"{finance.books.closed_month:%Y-%m}")).to_contain_text("locked")
    expect(page.get_by_role("table", name="Settlements").locator("tbody tr")).to_have_count(len(settlements))
    adjusted = [row for row in finance.report("chargeback", "--param", "detail=") if row["line"] == "adjustment"]
    rows = page.get_by_role("table", name="Adjustments").locator("tbody tr")
    expect(rows).to_have_count(len(adjusted))
    assert [row.locator("td").last.inner_text() for row in rows.all()] == [
        figures.change(Decimal(row["cost_usd"])).text for row in adjusted
    ]


@pytest.fixture(scope="module")
def guests(finance: Finance) -> Iterator[Dashboard]:
    """Pages of the same books for who may see acme alone."""
    with serving(finance.books.lake, "--tenants", "acme", **finance.books.variables) as dashboard:
        yield dashboard


def test_who_sees_one_tenant_sees_no_other_and_no_bill(browser: Browser, guests: Dashboard):
    context = browser.new_context(accept_downloads=True)
    with reading(context) as guest:
        for path in ("", "successful-tasks", "invoice", "chargeback", "close"):
            page = guest.open(f"{guests.url}/{path}?period=All+time")
            assert "globex" not in page.content()
            assert "initech" not in page.content()
            page.close()
        page = guest.open(f"{guests.url}/invoice?period=All+time")
        expect(page.locator(".sl-empty")).to_contain_text("Bills know no tenants")
        expect(page.get_by_role("button", name="Hand in")).to_have_count(0)
        page = guest.open(f"{guests.url}/chargeback?period=All+time")
        expect(page.get_by_role("button", name=re.compile("FOCUS"))).to_have_count(0)
        with page.expect_download(timeout=60_000) as download:
            page.get_by_role("button", name="Statements, CSV").click()
        assert "globex" not in download.value.path().read_text()
        page = guest.open(f"{guests.url}/chargeback?period=All+time&tenant=globex")
        expect(page.locator(".sl-empty")).to_be_visible()
        expect(page.get_by_role("button", name=re.compile("Statements"))).to_have_count(0)
    context.close()

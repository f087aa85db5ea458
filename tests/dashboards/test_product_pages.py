"""The pages for product managers in a real browser: their numbers are those of the command line, counted by hand."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect

from dashboards import figures
from processors.users import name_user
from tests.dashboards.people import CHANGED, make_product_ledger
from tests.dashboards.served import Dashboard, Reader, cells, reading, serving
from tests.verbs import report
from warehouse.settings import LakeSettings

MONTH = "?period=Last+30+days"


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """Pages, and the lake that they show."""

    pages: Dashboard
    lake: LakeSettings

    def report(self, *words: str) -> list[dict[str, Any]]:
        """What the command line says."""
        return report(*words, variables={"SPANLEDGER_LAKE": self.lake.url})


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Pages of the ledger of people and versions."""
    lake = make_product_ledger(tmp_path_factory.mktemp("people") / "lake")
    with serving(lake, SPANLEDGER_DASHBOARD_REFRESH_S="600") as dashboard:
        yield Product(pages=dashboard, lake=lake)


@pytest.fixture(scope="module")
def someone(context: BrowserContext, product: Product) -> Iterator[Reader]:
    """Who opens all pages, and closes them before they are served no more."""
    del product
    with reading(context) as found:
        yield found


@pytest.fixture(autouse=True)
def closed(someone: Reader) -> Iterator[None]:
    """Pages of one test do not look again while others are drawn."""
    yield
    while someone.pages:
        someone.pages.pop().close()


@pytest.mark.long
def test_adoption_says_how_many_people_there_are_and_who_stays(someone: Reader, product: Product):
    page = someone.open(f"{product.pages.url}/adoption{MONTH}")
    last = product.report("adoption")[-1]
    yesterday = datetime.now(UTC) - timedelta(days=1)

    expect(page.locator(".sl-lead")).to_have_text(
        f"3 people in the 30 days up to {yesterday.day} {yesterday:%b}, 3 in 7, 3 on the day: "
        "stickiness 100 %; 1 new on the day, 1 gone for 30 days"
    )
    names = ("daily", "weekly", "monthly", "new", "returning", "left")
    assert [last[f"{name}_users"] for name in names] == [3, 3, 3, 1, 2, 1]
    assert cells(page, "Last days")[1:] == ["settled", "3", "3", "3", "100 %", "2", "1", "0", "1"]
    told = {row["feature"]: row for row in product.report("penetration")}
    assert (told["chat"]["tenants"], told["chat"]["of_tenants"], told["chat"]["users"]) == (2, 2, 3)
    assert cells(page, "By feature")[:5] == ["chat", "1", "100 %", "2", "66.6 %"]  # of the last 30 days, without globex
    assert cells(page, "Who uses it most")[:4] == [name_user("acme", "anna")[:12], "acme", "1", "29"]
    cohorts = product.report("retention")
    assert cells(page, "Who stays")[1:3] == [str(cohorts[0]["cohort_users"]), "100 %"]
    exports = page.get_by_role("button", name="CSV")
    expect(exports).to_have_count(5)
    with page.expect_download() as download:
        exports.nth(3).click()
    exported = list(csv.DictReader(download.value.path().read_text().splitlines()))
    assert [(row["cohort"], row["weeks_after"], row["users"]) for row in exported] == [
        (row["cohort"], str(row["weeks_after"]), str(row["users"])) for row in cohorts
    ]


def test_experiments_give_a_verdict_with_intervals_and_numbers(someone: Reader, product: Product):
    link = "&baseline-prompt_version=7&candidate-prompt_version=8&latency_weight=0"
    page = someone.open(f"{product.pages.url}/experiments{MONTH}{link}")
    asked = ("--by", "prompt_version", "--param", "baseline=7", "--param", "candidate=8", "--param", "latency_weight=0")
    told = {row["measure"]: row for row in product.report("experiment", *asked)}

    score = told["score"]
    assert score["difference"] == pytest.approx((0.15 / 0.8 + 0.02 / 0.04099) / 2, rel=1e-3)
    expect(page.locator(".sl-lead")).to_contain_text(
        f"main@8 is better than main@7 by a score of {figures.share_change(score['difference']).text}"
    )
    expect(page.locator(".sl-lead")).to_contain_text("it is better in task success, grounded answers, cost per task")
    assert cells(page, "Measure by measure") == [
        "Task success", "better", "80.0 %", "100 tasks", "95.0 %", "100 tasks", "+15.0 %",
        " to ".join(figures.share_change(told["success"][f"difference_{end}"]).text for end in ("low", "high")),
    ]  # fmt: skip
    assert cells(page, "Measure by measure", 1)[2:6] == ["75.0 %", "40 judgements", "100 %", "40 judgements"]
    assert cells(page, "Measure by measure", 5)[:2] == ["Judged safe", "not enough"]
    expect(page.get_by_role("slider", name="α · latency")).to_have_value("0")


@pytest.mark.long
def test_a_weight_that_is_moved_stands_in_the_address_and_in_the_score(someone: Reader, product: Product):
    page = someone.open(f"{product.pages.url}/experiments{MONTH}&baseline-prompt_version=7&candidate-prompt_version=8")
    expect(page.get_by_role("table", name="Measure by measure")).to_be_visible()

    page.get_by_role("slider", name="γ · quality").press("End")

    expect(page).to_have_url(re.compile("quality_weight=5"))
    asked = ("--by", "prompt_version", "--param", "baseline=7", "--param", "candidate=8", "--param", "quality_weight=5")
    score = product.report("experiment", *asked)[-1]
    expect(page.locator(".sl-lead")).to_contain_text(figures.share_change(score["difference"]).text)


def test_where_nothing_can_be_compared_it_says_what_to_send(someone: Reader, product: Product):
    page = someone.open(f"{product.pages.url}/experiments{MONTH}&arms=Routes")

    expect(page.locator(".sl-empty")).to_contain_text("no two routes did tasks")
    expect(page.locator(".sl-empty")).to_contain_text("spanledger.route")


def test_quality_says_how_many_succeed_are_grounded_and_judged(someone: Reader, product: Product):
    page = someone.open(f"{product.pages.url}/quality{MONTH}")
    (task,) = product.report("cost-per-successful-task", "--by", "")
    judged = {row["judged"]: row for row in product.report("evaluations", "--by", "")}
    (run,) = product.report("tools")

    assert (task["success_rate"], judged["groundedness"]["good_rate"], run["success_rate"]) == (0.875, 0.875, 0.8)
    assert (judged["any"]["judged_tasks"], judged["any"]["tasks"]) == (80, 100)
    expect(page.locator(".sl-lead")).to_have_text(
        "87.5 % of tasks with an outcome succeeded in the last 30 days; 87.5 % of judged answers are grounded, "
        "12.5 % hallucinated; 80.0 % of tasks were evaluated; 80.0 % of tool runs worked"
    )
    shown = {row[1]: row for row in (cells(page, "By tenant, feature", place) for place in range(2))}
    assert shown["chat"][2:9] == ["200", "87.5 %", "100 %", "87.5 %", "12.5 %", "—", "80.0 %"]
    assert cells(page, "Tools and retrievals") == ["look_up", "10", "2", "80.0 %", "40 ms"]


def test_change_says_what_is_new_and_leads_to_what_happened_after(someone: Reader, product: Product):
    page = someone.open(f"{product.pages.url}/change{MONTH}")
    told = {row["version"]: row for row in product.report("versions")}

    new = told["main@8"]
    assert (new["is_change"], new["calls"], new["incidents"], new["incident_id"]) == (True, 30 * CHANGED, 1, "i1")
    expect(page.locator(".sl-lead")).to_contain_text("1 version is new in the last 30 days, the latest main@8 of acme")
    expect(page.locator(".sl-lead")).to_contain_text(
        "68.1 % of its feature's calls in the last 30 days; an incident opened within a day after 1 of them"
    )
    assert cells(page, "New versions")[:6] == ["main@8", "prompt", "acme", "chat", "300", "68.1 %"]
    assert cells(page, "New versions")[7:] == ["at once", "12 h", "1"]

    page.get_by_role("table", name="New versions").get_by_role("link", name="1", exact=True).click()
    expect(page).to_have_url(re.compile("incidents.*incident=i1"))


def test_a_view_without_people_says_what_to_do(someone: Reader, product: Product):
    page = someone.open(f"{product.pages.url}/adoption{MONTH}&tenant=nobody")

    expect(page.locator(".sl-empty")).to_contain_text("Nothing settled in this view")


@pytest.mark.long
def test_people_are_compared_with_those_of_the_day_before_by_as_many_days(someone: Reader, product: Product):
    page = someone.open(f"{product.pages.url}/adoption?period=Last+7+days&compare=true")
    day = datetime.now(UTC) - timedelta(days=8)
    last, then = product.report("adoption")[-1], {row["bucket"][:10]: row for row in product.report("adoption")}
    before = then[f"{day:%Y-%m-%d}"]

    expect(page.locator(".sl-note").first).to_have_text(f"In brackets: how it changed since {day:%Y-%m-%d}.")
    change = last["monthly_users"] - before["monthly_users"]
    expect(page.locator(".sl-change").first).to_have_text(f"({change:+d})" if change else "(0)")
    expect(page.locator(".sl-change").first).to_have_attribute("title", f"was {before['monthly_users']}")

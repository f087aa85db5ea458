"""Pages behind a proxy that signs people in: a real browser, a real proxy, several people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboards.conftest import CALM
from tests.dashboards.ledgers import make_ledger
from tests.dashboards.proxies import proxy
from tests.dashboards.served import Dashboard, profile, serving

SECRET = "only the proxy knows it"
PEOPLE = """
[[people]]
user = "root@example.com"
role = "admin"

[[people]]
user = "sam@example.com"
role = "sre"

[[people]]
user = "*@acme.example"
role = "tenant-viewer"
tenants = ["acme"]
"""


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """Pages that nobody sees beside the proxy."""
    directory = tmp_path_factory.mktemp("people")
    people = directory / "people.toml"
    people.write_text(PEOPLE)
    signing = {"SPANLEDGER_DASHBOARD_PEOPLE": str(people), "SPANLEDGER_DASHBOARD_PROXY_SECRET": SECRET}
    with serving(make_ledger(directory / "lake"), **signing, **CALM) as found:
        yield found


@contextmanager
def opened(browser: Browser, url: str, path: str = "/") -> Iterator[Page]:
    """A page of somebody with a profile of their own, as far as its first line."""
    with profile(browser) as context:
        page = context.new_page()
        page.goto(f"{url}{path}")
        page.locator(".sl-lead, .sl-empty").first.wait_for(timeout=60_000)
        yield page


def signed_in(user: str) -> dict[str, str]:
    return {"X-SpanLedger-Proxy": SECRET, "X-Forwarded-Email": user, "Host": "spend.example.com"}


@pytest.mark.long
def test_who_comes_beside_the_proxy_sees_nothing(browser: Browser, dashboard: Dashboard):
    with opened(browser, dashboard.url) as page:
        expect(page.locator(".sl-empty")).to_contain_text("Open them at its address")
        expect(page.get_by_role("link", name=re.compile("Spend$|Incidents|Calls"))).to_have_count(0)
        assert "$" not in page.locator("body").inner_text()


def test_a_client_that_names_itself_is_not_believed(browser: Browser, dashboard: Dashboard):
    lies = {"X-SpanLedger-Proxy": "a guess at the secret", "X-Forwarded-Email": "root@example.com"}
    with proxy(dashboard.url, lies) as url, opened(browser, url) as page:
        expect(page.locator(".sl-empty")).to_contain_text("Open them at its address")


def test_who_has_no_role_is_told_so(browser: Browser, dashboard: Dashboard):
    with proxy(dashboard.url, signed_in("eve@elsewhere.com")) as url, opened(browser, url) as page:
        expect(page.locator(".sl-empty")).to_contain_text("signed in as eve@elsewhere.com, and nobody has said")


def test_an_admin_sees_every_section_and_all_tenants(browser: Browser, dashboard: Dashboard):
    through = proxy(dashboard.url, signed_in("root@example.com"))
    with through as url, opened(browser, url, "/?period=All+time") as page:
        expect(page.locator(".sl-lead")).to_contain_text("$21.60 spent so far by 3 tenants")
        for section in ("Finance", "SRE", "Product", "Everyone"):
            expect(page.get_by_text(section, exact=True).first).to_be_visible()


@pytest.mark.long
def test_an_sre_begins_with_incidents_and_has_no_pages_for_finance(browser: Browser, dashboard: Dashboard):
    with proxy(dashboard.url, signed_in("sam@example.com")) as url:
        with opened(browser, url) as page:
            expect(page).to_have_url(re.compile(r"/incidents"))
            expect(page.get_by_role("link", name="Latency")).to_be_visible()
            expect(page.get_by_role("link", name="Chargeback")).to_have_count(0)
        with profile(browser) as context:
            page = context.new_page()
            page.goto(f"{url}/chargeback?period=All+time")
            expect(page.get_by_text("Page not found").first).to_be_visible()
            assert "21.60" not in page.locator("body").inner_text()


@pytest.mark.long
def test_a_viewer_of_a_tenant_sees_that_tenant_alone(browser: Browser, dashboard: Dashboard):
    with proxy(dashboard.url, signed_in("zoe@acme.example")) as url:
        with opened(browser, url, "/?period=All+time") as page:
            expect(page.locator(".sl-lead")).to_contain_text("$12.35 spent so far by 1 tenant")
            expect(page.get_by_role("table", name="By tenant", exact=True).locator("tbody tr")).to_have_count(1)
        with opened(browser, url, "/?period=All+time&tenant=globex") as page:
            assert "7.50" not in page.locator("body").inner_text()
        with opened(browser, url, "/incidents?period=All+time") as page:
            expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)


@pytest.mark.long
def test_who_may_see_what_is_read_again_when_a_page_is_opened(browser: Browser, tmp_path: Path):
    people = tmp_path / "people.toml"
    people.write_text(PEOPLE)
    signing = {"SPANLEDGER_DASHBOARD_PEOPLE": str(people), "SPANLEDGER_DASHBOARD_PROXY_SECRET": SECRET}
    with (
        serving(make_ledger(tmp_path / "lake"), **signing, **CALM) as pages,
        proxy(pages.url, signed_in("root@example.com")) as url,
    ):
        people.write_text(PEOPLE.replace("root@", "other@"))
        with opened(browser, url) as page:
            expect(page.locator(".sl-empty")).to_contain_text("nobody has said what you may see")
        people.write_text("[[people")
        with opened(browser, url) as page:
            expect(page.locator(".sl-empty")).to_contain_text("whoever keeps it must mend it")

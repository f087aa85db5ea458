"""Pages that run for all tests of a module, and a reader for each test."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.dashboards.ledgers import make_ledger
from tests.dashboards.served import Dashboard, Reader, chromium, profile, reading, serving

expect.set_options(timeout=60_000)

CALM = {"SPANLEDGER_DASHBOARD_REFRESH_S": "60"}
"""For ledgers that do not change: pages that stay open need not look again and again."""


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="package")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One profile for all tests that only look: the scripts of the pages are read once."""
    with profile(browser) as made:
        yield made


@pytest.fixture
def reader(context: BrowserContext) -> Iterator[Reader]:
    """A reader with pages of its own, who must have nothing to complain of."""
    with reading(context) as someone:
        yield someone


@pytest.fixture(scope="package")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """The pages of the ledger with known rows."""
    lake = make_ledger(tmp_path_factory.mktemp("known") / "lake")
    with serving(lake, **CALM) as dashboard:
        yield dashboard


@pytest.fixture(scope="package")
def pages_of_acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """The pages of the same ledger for those who may see acme alone."""
    lake = make_ledger(tmp_path_factory.mktemp("scoped") / "lake")
    with serving(lake, "--tenants", "acme", **CALM) as dashboard:
        yield dashboard


@pytest.fixture(autouse=True)
def main_stays() -> Iterator[None]:
    """Streamlit's AppTest leaves its script as ``__main__``, which every process that is started later would run."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main

"""Pages that run for all tests of a module, and a reader for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.dashboards.ledgers import make_ledger
from tests.dashboards.served import Dashboard, Reader, chromium, reading, serving

expect.set_options(timeout=30_000)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    with chromium() as found:
        yield found


@pytest.fixture
def reader(browser: Browser) -> Iterator[Reader]:
    """A reader with a fresh profile, who must have nothing to complain of."""
    with reading(browser) as someone:
        yield someone


@pytest.fixture(scope="package")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """The pages of the ledger with known rows."""
    lake = make_ledger(tmp_path_factory.mktemp("known") / "lake")
    with serving(lake) as dashboard:
        yield dashboard


@pytest.fixture(scope="package")
def pages_of_acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """The pages of the same ledger for those who may see acme alone."""
    lake = make_ledger(tmp_path_factory.mktemp("scoped") / "lake")
    with serving(lake, "--tenants", "acme") as dashboard:
        yield dashboard

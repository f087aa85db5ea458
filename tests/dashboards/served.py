"""The real ``spanledger dashboard``, and a real Chromium that looks at it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from warehouse.settings import LakeSettings

CHROMIUM = "/usr/bin/chromium"
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
STOP_WITHIN_S = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """A running ``spanledger dashboard``."""

    url: str
    process: subprocess.Popen[str]

    def stop(self) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_WITHIN_S)


def start(lake: LakeSettings, *flags: str, **variables: str) -> subprocess.Popen[str]:
    """``spanledger dashboard`` on a lake."""
    return subprocess.Popen(
        [sys.executable, "-m", "spanledger", "dashboard", "--port", "0", *flags],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "SPANLEDGER_LAKE": lake.url, **variables},
    )


@contextmanager
def serving(lake: LakeSettings, *flags: str, **variables: str) -> Iterator[Dashboard]:
    """The pages of a lake, until the end of the block."""
    process = start(lake, *flags, **variables)
    with process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            yield Dashboard(url=line.split()[-1], process=process)
        finally:
            if process.poll() is None:
                process.terminate()


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium with a fresh profile."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Somebody who looks at pages; ``complaints`` are what the browser had to complain of."""

    context: BrowserContext
    complaints: list[str] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)

    def open(self, url: str, within_ms: int = 60_000) -> Page:
        """Open an address and wait for its first line."""
        page = self.context.new_page()
        self.pages.append(page)
        page.on("console", lambda message: self._note(message.type, message.text, message.location.get("url", "")))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._note_request(request.url))
        page.goto(url, timeout=within_ms)
        page.locator(".sl-lead, .sl-empty").first.wait_for(timeout=within_ms)
        return page

    def _note(self, kind: str, text: str, url: str) -> None:
        """Streamlit looks for its own address below a page's first: these 404s are its way, not ours."""
        if kind == "error" and "/_stcore/" not in urlsplit(url).path:
            self.complaints.append(f"{text} {url}")

    def _note_request(self, url: str) -> None:
        if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).hostname != "127.0.0.1":
            self.complaints.append(f"asked the internet for {url}")


@contextmanager
def profile(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh profile: nothing is cached, nothing is remembered."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, accept_downloads=True)
    yield context
    context.close()


@contextmanager
def reading(context: BrowserContext) -> Iterator[Reader]:
    """A reader with pages of its own, who must have nothing to complain of in the end."""
    someone = Reader(context=context)
    yield someone
    for page in someone.pages:
        page.close()
    assert someone.complaints == [], someone.complaints


def cells(page: Page, table: str, row: int = 0) -> list[str]:
    """Texts of a row of a table."""
    found = page.get_by_role("table", name=table, exact=True).locator("tbody tr").nth(row).locator("td")
    expect(found.first).to_be_visible()
    return found.all_inner_texts()

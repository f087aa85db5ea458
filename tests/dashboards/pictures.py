"""Pictures of pages that run, for the documents and for a person to look at.

``python -m tests.dashboards.pictures URL FOLDER [--width 1400] [--height 1000] [--whole] [--dark] [--only PATH …]``;
FOLDER gets one PNG a page. Exit 1 where a page complains, in its console or by an error box.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from playwright.sync_api import Page

from dashboards.screens import PAGES
from tests.dashboards.served import Reader, chromium

PATIENCE_MS = 120_000
LOOK_MS, STILL_LOOKS = 300, 7
"""Two seconds: what a chart takes to draw itself once its numbers are there."""


def main() -> int:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="of the first page")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--width", type=int, default=1400)
    parser.add_argument("--height", type=int, default=1000)
    parser.add_argument("--whole", action="store_true", help="the whole page, not what a window shows")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--only", nargs="+", help="paths of pages")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    screens = [screen for group in PAGES.values() for screen in group if not args.only or screen.path in args.only]
    ugly = []
    with chromium() as browser:
        looks = "dark" if args.dark else "light"
        context = browser.new_context(
            viewport={"width": args.width, "height": args.height}, color_scheme=looks, reduced_motion="reduce"
        )
        reader = Reader(context=context)
        for screen in screens:
            page = reader.open(f"{args.url.rstrip('/')}/{screen.path}", PATIENCE_MS)
            settle(page)
            page.screenshot(path=args.folder / f"{screen.path or 'spend'}.png", full_page=args.whole)
            ugly += [f"{screen.title}: {text}" for text in page.get_by_test_id("stException").all_inner_texts()]
            page.close()
    complaints = [*reader.complaints, *ugly]
    sys.stdout.write("\n".join([*complaints, f"{len(screens)} pictures in {args.folder}"]) + "\n")
    return 1 if complaints else 0


def settle(page: Page) -> None:
    """Wait until the page stands still: for a while nothing runs and nothing is to come."""
    at_work = page.locator("[data-testid=stStatusWidget], .stSkeleton, [data-stale=true]")
    still = 0
    while still < STILL_LOOKS:
        page.wait_for_timeout(LOOK_MS)
        still = 0 if at_work.count() else still + 1


if __name__ == "__main__":
    sys.exit(main())

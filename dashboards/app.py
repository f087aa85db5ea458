"""The script that Streamlit runs: settings from its argument, one frame and one row of controls around all pages.

``python -m streamlit run dashboards/app.py -- HANDOVER``; ``spanledger dashboard`` does it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from dashboards.answers import Source
from dashboards.controls import choose, keep_choice
from dashboards.errors import BadPeople
from dashboards.frame import dress
from dashboards.handover import read
from dashboards.header import draw_header
from dashboards.names import names_in
from dashboards.screens import PAGES, Screen
from dashboards.signing_in import NotSignedIn, turn_away, who_looks
from dashboards.view import View


@st.cache_resource(show_spinner=False)
def open_source(path: Path) -> Source:
    """One reader of the lake for all sessions."""
    handover = read(path)
    return Source(handover.lake, handover.dashboard, handover.settle, handover.command)


def main(path: Path) -> None:
    """Draw the header and the controls that all pages share, and below them the page that the address names."""
    source = open_source(path)
    dress()
    try:
        person = who_looks(source.dashboard, st.context.headers)
    except (NotSignedIn, BadPeople) as reason:
        turn_away(reason)
        return
    source = source.seen_by(person) if person else source
    seen = {section: screens for section, screens in PAGES.items() if person is None or person.sees(section)}
    pages = {
        section: [_page(screen, lambda: (source, view)) for screen in screens] for section, screens in seen.items()
    }
    first = next(iter(pages.values()))[0]
    at_home = [] if first.url_path == "" else [_home(first)]
    page = st.navigation({"": at_home, **pages} if at_home else pages)
    if page in at_home:
        page.run()
        return
    keep_choice(page)
    screen = next(one for screens in seen.values() for one in screens if one.path == page.url_path)
    head = st.container()
    view = choose(datetime.now(UTC), lambda view: names_in(source, view), screen.filters)
    with head:
        draw_header(source, view, screen)
    page.run()


def _page(screen: Screen, arguments: Callable[[], tuple[Source, View]]) -> StreamlitPage:
    return st.Page(
        lambda: screen.show(*arguments()), title=screen.title, url_path=screen.path or None, default=not screen.path
    )


def _home(first: StreamlitPage) -> StreamlitPage:
    """What the address without a path leads to for those whose pages do not include Spend."""
    return st.Page(lambda: st.switch_page(first), title="SpanLedger", default=True, visibility="hidden")


main(Path(sys.argv[1]))

"""The script that Streamlit runs: settings from its argument, one frame around two pages.

``python -m streamlit run dashboards/app.py -- HANDOVER``; ``spanledger dashboard`` does it.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import streamlit as st

from dashboards.answers import Source
from dashboards.controls import choose_time, keep_choice
from dashboards.frame import dress
from dashboards.handover import read
from dashboards.screens import pipeline, spend


@st.cache_resource(show_spinner=False)
def open_source(path: Path) -> Source:
    """One reader of the lake for all sessions."""
    handover = read(path)
    return Source(handover.lake, handover.dashboard)


def main(path: Path) -> None:
    """Draw the controls that all pages share, and below them the page that the address names."""
    source = open_source(path)
    dress()
    page = st.navigation(
        [
            st.Page(lambda: spend.show(source, time), title="Spend", url_path="spend", default=True),
            st.Page(lambda: pipeline.show(source, time), title="Pipeline", url_path="pipeline"),
        ],
        position="top",
    )
    keep_choice(page)
    time = choose_time(datetime.now(UTC))
    page.run()


main(Path(sys.argv[1]))

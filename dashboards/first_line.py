"""How the first line of a page is drawn, beside the period before where the reader compares.

Only what the first line is made of is asked again, and once its numbers stand: the changes come after them.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import streamlit as st

from dashboards.before import ALONE, Before
from dashboards.grid import Row
from dashboards.look import Look

OPEN = '<p class="sl-note">There is no period before all time to compare with.</p>'
NOTE = '<p class="sl-note">In brackets: how it changed since {then}.</p>'


def _period(earlier: Look) -> str:
    return f"the period before, {earlier.period.phrase}"


def draw_first_line(
    look: Look,
    say: Callable[[Before], str],
    ask: Callable[[Look], Row | None],
    then: Callable[[Look], str] = _period,
) -> None:
    """Draw what ``say`` says; where the reader compares, say it again beside the row that ``ask`` finds ``then``."""
    place = st.empty()
    place.html(say(ALONE))
    if not look.view.compared:
        return
    earlier = look.before()
    if earlier is None:
        place.html(say(ALONE) + OPEN)
    else:
        place.html(say(Before(row=ask(earlier))) + NOTE.format(then=escape(then(earlier))))

"""The row of controls above a page. Each is bound to a query parameter of its own name: a link shows the same view.

Any value is taken for a name, so a link to a tenant without spend shows no spend, not everybody's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from dashboards.period import BETWEEN, NAMES
from dashboards.view import DIMENSIONS, View

UTC_NAME = "UTC"
COMPARE = "compare"
CONTROLS = (*DIMENSIONS, COMPARE)
"""What not every page has a use for."""
KEPT = "kept choice"


def keep_choice(page: StreamlitPage) -> None:
    """Give the address back what a click on another page has taken from it.

    Streamlit keeps a bound control's value from page to page only once the browser has sent it back: who clicks while
    a page is still being drawn would lose what the link chose.
    """
    came_from, chosen = st.session_state.get(KEPT, (page.url_path, {}))
    if came_from != page.url_path and chosen and not st.query_params:
        st.session_state[KEPT] = page.url_path, chosen
        st.switch_page(page, query_params=chosen)
    st.session_state[KEPT] = page.url_path, {name: st.query_params.get_all(name) for name in st.query_params}


def choose(
    now: datetime, names: Callable[[View], Mapping[str, Sequence[str]]], usable: Collection[str] = CONTROLS
) -> View:
    """Draw the controls. Drawn outside of a page, they keep their values from page to page.

    ``names`` gives the values of each dimension to choose from, in a period. What is not ``usable`` on this page stands
    still. A narrow window hides them behind a switch, so that the first screen is the page's.
    """
    st.toggle("Filters", key="show-filters", help="Period, tenants, features, models, time zone")
    with st.container(key="filters"):
        left, *room, right, last = st.columns([1.1, 1.15, 1.15, 1.3, 1, 0.85], vertical_alignment="bottom")
    with right:
        zone = _choose_zone()
    with left:
        view = _choose_period(now, zone)
    offered, chosen = names(view), {}
    for dimension, column in zip(DIMENSIONS, room, strict=True):
        with column:
            chosen[dimension] = _choose_names(dimension, offered[dimension], disabled=dimension not in usable)
    with last:
        compared = st.toggle(
            "Compare",
            key=COMPARE,
            bind="query-params",
            disabled=COMPARE not in usable,
        )
    used = {dimension: values if dimension in usable else [] for dimension, values in chosen.items()}
    return replace(view, chosen=used, compared=compared and COMPARE in usable)


def _choose_zone() -> ZoneInfo:
    """UTC first, then where the browser is, then all others."""
    here = st.context.timezone
    known = available_timezones()
    first = [UTC_NAME, *([here] if here in known - {UTC_NAME} else [])]
    others = sorted(name for name in known - set(first) if "/" in name and not name.startswith("Etc/"))
    picked = st.selectbox("Time zone", [*first, *others], key="zone", bind="query-params")
    return ZoneInfo(picked or UTC_NAME)


def _choose_period(now: datetime, zone: ZoneInfo) -> View:
    name = st.selectbox("Period", NAMES, key="period", bind="query-params") or NAMES[0]
    if name != BETWEEN:
        return View(period=name, zone=zone, chosen={})
    today = now.astimezone(zone).date()
    first = st.date_input("From", value=today - timedelta(days=6), key="from", bind="query-params", format="YYYY-MM-DD")
    last = st.date_input("To", value=today, key="to", bind="query-params", format="YYYY-MM-DD")
    return View(period=name, zone=zone, days=(min(first, last), max(first, last)), chosen={})


def _choose_names(dimension: str, options: Sequence[str], *, disabled: bool) -> list[str]:
    return st.multiselect(
        dimension.capitalize(),
        options,
        key=dimension,
        bind="query-params",
        accept_new_options=True,
        placeholder="not on this page" if disabled else f"All {dimension}s",
        disabled=disabled,
    )


def choose_one(label: str, names: Mapping[str, str], *, key: str, default: str | None = None) -> str:
    """One of ``names`` by its word, in a row of words beside a title; the first unless ``default`` is another."""
    chosen: str = st.segmented_control(
        label,
        list(names),
        format_func=lambda name: names[name],
        key=key,
        bind="query-params",
        default=default or next(iter(names)),
        required=True,
        label_visibility="collapsed",
    )
    return chosen


def choose_some(label: str, names: Mapping[str, str], *, key: str, default: Sequence[str]) -> list[str]:
    """Some of ``names`` by their words, in the order of ``names``; ``default`` where none is chosen."""
    chosen = st.pills(
        label,
        list(names),
        selection_mode="multi",
        format_func=lambda name: names[name],
        key=key,
        bind="query-params",
        default=list(default),
        label_visibility="collapsed",
    )
    return [name for name in names if name in (chosen or default)]

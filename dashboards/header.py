"""The header of every page: its name; whether its numbers may still change, how much of them is priced, how fresh."""

from __future__ import annotations

from datetime import datetime
from html import escape

import streamlit as st

from dashboards import figures, sentences
from dashboards.answers import Source
from dashboards.grid import Row
from dashboards.look import Look, look_at
from dashboards.screens import Screen
from dashboards.sentences import Freshness
from dashboards.view import View
from warehouse.errors import WarehouseError


def draw_header(source: Source, view: View, screen: Screen) -> None:
    """Draw it again and again; where the lake cannot be read it is the name alone: the page says what is wrong."""
    st.fragment(_live, run_every=source.refresh_s)(source, view, screen)


def _live(source: Source, view: View, screen: Screen) -> None:
    try:
        state = _state(look_at(source, view), screen)
    except WarehouseError:
        state = ""
    st.html(f'<header class="sl-head"><h1>{escape(screen.title)}</h1><p class="sl-state">{state}</p></header>')


def _state(look: Look, screen: Screen) -> str:
    freshness = look.answers.freshness(look.now, look.view.zone)
    if screen.reach is None:
        return state((look.final() if screen.is_final else look).total, None, freshness)
    settlements = look.answers.ask("settlements", limit=1)
    booked = look.answers.of("settled-spend", look.view, screen.reach(look.period, look.now))
    return state(booked[0] if booked else None, settlements[0]["closed_to"] if settlements else None, freshness)


def state(total: Row | None, closed_to: datetime | None, freshness: Freshness) -> str:
    """``provisional · 98.2 % priced · data as of 14:03:12 (2 s ago)``; of the books ``settled up to 14:00:00 · …``."""
    parts = []
    if closed_to is not None:
        moment = figures.moment(closed_to, freshness.now, freshness.zone)
        parts.append(f"{sentences.SETTLED} up to {sentences.bold(moment)}")
    elif total is not None and total["calls"]:
        parts.append(sentences.PROVISIONAL if total["provisional"] else sentences.SETTLED)
    if total is not None and total["calls"]:
        priced = figures.share(total["priced_share"])
        exact = f"{total['priced_calls']:,} of {total['calls']:,} calls, {priced.exact}"
        parts.append(f"{sentences.bold(figures.Figure(text=priced.text, exact=exact))} priced")
    parts.append(freshness.words())
    return " · ".join(f"<span>{part}</span>" for part in parts)

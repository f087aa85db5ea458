"""How the pages look: Streamlit's theme as flags, one style sheet, one palette.

Two grounds (light and dark follow the reader's system), one accent, eight chart colours that read on both. Everything
that is not Streamlit's own stands in STYLE, under class names that begin with ``sl-``.
"""

from __future__ import annotations

ACCENT = "#4C6FE7"
PALETTE = ("#4C6FE7", "#1FA88A", "#E8A33D", "#C7567A", "#7C5CCF", "#4FA9D8", "#8A9A5B")
OTHER = "#9AA3AF"
"""Colour of what is not told apart: the rest, and the unattributed."""

FLAGS = {
    "theme.font": "sans-serif",
    "theme.baseRadius": "8px",
    "theme.showWidgetBorder": "true",
    "theme.light.primaryColor": ACCENT,
    "theme.light.backgroundColor": "#FFFFFF",
    "theme.light.secondaryBackgroundColor": "#F5F6F8",
    "theme.light.textColor": "#1B2130",
    "theme.light.borderColor": "#E1E4EA",
    "theme.dark.primaryColor": "#8BA2F4",
    "theme.dark.backgroundColor": "#0F131A",
    "theme.dark.secondaryBackgroundColor": "#181D26",
    "theme.dark.textColor": "#E6E9EF",
    "theme.dark.borderColor": "#2A313D",
}
"""Streamlit options by name; they win over every configuration file."""

STYLE = """<style>
.stMainBlockContainer {padding: 4.2rem 2.4rem 3rem; max-width: 1360px; margin: 0 auto;}
[data-testid="stHeaderActionElements"] {display: none;}
[data-testid="stElementContainer"][data-stale="true"] {opacity: 1 !important;}
.sl-head {display: flex; flex-wrap: wrap; justify-content: space-between; align-items: baseline; gap: .1rem 1.2rem;}
.sl-head h1 {font-size: 1.25rem; font-weight: 650; margin: 0; padding: 0;}
.sl-state {margin: 0; font-size: .86rem;} .sl-state b {font-weight: 600; font-variant-numeric: tabular-nums;}
.sl-state > span {white-space: nowrap;} .sl-state [title] {cursor: help;}
.st-key-show-filters {display: none;}
.sl-lead {font-size: 1.62rem; line-height: 1.3; font-weight: 400; margin: 0 0 .35rem; letter-spacing: -.01em;}
.sl-lead b {font-weight: 650; font-variant-numeric: tabular-nums;}
.sl-change {font-size: .74em; opacity: .72; white-space: nowrap;}
.sl-one {white-space: nowrap;}
.sl-sub {opacity: .72; font-size: .92rem; margin: 0;}
.sl-badge {display: inline-block; font-size: .74rem; font-weight: 600; padding: .1rem .55rem; border-radius: 99px;
  border: 1px solid currentColor; vertical-align: .14em; letter-spacing: .01em; white-space: nowrap;}
.sl-badge.good {color: color-mix(in srgb, #1FA88A 72%, currentColor);}
.sl-badge.warn {color: color-mix(in srgb, #D98E1F 78%, currentColor);}
.sl-badge.bad {color: color-mix(in srgb, #D6486B 82%, currentColor);}
.sl-title {font-size: 1rem; font-weight: 600; margin: .2rem 0 .1rem;}
.sl-note {opacity: .66; font-size: .82rem; margin: 0 0 .35rem;}
.sl-scroll {overflow-x: auto;}
.sl-grid {border-collapse: collapse; width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums;}
.sl-grid th {font-weight: 500; opacity: .66; text-align: left; font-size: .78rem; white-space: nowrap;}
.sl-grid th, .sl-grid td {padding: .36rem .7rem .36rem 0; border-bottom: 1px solid rgba(128, 138, 155, .2);}
.sl-grid tr:last-child td {border-bottom: none;}
.sl-grid td.n, .sl-grid th.n {text-align: right; white-space: nowrap;}
.sl-grid .n + :not(.n) {padding-left: 1.2rem;}
.sl-grid td.sl-wide {min-width: 7rem;}
.sl-grid td:last-child, .sl-grid th:last-child {padding-right: 0;}
.sl-grid td [title], .sl-lead [title], .sl-sub [title] {cursor: help;}
.sl-grid a {color: inherit; text-decoration: underline; text-decoration-color: rgba(128, 138, 155, .5);
  text-underline-offset: 3px;}
.sl-grid td:not(.n):has(a) {min-width: 6rem;}
.sl-grid a:hover {text-decoration-color: currentColor;}
.sl-grid .sl-none {opacity: .6; font-style: italic;}
.sl-bar {height: 3px; margin-top: 3px; border-radius: 2px; background: #4C6FE7; margin-left: auto; opacity: .75;
  min-width: 1px; width: calc(var(--value) / var(--largest) * 100%);}
[class*="st-key-tables"] .stColumn {min-width: min(100%, 340px);}
.st-key-tables-3 .stColumn {min-width: min(100%, 270px);}
.sl-grid td.sl-when {width: 38%; min-width: 180px;}
.sl-grid td.sl-span {padding-left: calc(var(--depth) * 1rem); white-space: nowrap;}
.sl-run {height: 9px; border-radius: 3px; background: #4C6FE7; min-width: 2px;}
.sl-run.pale {opacity: .35;} .sl-run.bad {background: #D6486B;}
.sl-facts {display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.2rem; font-size: .9rem;
  margin: .2rem 0 .6rem; padding: 0;}
.sl-facts dt {opacity: .66;} .sl-facts dd {margin: 0;} [data-testid="stHtml"] dl.sl-facts {padding: 0;}
.sl-said {font-size: .86rem; margin: .4rem 0; padding-left: 1.1rem;} .sl-said li {margin: .15rem 0;}
.sl-empty {border: 1px dashed rgba(128, 138, 155, .5); border-radius: 8px; padding: 1.6rem 1.8rem; max-width: 760px;}
.sl-empty h2 {font-size: 1.2rem; margin: 0 0 .4rem; padding: 0; font-weight: 600;}
.sl-empty a {color: inherit; text-underline-offset: 3px;}
.sl-empty p {margin: .3rem 0;} .sl-empty code {font-size: .84rem;}
@media (max-width: 640px) {
  .stMainBlockContainer {padding: 4rem 1rem 2rem;}
  .st-key-show-filters {display: block;}
  .stApp:not(:has(.st-key-show-filters input:checked)) .st-key-filters {display: none;}
  .sl-lead {font-size: 1.25rem;}
  .sl-grid td:not(.n) {min-width: 4.8rem;}
}
</style>"""

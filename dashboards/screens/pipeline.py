"""Pipeline: is it healthy, how fresh; where it waits, what it dropped, what has no price, which incidents are open.

Pages that show some tenants only have their incidents, their calls without a price and the freshness; lag, throughput,
drops and partitions are about the whole deployment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import partial

import streamlit as st

from dashboards import figures, sentences
from dashboards.answers import Answers, Source
from dashboards.controls import Time
from dashboards.frame import readable, side_by_side
from dashboards.grid import UNATTRIBUTED, Column, Row
from dashboards.listing import draw_table
from dashboards.period import Period
from dashboards.view import View

WAITING = """<div class="sl-empty"><h2>No worker has committed anything yet</h2>
<p>The lake is there. Start a worker on it, and send spans; this page fills by itself:</p>
<p><code>spanledger worker</code></p></div>"""


def show(source: Source, time: Time) -> None:
    """Draw the page again and again."""
    st.fragment(_live, run_every=source.refresh_s)(source, time.view)


def _live(source: Source, view: View) -> None:
    with readable():
        answers = source.answers()
        now = datetime.now(UTC)
        period = view.at(now)
        incidents = answers.ask("incidents", state="open")
        unpriced = answers.ask("unpriced", start=period.start, end=period.end)
        freshness = sentences.Freshness(as_of=answers.ask("watermark")[0]["as_of"], now=now, zone=view.zone)
        deployment = _deployment(answers, period) if answers.whole else None
        lead = sentences.pipeline(_health(deployment, len(incidents)), phrase=period.phrase, freshness=freshness)
        st.html(lead + (_second_line(answers, now) if freshness.as_of else WAITING))
        if not freshness.as_of:
            return
        _draw_incidents(incidents, now, view.zone)
        if deployment is None:
            _draw_unpriced(unpriced, period.phrase)
            return
        _draw_partitions(deployment.partitions, now)
        left, right = side_by_side(2)
        with left:
            _draw_dropped(deployment.dropped, period.phrase, now, view.zone)
        with right:
            _draw_unpriced(unpriced, period.phrase)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What is about the whole deployment: who may see some tenants only is not shown it."""

    partitions: Sequence[Row]
    dropped: Sequence[Row]
    lag_messages: int


def _deployment(answers: Answers, period: Period) -> Deployment:
    return Deployment(
        partitions=answers.ask("pipeline"),
        dropped=answers.ask("dead_letters", start=period.start, end=period.end),
        lag_messages=answers.ask("watermark")[0]["lag_messages"],
    )


def _health(deployment: Deployment | None, open_incidents: int) -> sentences.Health:
    return sentences.Health(
        lag_messages=deployment.lag_messages if deployment else None,
        lost_offsets=any(row["gap_messages"] for row in deployment.partitions) if deployment else None,
        drop_reasons=len(deployment.dropped) if deployment else None,
        open_incidents=open_incidents,
    )


def _second_line(answers: Answers, now: datetime) -> str:
    status = answers.ask("status")[0]
    messages = [(figures.count(status["messages"]), "messages")] if answers.whole else []
    return sentences.sub(
        [
            (figures.count(status["spans"]), "spans read"),
            *messages,
            (figures.count(status["calls"]), "billable calls"),
            (figures.share(status["priced_share"]), "of them priced"),
            (figures.ago(status["last_record_at"], now), "the last record"),
        ]
    )


def _draw_incidents(rows: Sequence[Row], now: datetime, zone: tzinfo) -> None:
    draw_table(
        "Open incidents",
        [{**row, "scope": _scope(row), "cause": _cause(row)} for row in rows],
        [
            Column(name="scope", title="Tenant · feature"),
            Column(name="opened_at", title="Since", shown=partial(figures.moment, now=now, zone=zone)),
            Column(name="observed_usd", title="Observed", shown=figures.usd),
            Column(name="expected_usd", title="Expected", shown=figures.usd),
            Column(name="excess_usd", title="Excess", shown=figures.usd),
            Column(name="excess_usd_per_hour", title="Excess per hour", shown=figures.usd),
            Column(name="cause", title="Most of it from"),
        ],
        name="open-incidents",
        note="Spend far above what is usual, worst first",
        none="None is open.",
    )


def _scope(row: Row) -> str:
    return f"{row['tenant'] or UNATTRIBUTED} · {row['feature'] or UNATTRIBUTED}"


def _cause(row: Row) -> str:
    """The first contributor of each dimension: ``model gpt-4o, principal svc-bot``."""
    first: dict[str, str] = {}
    for contributor in row["contributors"] or ():
        first.setdefault(contributor["dimension"], contributor["value"] or UNATTRIBUTED)
    return ", ".join(f"{dimension} {value}" for dimension, value in first.items() if dimension != "feature")


def _draw_partitions(rows: Sequence[Row], now: datetime) -> None:
    draw_table(
        "Partitions",
        rows,
        [
            Column(name="topic", title="Topic"),
            Column(name="partition", title="Partition"),
            Column(name="lag_messages", title="Waiting", shown=figures.count),
            Column(name="flushed_at", title="Last flush", shown=partial(figures.ago, now=now)),
            Column(name="freshness_ms", title="Kafka to lake", shown=figures.milliseconds),
            Column(name="flush_ms", title="Flush took", shown=figures.milliseconds),
            Column(name="spans_per_s", title="Throughput", shown=partial(figures.rate, unit="spans")),
            Column(name="spans", title="Spans", shown=figures.count),
            Column(name="billable_spans", title="Billable", shown=figures.count),
            Column(name="suppressed", title="Duplicates suppressed", shown=figures.count),
            Column(name="dropped", title="Dropped", shown=figures.count),
            Column(name="gap_messages", title="Lost offsets", shown=figures.count),
        ],
        name="partitions",
        note="Waiting as of the last flush; throughput over the last five minutes; counts since the lake began",
    )


def _draw_dropped(rows: Sequence[Row], phrase: str, now: datetime, zone: tzinfo) -> None:
    draw_table(
        "Dead letters and other drops",
        rows,
        [
            Column(name="reason", title="Reason"),
            Column(name="topic", title="Topic"),
            Column(name="last_at", title="Last", shown=partial(figures.moment, now=now, zone=zone)),
            Column(name="share", title="Of messages", shown=figures.share),
            Column(name="dropped", title="Dropped", shown=figures.count, bar=True),
        ],
        name="dead-letters",
        note=f"By reason, {phrase}",
        none="None: everything that was read stands in the ledger.",
    )


def _draw_unpriced(rows: Sequence[Row], phrase: str) -> None:
    draw_table(
        "Calls without a price",
        rows,
        [
            Column(name="model", title="Model", unknown="unknown"),
            Column(name="provider", title="Provider", unknown="unknown"),
            Column(name="price_status", title="Why", unknown="unknown"),
            Column(name="output_tokens", title="Output tokens", shown=figures.count),
            Column(name="calls", title="Calls", shown=figures.count, bar=True),
        ],
        name="unpriced",
        note=f"By model, {phrase}: they are in no total",
        none="None: every billable call has a price.",
    )

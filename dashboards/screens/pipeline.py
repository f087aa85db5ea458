"""Pipeline: is it healthy, how fresh; where it waits, what it dropped or changed, what it lacks, what was judged.

Pages that show some tenants only have their incidents, calls without a price, repairs, metered services, outcomes and
the freshness; lag, throughput, drops, hidden names and partitions are about the whole deployment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import partial

import streamlit as st

from dashboards import figures, sentences
from dashboards.answers import Answers, Source
from dashboards.figures import Figure
from dashboards.frame import readable, side_by_side
from dashboards.grid import Column, Row
from dashboards.incidents import draw_incidents
from dashboards.listing import draw_table
from dashboards.period import Period
from dashboards.view import View

WAITING = """<div class="sl-empty"><h2>No worker has committed anything yet</h2>
<p>The lake is there. Start a worker on it, and send spans; this page fills by itself:</p>
<p><code>spanledger worker</code></p></div>"""

SHOWN = 8
UNPRICED_BY = ("provider", "model", "service_tier", "price_status")


def show(source: Source, view: View) -> None:
    """Draw the page again and again."""
    st.fragment(_live, run_every=source.refresh_s)(source, view)


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
        draw_incidents(incidents, view, now)
        if deployment is None:
            _draw_unpriced(unpriced, period.phrase, view)
        else:
            _draw_deployment(deployment, unpriced, period.phrase, now, view)
        _draw_ledger(answers, period, now, view.zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What is about the whole deployment: who may see some tenants only is not shown it."""

    partitions: Sequence[Row]
    dropped: Sequence[Row]
    hidden: Sequence[Row]
    lag_messages: int


def _deployment(answers: Answers, period: Period) -> Deployment:
    return Deployment(
        partitions=answers.ask("pipeline"),
        dropped=answers.ask("dead_letters", start=period.start, end=period.end),
        hidden=answers.ask("hidden", start=period.start, end=period.end),
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
            _backlog(answers),
        ]
    )


def _backlog(answers: Answers) -> tuple[Figure, str]:
    """Hours with calls that wait for their settlement."""
    settled = answers.ask("settlements", limit=1)
    closed_to = settled[0]["closed_to"] if settled else None
    hours = len(answers.ask("spend", by=(), bucket="hour", start=closed_to))
    return figures.count(hours), f"{'hour' if hours == 1 else 'hours'} not settled yet"


def _draw_deployment(deployment: Deployment, unpriced: Sequence[Row], phrase: str, now: datetime, view: View) -> None:
    _draw_partitions(deployment.partitions, now)
    left, right = side_by_side(2)
    with left:
        _draw_dropped(deployment.dropped, phrase, now, view.zone)
        _draw_hidden(deployment.hidden, phrase, now, view.zone)
    with right:
        _draw_unpriced(unpriced, phrase, view)


def _draw_ledger(answers: Answers, period: Period, now: datetime, zone: tzinfo) -> None:
    """What the ledger changed, what it only has from metrics, and how the calls were judged."""
    _draw_repairs(answers.ask("repairs", start=period.start, end=period.end), period.phrase, now, zone)
    _draw_metered(answers.ask("metered", start=period.start, end=period.end), period.phrase, now, zone)
    _draw_outcomes(answers.ask("outcomes", start=period.start, end=period.end), period.phrase, now, zone)


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


def _draw_hidden(rows: Sequence[Row], phrase: str, now: datetime, zone: tzinfo) -> None:
    draw_table(
        "Names hidden",
        rows,
        [
            Column(name="rule", title="Rule"),
            Column(name="topic", title="Topic"),
            Column(name="last_at", title="Last", shown=partial(figures.moment, now=now, zone=zone)),
            Column(name="names", title="Names", shown=figures.count, bar=True),
        ],
        name="hidden",
        note=f"What stood in place of names, {phrase}",
        none="None: every name is a name.",
    )


def _draw_repairs(rows: Sequence[Row], phrase: str, now: datetime, zone: tzinfo) -> None:
    draw_table(
        "Token counts repaired or refused",
        rows,
        [
            Column(name="rule", title="Rule"),
            Column(name="outcome", title="Outcome"),
            Column(name="convention", title="Convention", unknown="unknown"),
            Column(name="scope_version", title="Version", unknown="unknown"),
            Column(name="last_at", title="Last", shown=partial(figures.moment, now=now, zone=zone)),
            Column(name="share", title="Of its calls", shown=figures.share),
            Column(name="calls", title="Calls", shown=figures.count),
            Column(name="spans", title="Spans", shown=figures.count, bar=True),
        ],
        name="repairs",
        note=f"Counts that contradicted themselves, by rule and who wrote them, {phrase}: what is refused has no cost",
        none="None: every count agrees with itself.",
    )


def _draw_metered(rows: Sequence[Row], phrase: str, now: datetime, zone: tzinfo) -> None:
    draw_table(
        "Services that count tokens and send no spans",
        rows,
        [
            Column(name="tenant", title="Tenant"),
            Column(name="service", title="Service", unknown="unknown"),
            Column(name="provider", title="Provider", unknown="unknown"),
            Column(name="model", title="Model", unknown="unknown"),
            Column(name="last_at", title="Last", shown=partial(figures.moment, now=now, zone=zone)),
            Column(name="calls", title="Calls", shown=figures.count),
            Column(name="tokens_out", title="Output tokens", shown=figures.count),
            Column(name="tokens_in", title="Input tokens", shown=figures.count, bar=True),
        ],
        name="metered",
        note=f"From their metrics, {phrase}: they are in no total",
        none="None: every service that counts tokens sends spans.",
    )


def _draw_outcomes(rows: Sequence[Row], phrase: str, now: datetime, zone: tzinfo) -> None:
    draw_table(
        "Outcomes, evaluations and feedback",
        rows,
        [
            Column(name="name", title="Judged"),
            Column(name="source", title="By"),
            Column(name="last_at", title="Last", shown=partial(figures.moment, now=now, zone=zone)),
            Column(name="good", title="Good", shown=figures.count),
            Column(name="bad", title="Bad", shown=figures.count),
            Column(name="scored", title="With a score", shown=figures.count),
            Column(name="outcomes", title="Outcomes", shown=figures.count, bar=True),
        ],
        name="outcomes",
        note=f"As they were told, {phrase}",
        none="None was told. See POST /v1/outcomes of the gateway.",
    )


def _draw_unpriced(rows: Sequence[Row], phrase: str, view: View) -> None:
    draw_table(
        "Calls without a price",
        rows,
        [
            Column(name="model", title="Model", unknown="unknown"),
            Column(name="provider", title="Provider", unknown="unknown"),
            Column(name="service_tier", title="Tier", unknown=""),
            Column(name="price_status", title="Why", unknown="unknown"),
            Column(name="output_tokens", title="Output tokens", shown=figures.count),
            Column(name="calls", title="Calls", shown=figures.count, bar=True, leads=view.calls_of(UNPRICED_BY)),
        ],
        name="unpriced",
        note=f"By model, {phrase}: they are in no total",
        none="None: every billable call has a price.",
        shown=SHOWN,
    )

"""The first line of each page: the answer to its reader's first question, in one sentence.

Pure: rows and moments in, HTML out (numbers are bold and carry their exact value on hover).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from html import escape

from dashboards import figures
from dashboards.figures import Figure
from dashboards.grid import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """The time up to which the ledger is known to be complete, seen at ``now`` by a reader in ``zone``."""

    as_of: datetime | None
    now: datetime
    zone: tzinfo

    def words(self) -> str:
        """``data as of 14:03:12 (2 s ago)``."""
        if self.as_of is None:
            return "nothing read from Kafka yet"
        moment, age = figures.moment(self.as_of, self.now, self.zone), figures.ago(self.as_of, self.now)
        return f'data as of {_bold(moment)} <span class="sl-one">({escape(age.text)})</span>'


def badge(word: str, mood: str, why: str) -> str:
    """A small label; ``mood`` is good, warn or bad."""
    return f'<span class="sl-badge {mood}" title="{escape(why)}">{escape(word)}</span>'


PROVISIONAL = badge(
    "provisional", "warn", "Not closed yet: duplicates across flushes and late data may still correct it."
)
SETTLED = badge("settled", "good", "Closed: only adjustments change it.")
BEHIND_AFTER_S = 60
"""Data this old while messages wait means that the worker does not keep up."""


def spend(total: Row, *, phrase: str, tenants: int, freshness: Freshness) -> str:
    """``$412.07 spent today by 4 tenants, 98.2 % priced, provisional, data as of 14:03:12 (2 s ago)``."""
    parts = [
        f"{_bold(figures.usd(total['cost_usd']))} spent {escape(phrase)} by {_bold(_counted(tenants, 'tenant'))}",
        f"{_bold(figures.share(total['priced_share']))} priced",
        PROVISIONAL if total["provisional"] else SETTLED,
        freshness.words(),
    ]
    return _lead(", ".join(parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What decides whether the pipeline is healthy; None = not for this reader, who sees some tenants only."""

    lag_messages: int | None
    lost_offsets: bool | None
    drop_reasons: int | None
    open_incidents: int


def pipeline(health: Health, *, phrase: str, freshness: Freshness) -> str:
    """``Healthy data as of 14:03:12 (2 s ago), 0 messages waiting, nothing dropped today, no open incident``."""
    judged = verdict(health, freshness)
    if freshness.as_of is None:
        return _lead(f"{judged}&ensp;{freshness.words()}")
    reasons = (
        f"drops for {_bold(_counted(health.drop_reasons, 'reason'))}" if health.drop_reasons else "nothing dropped"
    )
    parts = [freshness.words()]
    if health.lag_messages is not None:
        parts.append(f"{_bold(_counted(health.lag_messages, 'message'))} waiting in Kafka")
    if health.drop_reasons is not None:
        parts.append(f"{reasons} {escape(phrase)}")
    parts.append(
        _bold(_counted(health.open_incidents, "open incident")) if health.open_incidents else "no open incident"
    )
    return _lead(f"{judged}&ensp;{', '.join(parts)}")


def verdict(health: Health, freshness: Freshness) -> str:
    """One word, and on hover why: waiting, behind, needs attention, healthy."""
    if freshness.as_of is None:
        return badge("Waiting", "warn", "No worker has committed anything yet.")
    age_s = (freshness.now - freshness.as_of).total_seconds()
    if health.lag_messages and age_s > BEHIND_AFTER_S:
        return badge(
            "Behind", "bad", "Messages wait in Kafka and nothing was committed for a minute: is the worker up?"
        )
    if health.lost_offsets:
        return badge("Data lost", "bad", "Kafka deleted messages before they were read: see the partitions below.")
    if health.open_incidents or health.drop_reasons:
        return badge("Needs attention", "warn", "An incident is open or messages were dropped: see below.")
    if health.lag_messages is None:
        return badge("All quiet", "good", "No incident of the tenants shown is open.")
    return badge("Healthy", "good", "Nothing was dropped or lost and no incident is open.")


def sub(parts: Sequence[tuple[Figure, str]]) -> str:
    """The line below the first: numbers with their words, between dots."""
    return f'<p class="sl-sub">{" · ".join(f"{_bold(figure)} {escape(words)}" for figure, words in parts)}</p>'


def _lead(sentence: str) -> str:
    return f'<p class="sl-lead">{sentence}</p>'


def _bold(figure: Figure) -> str:
    return f'<b title="{escape(figure.exact)}">{escape(figure.text)}</b>'


def _counted(number: int | None, noun: str) -> Figure:
    figure = figures.count(number)
    tail = f" {noun}" if number == 1 else f" {noun}s"
    return Figure(text=figure.text + tail, exact=figure.exact + tail)

"""The first line of each page: the answer to its reader's first question, in one sentence.

Pure: rows and moments in, HTML out (numbers are bold and carry their exact value on hover).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal
from html import escape

from dashboards import figures
from dashboards.before import ALONE, Before
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
        return f'data as of {bold(moment)} <span class="sl-one">({escape(age.text)})</span>'


def badge(word: str, mood: str, why: str) -> str:
    """A small label; ``mood`` is good, warn or bad."""
    return f'<span class="sl-badge {mood}" title="{escape(why)}">{escape(word)}</span>'


PROVISIONAL = badge(
    "provisional", "warn", "Not closed yet: duplicates across flushes and late data may still correct it."
)
SETTLED = badge("settled", "good", "Closed: only adjustments change it.")
BEHIND_AFTER_S = 60
"""Data this old while messages wait means that the worker does not keep up."""


def spend(total: Row, *, phrase: str, tenants: int, month: str = "") -> str:
    """``$412.07 spent today by 4 tenants``; ``month`` follows: how it is with the month, its budget and forecast."""
    spent = f"{bold(figures.usd(total['cost_usd']))} spent {escape(phrase)} by {bold(counted(tenants, 'tenant'))}"
    return lead(spent + month)


def successes(row: Row, *, phrase: str, before: Before = ALONE) -> str:
    """``$0.61 for a successful task last month, at least $0.51; 388 of 546 tasks succeeded, 83.2 % have an outcome``.

    The bound is what it cost if all tasks without an outcome had succeeded.
    """
    cost, low = (figures.usd(row[f"cost_per_successful_task_{name}usd"]) for name in ("", "low_"))
    succeeded = f"{bold(figures.count(row['successful_tasks']))} of {bold(counted(row['tasks'], 'task'))} succeeded"
    if row["cost_per_successful_task_usd"] is None:
        told = f"No successful task with a price {escape(phrase)}"
    else:
        change = before.usd("cost_per_successful_task_usd", row["cost_per_successful_task_usd"])
        told = f"{bold(cost)}{change} for a successful task {escape(phrase)}"
    parts = [told, succeeded, f"{bold(figures.share(row['outcome_coverage']))} have an outcome"]
    if row["unknown_tasks"] and row["cost_per_successful_task_low_usd"] is not None:
        parts[-1] += f": if all the others had succeeded too, {bold(low)}"
    return lead("; ".join(parts[:2]) + f", {parts[2]}")


def invoice(total: Row, *, agrees: bool, phrase: str) -> str:
    """``$34.21 billed in the last 30 days, $34.41 in the books: -$0.20, all of it explained``."""
    difference, open_ = figures.change(total["difference_usd"]), figures.usd(total["unexplained_usd"])
    verdict = (
        badge("explained", "good", "Of no provider more than half a percent of the bill has no cause.")
        if agrees
        else badge("unexplained", "bad", "Of a provider more than half a percent of the bill has no cause.")
    )
    rest = f", {bold(open_)} of it without a cause" if total["unexplained_usd"] else ""
    return lead(
        f"{bold(figures.usd(total['theirs_usd']))} billed {escape(phrase)}, {bold(figures.usd(total['ours_usd']))} "
        f"in the books: a difference of {bold(difference)}{rest}&ensp;{verdict}"
    )


def chargeback(cost: Decimal | None, payers: int, by: str, months: str) -> str:
    """``$109.98 on the statements of 3 tenants, November 2026``."""
    return lead(f"{bold(figures.usd(cost))} on the statements of {bold(counted(payers, by))}, {escape(months)}")


def close(closed_to: Figure, hours: int, cost: Decimal | None, locked_to: date | None) -> str:
    """``All hours before 17:00:00 are settled; $1.25 in 1 open hour; all months before November 2026 are locked``."""
    locked = f"all months before {bold(_month(locked_to))} are locked" if locked_to else "no month is locked"
    waiting = f"{bold(figures.usd(cost))} in {bold(counted(hours, 'open hour'))}" if hours else "no call in an open one"
    return lead(f"All hours before {bold(closed_to)} are settled; {waiting}; {locked}")


def _month(day: date) -> Figure:
    return Figure(text=f"{day:%B %Y}", exact=day.isoformat())


def latency(total: Row, *, phrase: str, before: Before = ALONE) -> str:
    """``Half of 1,204 calls took 412 ms or less today, 95 % 2.3 s; the first token came within …``."""
    half, most, first = (
        bold(figures.milliseconds(total[name])) + before.time(name, total[name])
        for name in ("latency_p50_ms", "latency_p95_ms", "ttft_p95_ms")
    )
    parts = [f"Half of {bold(counted(total['calls'], 'call'))} took {half} or less {escape(phrase)}, 95 % {most}"]
    if total["ttft_p95_ms"] is not None:
        parts.append(
            f"the first token came within {first} in 95 % of the streams"
            f" ({bold(figures.share(total['ttft_coverage']))} of them tell)"
        )
    return lead("; ".join(parts))


def errors(total: Row, classes: Sequence[Row], *, phrase: str, before: Before = ALONE) -> str:
    """``1.2 % of 1,204 calls failed today, most of them rate_limit, 31 calls were retries``."""
    failed = [row for row in classes if row["status"] == "error"]
    whole = total["calls"]
    share = sum(row["errors"] for row in failed) / whole if whole else None
    rate = bold(figures.share(share)) + before.share("error_share", share)
    parts = [f"{rate} of {bold(counted(whole, 'call'))} failed {escape(phrase)}"]
    if failed:
        first = failed[0]
        parts.append(f"{bold(figures.count(first['errors']))} of them with {escape(str(first['what']))}")
    parts.append(f"{bold(figures.count(total['retries']))} were retries")
    return lead(", ".join(parts))


def safety(rows: Sequence[Row], calls: int, *, phrase: str, before: Before = ALONE) -> str:
    """``0.4 % of 1,204 checked calls triggered a guard or filter today, 3 injections (2 blocked)``."""
    by_category = {row["category"]: row for row in rows}
    whole = by_category.get("any")
    if whole is None:
        return lead(f"No guard or filter tells of any of {bold(counted(calls, 'call'))} {escape(phrase)}")
    share, checks = figures.share(whole["trigger_rate"]), counted(whole["checked_calls"], "check")
    change = before.share("trigger_rate", whole["trigger_rate"])
    parts = [f"{bold(share)}{change} of {bold(checks)} triggered {escape(phrase)}"]
    injections, pii = by_category.get("prompt_injection"), by_category.get("pii")
    if injections is not None and injections["triggered"]:
        parts.append(
            f"{bold(counted(injections['triggered'], 'injection'))}, "
            f"{bold(figures.share(injections['contained_rate']))} of them blocked"
        )
    if pii is not None and pii["triggered"]:
        parts.append(f"{bold(figures.count(pii['triggered']))} with personal data")
    return lead("; ".join(parts))


def calls(total: Row | None, shown: int, status: str | None, *, phrase: str) -> str:
    """``The latest 200 of 1,204 calls that ended with error, $3.07 in all, today``; without a total no more than them.

    A total without a cost is of what has none.
    """
    how = f" that ended with {escape(status)}" if status else ""
    if total is None:
        return lead(f"The latest {bold(counted(shown, 'call'))}{how} {escape(phrase)}")
    cost = "" if total["cost_usd"] is None else f", {bold(figures.usd(total['cost_usd']))} in all,"
    of = f" of {bold(counted(total['calls'], 'call'))}{how}{cost}"
    return lead(f"The latest {bold(figures.count(shown))}{of} {escape(phrase)}")


def incidents(opened: Sequence[Row], resolved: int, *, phrase: str) -> str:
    """``2 open incidents, $12.40 above what is usual so far, $45.20 an hour, 3 opened today are over``."""
    parts = [bold(counted(len(opened), "open incident")) if opened else "No open incident"]
    if opened:
        over, hourly = (
            figures.usd(sum((row[name] for row in opened if row[name] is not None), Decimal(0)))
            for name in ("excess_usd", "excess_usd_per_hour")
        )
        parts.append(f"{bold(over)} above what is usual so far, {bold(hourly)} an hour")
    parts.append(f"{bold(figures.count(resolved))} opened {escape(phrase)} {'is' if resolved == 1 else 'are'} over")
    return lead(", ".join(parts))


def incident(row: Row) -> str:
    """Its summary, and whether it is over."""
    mood = ("over", "good", "It is over.") if row["state"] == "resolved" else ("open", "bad", "It goes on.")
    return lead(f"{badge(*mood)}&ensp;{escape(row['summary'] or row['signal'])}")


def trace(rows: Sequence[Row], *, zone: tzinfo) -> str:
    """``4 spans in 2.3 s cost $0.0042, began 14:03:12``."""
    first, last = min(row["started_at"] for row in rows), max(row["ended_at"] for row in rows)
    priced = [row["cost_usd"] for row in rows if row["billable"] and row["cost_usd"] is not None]
    cost = figures.usd(sum(priced, Decimal(0)) if priced else None)
    took = figures.milliseconds((last - first).total_seconds() * 1000)
    began = figures.moment(first, last, zone)
    return lead(
        f"{bold(counted(len(rows), 'span'))} in {bold(took)} cost {bold(cost)}, "
        f"began on {first.astimezone(zone):%Y-%m-%d} at {bold(began)}"
    )


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
        return lead(f"{judged}&ensp;{freshness.words()}")
    reasons = f"drops for {bold(counted(health.drop_reasons, 'reason'))}" if health.drop_reasons else "nothing dropped"
    parts = [freshness.words()]
    if health.lag_messages is not None:
        parts.append(f"{bold(counted(health.lag_messages, 'message'))} waiting in Kafka")
    if health.drop_reasons is not None:
        parts.append(f"{reasons} {escape(phrase)}")
    parts.append(bold(counted(health.open_incidents, "open incident")) if health.open_incidents else "no open incident")
    return lead(f"{judged}&ensp;{', '.join(parts)}")


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
    return f'<p class="sl-sub">{" · ".join(f"{bold(figure)} {escape(words)}" for figure, words in parts)}</p>'


def lead(sentence: str) -> str:
    """The first line of a page, of HTML."""
    return f'<p class="sl-lead">{sentence}</p>'


def bold(figure: Figure) -> str:
    """A number with its exact value on hover."""
    return f'<b title="{escape(figure.exact)}">{escape(figure.text)}</b>'


def counted(number: int | None, thing: str) -> Figure:
    """``1 tenant``, ``3 tenants``."""
    figure = figures.count(number)
    tail = f" {noun(number, thing)}"
    return Figure(text=figure.text + tail, exact=figure.exact + tail)


def noun(number: int | None, thing: str) -> str:
    """``tenant`` of 1, else ``tenants``."""
    return thing if number == 1 else f"{thing}s"

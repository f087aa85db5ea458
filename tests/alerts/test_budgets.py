"""Budgets as incidents: thresholds until the period ends, burns until they are calm, each told once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from alerts.budgets import EXCEEDED, FAST_BURN, OVERRUN, SLOW_BURN, THRESHOLD, draft_budget_events
from alerts.channels import Alertmanager, MemoryChannel
from alerts.events import Signature
from alerts.incidents import ACKNOWLEDGED, OPENED, RESOLVED, SILENCED, UPDATED, Event
from alerts.journal import Journal
from alerts.lake_ledger import LakeLedger
from alerts.ledger import MemoryLedger
from alerts.lookout import Lookout
from alerts.minutes import to_minute
from alerts.people import say
from alerts.routing.routes import to_all
from alerts.settings import AlertSettings
from alerts.silences import read_silence
from tests.alerts.workload import Spent, usage_table
from tests.warehouse.planned import Books, line
from tests.warehouse.samples import APP, flush_record, rows, stretch
from warehouse.lake import Flush
from warehouse.planning.file import Budget, BurnAlert, Plans
from warehouse.planning.standing import Burn, Outlook, Standing, stand
from warehouse.questions.dimensions import Filter
from warehouse.reader import ALL, Scope, Warehouse

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
NOVEMBER, DECEMBER = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EVERY_S = 300
FAST, SLOW = BurnAlert(hours=6, rate=Decimal(4)), BurnAlert(hours=72, rate=Decimal("1.5"))
USD = 10**12
SIGNATURE = Signature(actor="w", recorded_at=NOW, critical_usd=10.0)


def budget(name: str = "chat", of: Filter = (("tenant", frozenset({"acme"})),), **told: Any) -> Budget:
    """720 USD a month: one an hour in November."""
    usual = {"thresholds": (Decimal(50), Decimal(80), Decimal(100)), "burn_alerts": (SLOW, FAST), "owner": "ann"}
    return Budget(name=name, of=of, period="month", picos=720 * USD, first=date.min, after=date.max, **usual | told)


def standing(usd: int, *, fast: float = 0, slow: float = 0, now: datetime = NOW, of: Budget | None = None) -> Standing:
    """So much used by now; the burns at these times the even pace."""
    held = of or budget()
    begin = now.replace(day=1, hour=0)
    burns = tuple(
        Burn(
            alert=alert,
            start=now - alert.hours * HOUR,
            end=now,
            picos=round(rate * alert.hours * USD),
            even_picos=Decimal(alert.hours * USD),
        )
        for alert, rate in ((FAST, fast), (SLOW, slow))
    )
    period = (begin, DECEMBER if begin == NOVEMBER else begin + 31 * DAY)
    return Standing(budget=held, period=period, picos=usd * USD, seen_to=now, burns=burns)


@dataclass
class Watch:
    """A lookout over a ledger in memory, asked every five minutes."""

    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    channel: MemoryChannel = field(default_factory=MemoryChannel)
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.lookout = Lookout(AlertSettings(budgets_every_s=EVERY_S), self.ledger, to_all(self.channel))

    def look(self, *standings: Standing, at: datetime | None = None) -> list[tuple[str, str]]:
        """What the next look tells: signal and event."""
        self.ledger.standings = standings
        self.now = at or self.now + timedelta(seconds=EVERY_S)
        report = self.lookout.step(self.now, wait_s=1)
        return [(event["signal"], event["event"]) for event in report.events]

    def events(self) -> list[Event]:
        """What the channel took so far."""
        self.lookout.step(self.now + MINUTE, wait_s=5)
        self.lookout.step(self.now + MINUTE, wait_s=5)
        return self.channel.events


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_a_budget_that_is_far_from_its_thresholds_tells_nothing(watch: Watch):
    assert watch.look(standing(300, fast=1, slow=1)) == []


def test_a_threshold_is_told_once_the_next_one_again_and_the_whole_amount_by_itself(watch: Watch):
    told = [watch.look(standing(usd)) for usd in (359, 360, 400, 576, 700, 720, 800)]

    assert told == [[], [(THRESHOLD, OPENED)], [], [(THRESHOLD, UPDATED)], [], [(EXCEEDED, OPENED)], []]
    assert {event.severity for event in watch.events()} == {"warning", "critical"}


def test_who_begins_with_the_whole_amount_used_is_told_that_alone(watch: Watch):
    assert watch.look(standing(800)) == [(EXCEEDED, OPENED)]


def test_a_budget_without_a_threshold_of_100_is_exceeded_all_the_same(watch: Watch):
    half = budget(thresholds=(Decimal(50),))

    assert [watch.look(standing(usd, of=half)) for usd in (400, 719, 720)] == [
        [(THRESHOLD, OPENED)],
        [],
        [(EXCEEDED, OPENED)],
    ]


def test_a_budget_without_thresholds_tells_of_none(watch: Watch):
    assert watch.look(standing(2000, of=budget(thresholds=()))) == []


def test_a_new_period_resolves_what_the_last_one_told_and_begins_anew(watch: Watch):
    watch.look(standing(700))
    watch.look(standing(800))
    first = datetime(2026, 12, 1, 1, tzinfo=UTC)

    assert watch.look(standing(1, now=first), at=first) == [(THRESHOLD, RESOLVED), (EXCEEDED, RESOLVED)]
    assert watch.look(standing(400, now=first + HOUR), at=first + HOUR) == [(THRESHOLD, OPENED)]


def test_the_end_of_a_period_tells_what_the_period_came_to(watch: Watch):
    watch.look(standing(800))
    watch.look(standing(1, now=datetime(2026, 12, 1, 1, tzinfo=UTC)), at=datetime(2026, 12, 1, 1, tzinfo=UTC))

    opened, over = watch.events()

    assert (over.event, over.observed_usd, over.excess_usd) == (RESOLVED, Decimal(800), Decimal(80))
    assert over.summary == f"{opened.summary}; over: the period ended"


def test_the_end_of_a_burn_keeps_what_it_cost(watch: Watch):
    watch.look(standing(100, fast=5))
    watch.look(standing(100, fast=1))

    opened, over = watch.events()

    assert (over.event, over.excess_usd) == (RESOLVED, opened.excess_usd)
    assert over.summary is not None
    assert over.summary.endswith("over: it burns slower")


def test_an_overrun_names_who_spends_most_and_ends_with_the_budget(watch: Watch):
    watch.ledger.add_usage(
        usage_table(
            [
                Spent(minute=to_minute(NOW) - 60, usd=539.6, principal="big-key", model="gpt"),
                Spent(minute=to_minute(NOW) - 50, usd=0.4, principal="intern", model="nano"),
            ]
        )
    )
    watch.ledger.ahead = {"chat": Outlook(forecast_usd=Decimal(1740), low_usd=Decimal(1500))}
    watch.look(standing(540, of=budget(thresholds=())))
    watch.look(standing(730, of=budget(thresholds=())))

    opened, over = (one for one in watch.events() if one.signal == OVERRUN)

    assert (opened.event, over.event) == (OPENED, RESOLVED)
    assert {one.value for one in opened.contributors} == {"big-key", "gpt", "chat"}
    assert all(one.excess_usd > 1000 for one in opened.contributors)
    assert over.summary == f"{opened.summary}; over: the budget is exceeded"


def test_a_larger_amount_resolves_a_threshold_that_is_no_longer_reached(watch: Watch):
    watch.look(standing(400))

    assert watch.look(standing(400, of=budget(thresholds=(Decimal(80),)))) == [(THRESHOLD, RESOLVED)]


def test_a_burn_is_over_when_it_is_a_tenth_below_its_limit(watch: Watch):
    told = [watch.look(standing(100, fast=rate)) for rate in (3.9, 4, 3.9, 3.7, 3.5, 4)]

    assert told == [[], [(FAST_BURN, OPENED)], [], [], [(FAST_BURN, RESOLVED)], [(FAST_BURN, OPENED)]]


def test_a_burn_is_told_again_when_its_excess_has_doubled(watch: Watch):
    told = [watch.look(standing(100, fast=rate)) for rate in (4, 6.9, 7, 12.9, 13)]

    assert told == [[(FAST_BURN, OPENED)], [], [(FAST_BURN, UPDATED)], [], [(FAST_BURN, UPDATED)]]


def test_a_burn_at_the_even_pace_is_told_once(watch: Watch):
    even = BurnAlert(hours=6, rate=Decimal(1))
    stood = [standing(100, fast=rate) for rate in (1, 1, 1, 1.5, 2)]
    told = [watch.look(replace(one, burns=(replace(one.burns[0], alert=even),))) for one in stood]

    assert told == [[(FAST_BURN, OPENED)], [], [], [], [(FAST_BURN, UPDATED)]]


def test_slow_and_fast_burns_are_incidents_of_their_own(watch: Watch):
    assert watch.look(standing(100, slow=2)) == [(SLOW_BURN, OPENED)]
    assert watch.look(standing(100, slow=2, fast=5)) == [(FAST_BURN, OPENED)]
    assert watch.look(standing(100, slow=2, fast=1)) == [(FAST_BURN, RESOLVED)]


def test_the_only_burn_alert_of_a_budget_is_its_fastest(watch: Watch):
    one = standing(100, slow=2, of=budget(burn_alerts=(SLOW,)))
    alone = Standing(budget=one.budget, period=one.period, picos=one.picos, seen_to=NOW, burns=one.burns[1:])

    assert watch.look(alone) == [(FAST_BURN, OPENED)]


def test_what_is_said_names_the_budget_the_money_and_who_spends_it(watch: Watch):
    spent = [Spent(minute=int(NOW.timestamp()) // 60 - 30, usd=18, model="opus"), Spent(minute=1, usd=1)]
    watch.ledger.add_usage(usage_table(spent))

    watch.look(standing(100, fast=4))

    (event,) = [one for one in watch.events() if one.signal == FAST_BURN]
    assert (event.observed_usd, event.expected_usd, event.excess_usd_per_hour) == (24, 6, 3)
    assert (event.tenant, event.feature, event.budget) == ("acme", None, "chat")
    assert (event.window_start, event.window_end) == (NOW - 6 * HOUR, NOW)
    assert event.summary == (
        "budget chat (owner ann): $24.00 in 6 h, 4.0 times the even pace (limit 4); 14 % used; "
        "67 % from model opus, principal key-1"
    )


def test_a_budget_that_is_in_the_file_no_more_is_resolved(watch: Watch):
    watch.look(standing(400), standing(400, of=budget("other")))

    assert watch.look(standing(400)) == [(THRESHOLD, RESOLVED)]
    assert watch.look() == [(THRESHOLD, RESOLVED)]


def says(watch: Watch, kind: str, lasts: timedelta | None = None) -> None:
    """Somebody says it of the last incident."""
    journal = Journal(watch.ledger)
    journal.refresh()
    known = list(journal.incidents.values())[-1]
    assert journal.commit([say(known, kind, who="ada", now=watch.now + MINUTE, until=lasts and watch.now + lasts)])


def test_who_has_a_budget_hears_of_its_end_alone(watch: Watch):
    watch.look(standing(400))
    says(watch, ACKNOWLEDGED)

    assert [watch.look(standing(usd)) for usd in (600, 700, 300)] == [[], [], [(THRESHOLD, RESOLVED)]]


def test_a_silenced_budget_is_told_again_when_the_silence_is_over(watch: Watch):
    watch.look(standing(400))
    says(watch, SILENCED, 2 * HOUR)

    assert [watch.look(standing(600)), watch.look(standing(300))] == [[], [(THRESHOLD, RESOLVED)]]
    assert watch.look(standing(600)) == []
    assert watch.look(standing(600), at=NOW + 3 * HOUR) == [(THRESHOLD, OPENED)]


def test_a_silence_of_one_budget_and_signal_leaves_the_others(watch: Watch):
    other = budget("another")
    watch.look(standing(400))
    says(watch, SILENCED, 2 * HOUR)

    told = watch.look(standing(400), standing(400, of=other)), watch.look(standing(800), standing(400, of=other))

    assert told == ([(THRESHOLD, OPENED)], [(EXCEEDED, OPENED)])


def test_a_silence_of_the_alertmanager_holds_for_budgets(watch: Watch):
    there = [
        {"name": name, "value": value, "isRegex": False} for name, value in (("tenant", "acme"), ("budget", "chat"))
    ]
    times = {"startsAt": NOW.isoformat(), "endsAt": (NOW + HOUR).isoformat()}
    silence = read_silence({"status": {"state": "active"}, "matchers": there, **times})
    assert silence is not None

    heard = [
        draft_budget_events([standing(400, of=budget(name))], {}, watch.ledger.spend_of, SIGNATURE, silences=[silence])
        for name in ("chat", "another")
    ]

    assert [len(events) for events in heard] == [0, 1]


def test_two_workers_tell_it_once(watch: Watch):
    other = Watch(ledger=watch.ledger)
    watch.look(standing(400))

    assert other.look(standing(400)) == []


def test_an_alertmanager_is_told_of_the_budget_and_of_no_tenant_where_there_are_several():
    labels = []
    for of in ((("tenant", frozenset({"acme"})),), (("tenant", frozenset({"acme", "beta"})),)):
        watch = Watch()
        watch.look(standing(400, of=budget(of=of)))
        alert = Alertmanager("http://x", dashboard_url="", refresh_s=60)._alert(watch.events()[0], NOW)
        labels.append(alert["labels"])

    shared = {"alertname": "SpanLedgerBudget", "signal": THRESHOLD, "severity": "warning", "budget": "chat"}
    assert labels == [shared | {"tenant": "acme"}, shared]


def test_everybody_is_named_by_his_share_of_what_was_spent_whoever_spent_it_before(watch: Watch):
    before = [Spent(minute=int((NOW - 9 * HOUR).timestamp()) // 60, usd=50, model="opus")]
    spent = [
        Spent(minute=int(NOW.timestamp()) // 60 - 30, usd=usd, model=model, principal="app")
        for usd, model in ((18, "opus"), (5, "haiku"), (1, "nano"))
    ]
    watch.ledger.add_usage(usage_table(before + spent))

    watch.look(standing(100, fast=4))

    (event,) = [one for one in watch.events() if one.signal == FAST_BURN]
    shares = {part.value: part.excess_usd / event.excess_usd for part in event.contributors}
    assert shares["opus"] == Decimal("0.75")
    assert shares["app"] == 1
    assert event.summary.endswith("75 % from model opus, 100 % from principal app")


# ---- as a lake tells it


def lake_of(tmp_path: Path) -> Books:
    """Settled to noon at 2 an hour since the 8th; then, not settled, 20 in each of two hours, of the model opus."""
    books = Books(tmp_path)
    since = datetime(2026, 11, 8, tzinfo=UTC)
    books.settle([line(since + n * HOUR, 2, feature="chat") for n in range(60)], NOW)
    part = stretch(0, 2)
    late = usage_table(Spent(minute=int((NOW + n * HOUR).timestamp()) // 60, usd=20, model="opus") for n in range(2))
    flush = rows("flushes", flush_record(part, spans=2, last_record_at=NOW, flushed_at=NOW + 2 * HOUR))
    books.lake.commit(Flush(ranges=(part,), tables={"usage": {APP: late}, "flushes": {APP: flush}}))
    return books


def test_settled_hours_and_the_stream_count_in_thresholds_and_burns(tmp_path: Path):
    books = lake_of(tmp_path)
    now = NOW + 2 * HOUR

    (one,) = stand(Warehouse(books.settings).snapshot(), Plans(budgets=(budget(),)), now)

    assert (one.picos, one.seen_to) == (160 * USD, now)
    assert [(burn.alert.hours, burn.picos, burn.rate) for burn in one.burns] == [
        (6, 48 * USD, Decimal(8)),
        (72, 160 * USD, Decimal(160) / 72),
    ]


def test_a_lake_opens_incidents_that_name_who_spends(tmp_path: Path):
    books = lake_of(tmp_path)
    ledger = LakeLedger(books.lake, Warehouse(books.settings), Plans(budgets=(budget(),)))
    lookout = Lookout(AlertSettings(), ledger, to_all(MemoryChannel()))

    told = lookout.step(NOW + 2 * HOUR).events

    assert [(event["signal"], event["budget"]) for event in told if event["budget"]] == [
        (SLOW_BURN, "chat"),
        (FAST_BURN, "chat"),
    ]
    assert "opus" in {part["value"] for part in told[-1]["contributors"]}
    assert lookout.step(NOW + 2 * HOUR + 10 * MINUTE).events == ()


def test_of_settled_hours_the_books_say_who_spent(tmp_path: Path):
    books = Books(tmp_path)
    hour = NOW - 2 * HOUR
    doubled = usage_table([Spent(minute=int(hour.timestamp()) // 60, usd=20, model="twice told")])
    part = stretch(0, 1)
    flush = rows("flushes", flush_record(part, last_record_at=NOW, flushed_at=NOW))
    books.lake.commit(Flush(ranges=(part,), tables={"usage": {APP: doubled}, "flushes": {APP: flush}}))
    books.settle([line(hour, 2, feature="chat", model="opus")], NOW)
    ledger = LakeLedger(books.lake, Warehouse(books.settings), Plans())

    found = ledger.spend_of((("tenant", frozenset({"acme"})),), (NOW - 6 * HOUR, NOW + HOUR))

    assert [(row["model"], row["cost_usd"]) for row in found.to_pylist()] == [("opus", 2)]


@pytest.mark.long
def test_a_budget_of_several_tenants_is_shown_to_none_of_them(tmp_path: Path):
    books = lake_of(tmp_path)
    plans = Plans(budgets=(budget(), budget("both", (("tenant", frozenset({"acme", None})),))))
    Lookout(AlertSettings(), LakeLedger(books.lake, Warehouse(books.settings), plans), ()).step(NOW + 2 * HOUR)

    shown: dict[Scope, set[str]] = {
        scope: {row["budget"] for row in Warehouse(books.settings).ask("incidents", scope).to_pylist()} - {None}
        for scope in (ALL, frozenset({"acme"}), frozenset({"acme", None}))
    }

    assert list(shown.values()) == [{"chat", "both"}, {"chat"}, {"chat"}]

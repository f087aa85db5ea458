"""The lookout: one look at the ledger judges what is new, commits what is decided, and sends what was committed.

1. Note what couriers have delivered since the last look.
2. Where usage, journal or the minute have changed: train up to the minutes that may still change, judge those, commit
   the events that are due. If another worker has committed first, judge again with what it has told. Health
   (``alerts.health``) is looked at every ``HEALTH_EVERY_S`` at most, objectives every minute, budgets, newcomers and
   model servers every ``budgets_every_s``, forecasts every hour.
3. Give every free courier what its channel has not taken; while several days are learnt (at start) before each of them
   too, so that nothing that is open ends in the Alertmanager meanwhile.

Only step 2 costs anything, and only when something has changed. Nothing is sent that has not been committed.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from alerts import burns, gpus, metrics
from alerts.budgets import SEVERITY, draft_budget_events
from alerts.calendar import Announced, CalendarFile, hushed_by
from alerts.channels.prometheus import Alertmanager
from alerts.dispatch import Dispatch
from alerts.events import Signature
from alerts.evidence import Evidence
from alerts.health.newcomers import draft_newcomer_events, find_newcomers
from alerts.health.table import FAST_BURN, IDLE, SATURATED, SLOW_BURN
from alerts.health.watch import Watch
from alerts.history import History
from alerts.incidents import Event, as_json
from alerts.journal import Journal
from alerts.judge import CRITICAL_GATES, DETECTED, draft_events, episodes_told
from alerts.ledger import LEAF, Ledger, by_minute
from alerts.loops import part_of_loops
from alerts.minutes import MINUTE_S, to_minute, to_time
from alerts.people import heed
from alerts.routing.routes import Subscription
from alerts.rules import Case, draft_rule_events
from alerts.settings import AlertSettings
from alerts.signals.episodes import Episodes
from alerts.silences import Silences
from warehouse.planning.standing import Outlook

log = logging.getLogger("spanledger.alerts")

ATTEMPTS = 5
HEALTH_EVERY_S = 10
OUTLOOKS_EVERY = timedelta(hours=1)
BURNS, GPUS = (FAST_BURN, SLOW_BURN), (SATURATED, IDLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """What one look did. ``events``: those committed by it, as the topic ``spanledger.alerts`` carries them."""

    events: tuple[Mapping[str, Any], ...] = ()
    judged_until: datetime | None = None  # None = nothing had changed
    delivered: int = 0
    outbox: int = 0


class Lookout:
    """Judges a ledger and tells channels; what it knows beyond the ledger is only what it may lose."""

    def __init__(self, settings: AlertSettings, ledger: Ledger, subscriptions: Sequence[Subscription]) -> None:
        self.actor = uuid.uuid4().hex
        self._settings = settings
        self._ledger = ledger
        self._journal = Journal(ledger)
        self._dispatch = Dispatch(self._journal, subscriptions, actor=self.actor)
        self._calendar = CalendarFile(Path(settings.calendar) if settings.calendar else None)
        self._silences = Silences([one.channel for one in subscriptions if isinstance(one.channel, Alertmanager)])
        self._history = History(self._episodes, days=settings.history_days)
        self._seen: object = None
        self._budgets_at: datetime | None = None
        self._outlooks: Mapping[str, Outlook] = {}
        self._outlooks_at: datetime | None = None
        self._rules_minute: int | None = None
        self._health = Watch(settings, ledger) if settings.health else None
        self._health_at: datetime | None = None

    def step(self, now: datetime, *, wait_s: float = 0.0) -> StepReport:
        """One look; ``wait_s`` waits for deliveries. After LakeUnavailable the next look does what is left."""
        delivered = self._dispatch.collect(now, wait_s=wait_s)  # 1
        news = self._journal.refresh()
        seen = (self._ledger.mark(), to_minute(now))
        watermark = self._ledger.watermark(now) if news or seen != self._seen else None
        events = self._judge(now, watermark) if watermark is not None else ()  # 2
        self._seen = seen
        others = (*self._look_after_health(now, watermark), *self._hold_rules(now), *self._hold_budgets(now))
        return StepReport(
            events=tuple(as_json(event) for event in (*events, *others)),
            judged_until=watermark,
            delivered=delivered,
            outbox=self._dispatch.send(now),  # 3
        )

    def _judge(self, now: datetime, watermark: datetime) -> Sequence[Event]:
        started = time.perf_counter()
        drafts = self._commit(lambda: self._draft(now, watermark))
        metrics.judge_seconds.record(time.perf_counter() - started)
        return drafts

    def _look_after_health(self, now: datetime, watermark: datetime | None) -> Sequence[Event]:
        watch = self._health
        rests = self._health_at is not None and now < self._health_at + timedelta(seconds=HEALTH_EVERY_S)
        if watch is None or watermark is None or rests:
            return ()
        signature = self._sign(now, watermark)
        silences, calendar = self._silences.known(now), self._calendar.events()
        drafts = self._commit(
            lambda: watch.draft(
                now, watermark, self._journal.incidents, signature, silences=silences, calendar=calendar
            )
        )
        self._health_at = now
        return drafts

    def _hold_rules(self, now: datetime) -> Sequence[Event]:
        """Objectives, by the minute."""
        if to_minute(now) == self._rules_minute:
            return ()
        cases = [*burns.cases_of(self._ledger.paces(now))]
        self._rules_minute = to_minute(now)
        return self._tell_rules(cases, BURNS, now)

    def _see_gpus(self, now: datetime) -> Sequence[Event]:
        loads = self._ledger.gpu_load(now - gpus.DAY, now - gpus.RECENT, now)
        return self._tell_rules([*gpus.cases_of(loads, now)], GPUS, now)

    def _tell_rules(self, cases: Sequence[Case], signals: Sequence[str], now: datetime) -> Sequence[Event]:
        signature = self._sign(now)
        return self._commit(
            lambda: draft_rule_events(cases, signals, self._journal.latest, self._said_of_rules(now), signature)
        )

    def _said_of_rules(self, now: datetime, signals: Sequence[str] = (*BURNS, *GPUS)) -> Sequence[Announced]:
        """Silences of rules; no calendar explains what they find."""
        known = self._journal.incidents.values()
        return heed((one for one in known if one.opened.signal in signals), self._silences.known(now)).announced

    def _hold_budgets(self, now: datetime) -> Sequence[Event]:
        if self._budgets_at is not None and now < self._budgets_at + timedelta(seconds=self._settings.budgets_every_s):
            return ()
        standings = self._ledger.budgets(now)
        if self._outlooks_at is None or now >= self._outlooks_at + OUTLOOKS_EVERY:
            self._outlooks, self._outlooks_at = self._ledger.outlooks(now), now
        signature, outlooks = self._sign(now), self._outlooks
        drafts = self._commit(
            lambda: draft_budget_events(
                standings,
                self._journal.latest,
                self._ledger.spend_of,
                signature,
                outlooks,
                silences=self._said_of_rules(now, tuple(SEVERITY)),
            )
        )
        self._budgets_at = now
        return (*drafts, *self._see_newcomers(now), *self._see_gpus(now))

    def _see_newcomers(self, now: datetime) -> Sequence[Event]:
        settings = self._settings
        if not settings.health:
            return ()
        days = self._ledger.first_days(now - timedelta(days=settings.history_days), now)
        newcomers = find_newcomers(days, now.date(), settings.newcomer_usd)
        said = heed(self._journal.incidents.values(), (*self._calendar.events(), *self._silences.known(now))).announced
        signature = self._sign(now)
        return self._commit(lambda: draft_newcomer_events(newcomers, self._journal.incidents, said, signature))

    def _commit(self, draft: Callable[[], Sequence[Event]]) -> Sequence[Event]:
        """What is due, committed; drafted again where another worker came first."""
        for _ in range(ATTEMPTS):
            drafts = draft()
            if not drafts or self._journal.commit(drafts):
                _report(drafts)
                return drafts
            metrics.conflicts.add(1)
        return ()

    def _draft(self, now: datetime, watermark: datetime) -> Sequence[Event]:
        end = to_minute(watermark) + 1
        told = episodes_told(self._journal.incidents)
        age = self._settings.notify_max_age_s // MINUTE_S
        meanwhile = partial(self._keep_open, now, time.monotonic())
        first = self._history.train(self._ledger, told, end - 1 - age, meanwhile=meanwhile)
        told = episodes_told(self._journal.incidents)  # by now: others may have told more while this one learnt
        usage = self._ledger.usage(to_time(first), to_time(max(end, first)), LEAF)
        silences = self._silences.known(now)
        known = self._journal.incidents.values()
        said = heed((one for one in known if one.opened.signal in DETECTED), (*self._calendar.events(), *silences))
        open_from = end if self._history.is_behind else to_minute(now) - age
        judged = self._history.judge(usage, told, end, open_from=open_from, said=said)
        metrics.series.set(len(self._history.leaves.keys))
        ledger = self._ledger
        evidence = Evidence(
            usage=ledger.usage_of,
            dearest=ledger.dearest,
            deploys=ledger.deploys,
            by_minute=partial(by_minute, ledger),
            watermark=watermark,
            is_silenced=hushed_by(silences, now),
            is_part=part_of_loops(known, now),
        )
        return draft_events(judged, self._journal.incidents, evidence, self._sign(now, watermark))

    def _keep_open(self, now: datetime, began: float) -> None:
        """What channels must hear while days are learnt: else what is open ends there."""
        late = now + timedelta(seconds=time.monotonic() - began)
        self._dispatch.collect(late, wait_s=0.0)
        self._dispatch.send(late)

    def _episodes(self) -> Episodes:
        settings = self._settings
        return Episodes(
            settings.false_alerts_per_tenant_week,
            least_usd=settings.min_excess_usd,
            least_share=settings.min_excess_percent / 100,
            calm=settings.calm_minutes,
        )

    def _sign(self, now: datetime, watermark: datetime | None = None) -> Signature:
        critical_usd = CRITICAL_GATES * self._settings.min_excess_usd
        return Signature(actor=self.actor, recorded_at=now, critical_usd=critical_usd, complete_until=watermark)


def _report(events: Sequence[Event]) -> None:
    for event in events:
        metrics.events.add(1, {"event": event.event})
        log.info("incident %s: %s", event.event, event.summary)

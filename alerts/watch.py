"""The watcher: one look at the lake judges what is new, commits what is decided, and sends what was committed.

1. Note what couriers have delivered since the last look.
2. Where usage, watermark or journal have changed: train up to the minutes that may still change, judge those, commit the
   events that are due. If another worker has committed first, judge again with what it has told.
3. Give every free courier what its channel has not taken.

Only step 2 costs anything, and only when something has changed. Nothing is sent that has not been committed.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from alerts import metrics
from alerts.channels import Channel, open_channels
from alerts.courier import Courier
from alerts.detector import Gates
from alerts.incidents import CLAIMED, NOTIFIED, UNDELIVERED, Event, Scope, as_json
from alerts.journal import Journal
from alerts.judge import CRITICAL_GATES, Evidence, Signature, draft_events
from alerts.ledger import LakeLedger, Ledger
from alerts.life import Rules
from alerts.outbox import find_errands, note
from alerts.record import DAY_MINUTES, MINUTE_S, Record, to_minute, to_time
from alerts.settings import AlertSettings
from alerts.state import SPAN
from warehouse.lake import Lake
from warehouse.reader import Warehouse

log = logging.getLogger("spanledger.alerts")

CAUSES = ("feature", "model", "principal")
DIMENSIONS = ("tenant", *CAUSES)
ATTEMPTS = 5
BEFORE = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """What one look did. ``events``: those committed by it, as the topic ``spanledger.alerts`` carries them."""

    events: tuple[Mapping[str, Any], ...] = ()
    judged_until: datetime | None = None  # None = nothing had changed
    delivered: int = 0
    outbox: int = 0


class Watcher:
    """Judges spend and tells of incidents; ``step`` is called whenever something may have changed, and now and then."""

    def __init__(self, settings: AlertSettings, lake: Lake, warehouse: Warehouse) -> None:
        self._start(settings, LakeLedger(lake, warehouse), open_channels(settings))

    @classmethod
    def over(cls, settings: AlertSettings, ledger: Ledger, channels: Sequence[Channel]) -> Watcher:
        """A watcher over any ledger and channels."""
        watcher = cls.__new__(cls)
        watcher._start(settings, ledger, channels)
        return watcher

    def _start(self, settings: AlertSettings, ledger: Ledger, channels: Sequence[Channel]) -> None:
        self.actor = uuid.uuid4().hex
        self._settings = settings
        self._ledger = ledger
        self._journal = Journal(ledger)
        self._couriers = [Courier(channel) for channel in channels]
        gates = Gates(usd=settings.min_excess_usd, percent=settings.min_excess_percent)
        self._record = Record(gates, history_days=settings.history_days)
        self._seen: object = None
        self._notes: list[Event] = []

    def step(self, now: datetime, *, wait_s: float = 0.0) -> StepReport:
        """One look; ``wait_s`` waits for deliveries that are under way. Raises LakeUnavailable: nothing is lost by it."""
        delivered = self._collect(now, wait_s)
        news = self._journal.refresh()
        watermark = self._ledger.watermark(now)
        seen = (self._ledger.mark(), watermark and to_minute(watermark))
        events: Sequence[Event] = ()
        judged = None
        if watermark is not None and (news or seen != self._seen):
            events = self._judge(now, watermark)
            judged, self._seen = watermark, seen
        outbox = self._dispatch(now)
        return StepReport(
            events=tuple(as_json(event) for event in events), judged_until=judged, delivered=delivered, outbox=outbox
        )

    def _judge(self, now: datetime, watermark: datetime) -> Sequence[Event]:
        """Commit what is due, however often another worker comes first."""
        started = time.perf_counter()
        for _ in range(ATTEMPTS):
            drafts = self._draft(now, watermark)
            if not drafts or self._journal.commit(drafts):
                metrics.judge_seconds.record(time.perf_counter() - started)
                for event in drafts:
                    metrics.events.add(1, {"event": event.event})
                    log.info("incident event", extra={"event": event.event, "summary": event.summary})
                return drafts
            metrics.conflicts.add(1)
        return ()

    def _draft(self, now: datetime, watermark: datetime) -> Sequence[Event]:
        end = to_minute(watermark) + 1
        self._record.train(self._ledger, self._train_until(end))
        start = end if self._record.until is None else self._record.until
        usage = self._ledger.usage(to_time(start), to_time(end), DIMENSIONS)
        judged = self._record.judge(usage, end)
        metrics.series.set(len(judged.scopes))
        rules = Rules(
            notify_from=to_minute(now - timedelta(seconds=self._settings.notify_max_age_s)),
            full_until=end - 1,
            calm_minutes=self._settings.calm_minutes,
        )
        evidence = Evidence(usage=usage, usage_before=self._usage_before, watermark=watermark)
        signature = Signature(
            actor=self.actor, recorded_at=now, critical_usd=CRITICAL_GATES * self._settings.min_excess_usd
        )
        return draft_events(judged, self._journal.incidents, rules, evidence, signature)

    def _train_until(self, end: int) -> int:
        """Keep what may still open an incident, and the windows of open ones, out of training; a day at most."""
        recent = end - SPAN - self._settings.notify_max_age_s // MINUTE_S
        starts = [to_minute(i.opened.window_start) for i in self._journal.incidents.values() if i.is_open]
        return max(min([recent, *starts]), end - SPAN - DAY_MINUTES)

    def _usage_before(self, scope: Scope, start: datetime) -> Any:
        return self._ledger.usage(start - BEFORE, start, CAUSES, scope)

    def _collect(self, now: datetime, wait_s: float) -> int:
        """Note what has been taken; a note that cannot be committed now stays for the next look."""
        for courier in self._couriers:
            trip = courier.collect(now, wait_s=wait_s)
            if trip is None:
                continue
            name = courier.channel.name
            self._notes += [note(e, NOTIFIED, channel=name, actor=self.actor, now=now) for e in trip.taken]
            metrics.deliveries.add(len(trip.taken), {"channel": name, "outcome": "taken"})
            if trip.refusal:
                metrics.deliveries.add(1, {"channel": name, "outcome": "refused"})
                log.warning("channel refused, trying again", extra={"channel": name, "reason": trip.refusal})
        taken = len(self._notes)
        if self._notes and self._keep(self._notes):
            self._notes = []
        return taken

    def _keep(self, rows: Sequence[Event]) -> bool:
        """Commit facts; they stay true whoever came first."""
        self._journal.refresh()
        return any(self._journal.commit(rows) for _ in range(ATTEMPTS))

    def _dispatch(self, now: datetime) -> int:
        waiting = 0
        for courier in self._couriers:
            waiting += self._send(courier, now)
        metrics.outbox.set(waiting)
        return waiting

    def _send(self, courier: Courier, now: datetime) -> int:
        """Let one courier go if it is free; the number of events its channel has not taken."""
        name = courier.channel.name
        errands = find_errands(self._journal.events, name, actor=self.actor, now=now)
        waiting = len(errands.mine) + len(errands.free) + errands.held
        if not courier.is_free(now) or self._notes:
            return waiting
        claims = [note(event, CLAIMED, channel=name, actor=self.actor, now=now) for event in errands.free]
        given_up = [note(event, UNDELIVERED, channel=name, actor=self.actor, now=now) for event in errands.stale]
        if given_up:
            metrics.deliveries.add(len(given_up), {"channel": name, "outcome": "given_up"})
            log.error("events were never delivered", extra={"channel": name, "events": len(given_up)})
        mine = errands.mine
        if claims or given_up:
            if not self._journal.commit([*claims, *given_up]):
                return waiting  # another worker may have claimed the same: look again
            mine = find_errands(self._journal.events, name, actor=self.actor, now=now).mine
        active = self._active() if courier.wants_refresh(now) else ()
        if mine or active:
            courier.leave(mine, active, now)
        return waiting

    def _active(self) -> tuple[Event, ...]:
        return tuple(incident.last for incident in self._journal.incidents.values() if incident.is_open)

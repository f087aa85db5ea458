"""Telemetry silence: who always speaks has stopped.

A series is silent when nothing has come for ten minutes and twice as long as it ever was quiet before (half forgotten
in a week), in which, by the emptier of the same hours of yesterday and of a week ago, 30 calls should have come. So it
takes a week to know a series by. Who has said nothing for two days is taken to have left, and is silent no more: every
worker has those days to learn from, and comes to the same. Where half of the tenants that speak, two at least, stopped
at once, the feed is silent (a gateway, a network), not each of them.
"""

from __future__ import annotations

import numpy as np

from alerts.signals.arrays import Bools, Floats, grown
from alerts.signals.hours import KEPT_HOURS

HOUR = 60
WEEK_HOURS = 168
LEAST_MINUTES, LEAST_CALLS = 10, 30.0
LONGER = 2.0
LEFT_MINUTES = 2 * 1440
FORGET_DAYS = 7.0
AT_ONCE_MINUTES = 5
"""Between the last calls of tenants that stop for one cause."""
LEAST_ALIKE, ALIKE = 2, 0.5
"""Tenants, and their share of those that speak."""


class Silence:
    """Arrays are (series,): ``quiet``: minutes since the last call; ``missed``: calls that should have come since.

    ``until``: the minute after the last one that was heard.
    """

    def __init__(self) -> None:
        self.quiet, self.missed = np.zeros(0), np.zeros(0)
        self._longest, self._sum = np.zeros(0), np.zeros(0)
        self._hours = np.zeros((KEPT_HOURS, 0), np.float32)
        self._began: int | None = None
        self.until = 0

    def step(self, minute: int, width: int, calls: Floats) -> Bools:
        """Take the calls (series,) of some minutes of an hour in; who is silent at their end."""
        for name in ("quiet", "missed", "_longest", "_sum", "_hours"):
            setattr(self, name, grown(getattr(self, name), calls.size))
        hour = minute // HOUR
        self.until = minute + width
        self._began = hour if self._began is None else self._began
        due = np.minimum(self._hours[(hour - 24) % KEPT_HOURS], self._hours[(hour - WEEK_HOURS) % KEPT_HOURS])
        spoke = calls > 0
        self._longest = np.where(spoke, np.maximum(self._longest, self.quiet), self._longest)
        self._longest = self._longest * 0.5 ** (width / (FORGET_DAYS * 24 * HOUR))
        self.quiet = np.where(spoke, 0.0, self.quiet + width)
        self.missed = np.where(spoke, 0.0, self.missed + due * width / HOUR)
        self._sum = self._sum + calls
        if (minute + width) % HOUR == 0:
            self._hours[hour % KEPT_HOURS] = self._sum
            self._sum = np.zeros(calls.size)
        long = self.quiet >= np.maximum(LEAST_MINUTES, LONGER * self._longest)
        here = self.quiet < LEFT_MINUTES
        return np.asarray(here & long & (self.missed >= LEAST_CALLS) & (hour - self._began >= WEEK_HOURS))

    def stopped_with(self, place: int, among: Bools) -> Bools:
        """(series,) which ``among`` them stopped with one and are missed; none where these are too few for a feed."""
        alike = among & (np.abs(self.quiet - self.quiet[place]) <= AT_ONCE_MINUTES) & (self.missed > 0)
        speaking = among & (self.quiet < LEAST_MINUTES)
        enough = max(LEAST_ALIKE, ALIKE * (alike.sum() + speaking.sum()))
        return np.asarray(alike & (alike.sum() >= enough))

"""Whether anything comes at all: a minute in which nobody has anything, where calls always are, tells nothing.

Nothing is unknown there, not zero: a gateway, a collector or a network is down, and who calls still spends. Calls are
always there where nine in ten minutes of the same hour held some, yesterday and a week ago. So nothing is unknown in
the first week, in nights and weekends that are always empty, and on the second day of any outage: what was open then
becomes calm.
"""

from __future__ import annotations

HOUR, DAY_HOURS, WEEK_HOURS = 60, 24, 168
ALWAYS = 0.9
"""Part of the minutes of an hour."""


class Feed:
    """``is_heard``: whether the last minutes were no gap."""

    def __init__(self) -> None:
        self.is_heard = True
        self._hours = [0] * (WEEK_HOURS + 1)
        """Minutes in which something came, by hour."""
        self._hour: int | None = None

    def step(self, minute: int, came: bool, width: int = 1) -> None:
        """Take some minutes of an hour in, and whether anybody had anything in them; they come in order."""
        hour = minute // HOUR
        if hour != self._hour:
            self._hour = hour
            self._hours[hour % len(self._hours)] = 0
        self._hours[hour % len(self._hours)] += width * came
        before = min(self._hours[(hour - back) % len(self._hours)] for back in (DAY_HOURS, WEEK_HOURS))
        self.is_heard = came or before < ALWAYS * HOUR

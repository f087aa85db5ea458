"""What the detector of metrics knows beforehand: a few numbers, the same for every series and every kind of metric."""

from __future__ import annotations

from typing import NamedTuple


class Constants(NamedTuple):
    """The same for every series; spans are numbers of values."""

    learn: float = 0.15
    """Weight of the newest day in what is usual at an hour: about a week counts."""
    unrest: float = 20.0
    """Span of the mean of last deviations: long enough to be calm, short enough to be early."""
    spread: float = 3000.0
    """Span of the series' own mean and standard deviation, the unit of ``floor``."""
    forget: float = 7000.0
    """Values in which an envelope sinks to 1/e."""
    rise: float = 1.0
    """Of the logarithm of an envelope by one value, at most."""
    floor: float = 0.3
    """Standard deviations that are nothing yet, so that after calm not every ripple is odd."""
    alarm: float = 0.51
    """Score of an alarm: 4 % beyond the envelope."""
    rest: float = 30.0
    """Values after an alarm that belong to its episode."""
    young: float = 100.0
    """Values of which a new series learns only."""


DEFAULT = Constants()

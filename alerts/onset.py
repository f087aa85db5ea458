"""When it began: the change point of an excess within a window."""

from __future__ import annotations

import numpy as np

from alerts.signals.arrays import Floats


def onset(beyond: Floats, whole: Floats) -> int:
    """Place of the minute from which on the rest is most in excess of half of what the last minutes are in excess.

    ``beyond whole``: (minutes,) excess, and of how much. Of change points the maximum likelihood one, about (Page,
    Biometrika 41, 1954).
    """
    late = slice(-5, None)
    rate = beyond[late].sum() / max(whole[late].sum(), 1e-9)
    sums = (beyond - rate / 2 * whole)[::-1].cumsum()[::-1]
    return int(np.argmax(sums))

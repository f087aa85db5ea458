"""Is the broker back in time, or is the machine busy? Its own clean start under the same load tells.

The promise is BACK_WITHIN_S on a machine at rest, where a clean start takes 4 s. A recovery that needs longer must
still be done within FACTOR clean starts; the best of TRIES counts. A broker that waits for its own old session (29 s by
Kafka's defaults) makes neither: that wait does not shrink at rest and does not grow with the load.
"""

from __future__ import annotations

from collections.abc import Callable

BACK_WITHIN_S = 10.0
FACTOR = 2.0
TRIES = 3


def back_in_time(recover_s: Callable[[], float], start_s: Callable[[], float]) -> tuple[bool, list[str]]:
    """Whether one of TRIES recoveries was prompt, and what was measured.

    ``recover_s``: kill, start again, seconds until it serves. ``start_s``: the same after a clean stop; asked only
    where a recovery took longer than promised.
    """
    measured: list[str] = []
    for _ in range(TRIES):
        recovered_s = recover_s()
        measured.append(f"recovered in {recovered_s:.1f} s")
        if recovered_s < BACK_WITHIN_S:
            return True, measured
        started_s = start_s()
        measured.append(f"started in {started_s:.1f} s")
        if recovered_s < FACTOR * started_s:
            return True, measured
    return False, measured

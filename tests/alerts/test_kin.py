"""What belongs to an open incident: what it explains, and nothing many times as large."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.backtest import as_line, backtest
from tests.alerts.histories import DAY, HOUR, rate, usage_of

DAYS = 10
MORNING = 9 * DAY + 10 * HOUR
SMALL, LARGE = 4.0, 100.0


def told(first: tuple[str | None, ...], then: tuple[str | None, ...], times: float) -> list[Any]:
    """Lines where a small incident of one series is open when another's begins."""
    small, other = rate(DAYS), rate(DAYS)
    small[MORNING : MORNING + 3 * HOUR] *= SMALL
    other[MORNING + HOUR // 2 : MORNING + 2 * HOUR] *= times
    usage = usage_of({first: small, then: other, ("globex", "search", "swift", "app"): rate(DAYS)})
    return [as_line(episode) for episode in backtest(usage, budget=0.5, least_usd=1.0)]


@pytest.mark.long
@pytest.mark.parametrize(
    ("first", "then"),
    [
        (("acme", "chat", "swift", None), ("acme", "batch", "swift", None)),
        (("acme", None, "swift", "app"), ("acme", None, "verse", "job")),
        (("acme", "chat", "swift", "app"), ("acme", "batch", "swift", "app")),
        (("acme", "chat", "swift", "app"), ("acme", "batch", "verse", "app")),
        (("acme", "chat", "swift", "app"), ("acme", "chat", "verse", "job")),
    ],
    ids=["nobody's keys", "no features", "one key", "one key, another model", "one feature"],
)
def test_a_small_incident_does_not_hide_a_large_one_of_its_tenant(
    first: tuple[str | None, ...], then: tuple[str | None, ...]
) -> None:
    small, large = told(first, then, LARGE)

    assert (small["tenant"], small["feature"], small["model"], small["principal"]) == first
    assert (large["tenant"], large["feature"], large["model"], large["principal"]) == then
    assert large["opened_at"] < "2026-03-11T10:35"


@pytest.mark.long
def test_what_shares_the_key_of_an_incident_and_is_no_larger_is_part_of_it() -> None:
    [one] = told(("acme", "chat", "swift", "app"), ("acme", "batch", "swift", "app"), SMALL)

    assert (one["tenant"], one["principal"]) == ("acme", "app")


@pytest.mark.long
def test_what_shares_nothing_but_the_lack_of_a_key_is_an_incident_of_its_own() -> None:
    lines = told(("acme", "chat", "swift", None), ("acme", "batch", "verse", None), SMALL)

    assert [(one["feature"], one["model"]) for one in lines] == [("chat", "swift"), ("batch", "verse")]

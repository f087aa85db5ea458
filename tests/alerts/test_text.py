"""What notifications say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from alerts.advice import ADVICE
from alerts.amounts import dollars, signed
from alerts.incidents import OPENED, RESOLVED, Contributor, Scope
from alerts.signals.kinds import SPEND
from alerts.text import as_lines, details, name_causes, summarise
from tests.alerts.samples import explained, opened

ACME = Scope.of({"tenant": "acme", "feature": "checkout-chat"})


def cause(dimension: str, value: str | None, excess_usd: str) -> Contributor:
    amount = Decimal(excess_usd)
    return Contributor(
        dimension=dimension, value=value, observed_usd=amount, expected_usd=Decimal(0), excess_usd=amount, calls=1
    )


def say(event: str, contributors: list[Contributor]) -> str:
    return summarise(
        event,
        ACME,
        signal=SPEND,
        window=timedelta(minutes=15),
        observed_usd=Decimal("12.40"),
        expected_usd=Decimal("1.10"),
        excess_usd_per_hour=Decimal("45.2"),
        contributors=contributors,
    )


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "$0.00"),
        ("0.0031", "$0.0031"),
        ("12.4", "$12.40"),
        ("1240.6", "$1,241"),
        ("-3.5", "-$3.50"),
    ],
)
def test_amounts_are_dollars_a_person_reads(amount: str, text: str) -> None:
    assert dollars(Decimal(amount)) == text


def test_an_excess_carries_its_sign() -> None:
    assert (signed(Decimal("1.5")), signed(Decimal("-1.5"))) == ("+$1.50", "-$1.50")


def test_an_opening_says_who_what_and_why() -> None:
    causes = [cause("feature", "checkout-chat", "11.3"), cause("model", "gpt-x", "10.5"),
              cause("principal", "key-7", "10.5")]  # fmt: skip

    assert say(OPENED, causes) == (
        "acme / checkout-chat: $12.40 in 15 min, expected $1.10 (+$11.30, $45.20/h); "
        "93 % from model gpt-x, principal key-7"
    )


def test_a_resolution_says_that_it_is_over() -> None:
    assert say(RESOLVED, []) == ("acme / checkout-chat: $12.40 in 15 min, expected $1.10 (+$11.30, $45.20/h, over)")


def test_different_shares_are_told_apart() -> None:
    causes = [cause("model", "gpt-x", "9"), cause("principal", None, "6")]

    assert name_causes(causes, Decimal(10)) == "90 % from model gpt-x, 60 % from principal unattributed"


def test_what_explains_less_than_half_is_not_named() -> None:
    assert name_causes([cause("model", "gpt-x", "4")], Decimal(10)) == ""


def test_lines_say_what_is_new_and_where_to_look_and_repeat_neither_summary_nor_scope() -> None:
    event = explained(opened())
    scoped = replace(event, model="opus", scoped_by=("tenant", "feature", "model"))

    assert as_lines(event)[2:] == [
        "new: principal key-7, first seen 2026-03-01 23:58 UTC",
        "traces: 4bf92f3577b34da6a3ce929d0e0e4736",
        "  model opus: +$11.00",
        f"action: {ADVICE['spend'][0]}",
        "runbook: docs/runbooks/spend.md",
        f"incident {event.incident_id}",
    ]
    assert "  model opus: +$11.00" not in as_lines(scoped)
    assert details(event)["why"] == "mostly volume: 3.0× the calls; +$2.30 by longer prompts"
    assert not {"why", "new", "traces"} & set(details(opened()))


def test_an_unattributed_scope_is_called_so() -> None:
    assert str(Scope.of({"tenant": None, "feature": None})) == "unattributed / unattributed"

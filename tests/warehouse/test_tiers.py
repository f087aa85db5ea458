"""Names of service tiers: one rule for calls, price books and bills, in Python and in SQL."""

from __future__ import annotations

import duckdb
import pytest

from warehouse.invoices.values import tier_name
from warehouse.tiers import TIER_OF, plain_tier

NAMES = {
    **dict.fromkeys(
        [None, "", " ", "default", "Auto", "standard", "ON_DEMAND", "on-demand", "On Demand", "standard-only"],
        "standard",
    ),
    **dict.fromkeys(["SERVICE_TIER_STANDARD", "SERVICE_TIER_UNSPECIFIED"], "standard"),
    **dict.fromkeys(["flex", " Flex ", "SERVICE_TIER_FLEX"], "flex"),
    "batch": "batch",
    **dict.fromkeys(["provisioned throughput", "Provisioned-Throughput"], "provisioned_throughput"),
    "o'hare": "o'hare",
}


@pytest.mark.parametrize("said", NAMES)
def test_a_tier_is_one_word_however_it_is_written(said: str | None):
    with duckdb.connect() as connection:
        connection.execute(TIER_OF)
        answered = connection.execute("SELECT tier_of(t) FROM (SELECT ?::VARCHAR AS t)", [said]).fetchall()

    assert plain_tier(said) == NAMES[said]
    assert answered == [(NAMES[said],)]


def test_bills_that_name_no_tier_say_nothing_about_it():
    assert tier_name(None) is None
    assert [tier_name(said) for said in ("On Demand", "on-demand", "service_tier_flex")] == [
        "standard",
        "standard",
        "flex",
    ]

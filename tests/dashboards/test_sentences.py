"""First lines."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape

import pytest

from dashboards.sentences import Freshness, Health, pipeline, spend, verdict

NOW = datetime(2026, 3, 1, 14, 3, 14, tzinfo=UTC)
FRESH = Freshness(as_of=NOW - timedelta(seconds=2), now=NOW, zone=UTC)
OF_TENANTS = Health(lag_messages=None, lost_offsets=None, drop_reasons=None, open_incidents=0)
WELL = Health(lag_messages=0, lost_offsets=False, drop_reasons=0, open_incidents=0)


def words(html: str) -> str:
    """What a reader sees."""
    return unescape(re.sub(r"<[^>]+>", "", html)).replace("\u2002", " ")


def test_spend_answers_in_money_and_by_whom():
    line = spend({"cost_usd": Decimal("412.0712")}, phrase="today", tenants=4)

    assert words(line) == "$412.07 spent today by 4 tenants"
    assert 'title="412.0712 USD"' in line


def test_spend_without_any_price_is_unknown_and_not_zero():
    assert words(spend({"cost_usd": None}, phrase="today", tenants=1)) == "— spent today by 1 tenant"


def test_a_healthy_pipeline_says_so():
    assert words(pipeline(WELL, phrase="today", freshness=FRESH)) == (
        "Healthy data as of 14:03:12 (2 s ago), 0 messages waiting in Kafka, nothing dropped today, no open incident"
    )


def test_who_sees_some_tenants_only_is_told_of_their_incidents_and_nothing_of_the_deployment():
    told = [
        words(pipeline(replace(OF_TENANTS, open_incidents=number), phrase="today", freshness=FRESH))
        for number in (0, 2)
    ]

    assert told == [
        "All quiet data as of 14:03:12 (2 s ago), no open incident",
        "Needs attention data as of 14:03:12 (2 s ago), 2 open incidents",
    ]


def test_an_unhealthy_pipeline_counts_what_is_wrong():
    health = Health(lag_messages=12, lost_offsets=False, drop_reasons=2, open_incidents=1)

    assert words(pipeline(health, phrase="in the last hour", freshness=FRESH)) == (
        "Needs attention data as of 14:03:12 (2 s ago), 12 messages waiting in Kafka, "
        "drops for 2 reasons in the last hour, 1 open incident"
    )


@pytest.mark.parametrize(
    ("health", "age_s", "word"),
    [
        (WELL, 2, "Healthy"),
        (WELL, 900, "Healthy"),  # nothing waits: nobody sends
        (Health(lag_messages=5, lost_offsets=False, drop_reasons=0, open_incidents=0), 2, "Healthy"),
        (Health(lag_messages=5, lost_offsets=True, drop_reasons=1, open_incidents=1), 61, "Behind"),
        (Health(lag_messages=0, lost_offsets=True, drop_reasons=1, open_incidents=1), 2, "Data lost"),
        (Health(lag_messages=0, lost_offsets=False, drop_reasons=1, open_incidents=0), 2, "Needs attention"),
        (Health(lag_messages=0, lost_offsets=False, drop_reasons=0, open_incidents=1), 2, "Needs attention"),
    ],
)
def test_the_worst_fact_names_the_verdict(health: Health, age_s: int, word: str):
    freshness = Freshness(as_of=NOW - timedelta(seconds=age_s), now=NOW, zone=UTC)

    assert words(verdict(health, freshness)) == word


def test_before_the_first_flush_it_waits():
    freshness = Freshness(as_of=None, now=NOW, zone=UTC)

    assert words(pipeline(WELL, phrase="today", freshness=freshness)) == "Waiting nothing read from Kafka yet"

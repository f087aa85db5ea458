"""Who was never seen before and spends is told once; forecasts beyond a budget are too."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from alerts.budgets import OVERRUN
from alerts.calendar import Event as Announced
from alerts.events import Signature
from alerts.health.newcomers import NEWCOMER, Newcomer, draft_newcomer_events, find_newcomers
from alerts.incidents import ACKNOWLEDGED, OPENED, RESOLVED, Incident, incidents_of
from alerts.ledger import MemoryLedger
from alerts.minutes import to_time
from alerts.people import say
from tests.alerts.test_budgets import Watch, standing
from tests.alerts.workload import DAY, FIRST, Spent, usage_table
from warehouse.planning.standing import Outlook

TODAY = FIRST + 10 * DAY
HOUR = timedelta(hours=1)


def days(*spent: Spent, history: int = 10):
    ledger = MemoryLedger()
    usual = [Spent(minute=FIRST + day * DAY, usd=5) for day in range(10 - history, 11)]
    ledger.add_usage(usage_table([*usual, *spent]))
    return ledger.first_days(to_time(FIRST), to_time(TODAY + DAY))


def names(*spent: Spent, history: int = 10):
    found = find_newcomers(days(*spent, history=history), to_time(TODAY).date(), 25)
    return [(one.kind, one.scope.as_dict()[one.kind]) for one in found]


def sign(minute: int = TODAY + 60) -> Signature:
    return Signature(actor="me", recorded_at=to_time(minute), critical_usd=1)


def test_a_new_key_above_the_floor_is_a_newcomer():
    assert names(Spent(minute=TODAY, usd=30, principal="key-9")) == [("principal", "key-9")]
    assert names(Spent(minute=TODAY, usd=20, principal="key-9")) == []
    assert names(Spent(minute=TODAY - 3 * DAY, usd=30, principal="key-9")) == []


def test_a_week_must_be_known():
    assert names(Spent(minute=TODAY, usd=30, principal="key-9"), history=5) == []


def test_a_new_tenant_is_told_without_its_models_and_keys():
    assert names(Spent(minute=TODAY, usd=30, tenant="beta", model="opus", principal="key-9")) == [("tenant", "beta")]


def test_tenants_that_come_at_once_are_one_incident_that_names_none_of_them():
    def new(*tenants: str) -> list[Newcomer]:
        spent = [Spent(minute=TODAY, usd=30, tenant=tenant) for tenant in tenants]
        return find_newcomers(days(*spent), to_time(TODAY).date(), 25)

    (opened,) = draft_newcomer_events(new("beta", "gamma", "delta"), {}, (), sign())
    known = incidents_of([opened])

    assert (opened.scope.as_dict(), opened.affected, opened.observed_usd) == ({}, 3, 90)
    assert opened.summary == "all tenants: 3 new tenants, first seen on 2026-03-12, have spent $90.00"
    causes = {one.value for one in opened.contributors if one.dimension == "tenant"}
    assert causes == {"beta", "gamma", "delta"}
    assert draft_newcomer_events(new("beta", "gamma", "delta", "eta"), known, (), sign(TODAY + 90)) == []
    many = new("beta", "gamma", "delta", *(f"t{n}" for n in range(3)))
    assert [(one.event, one.affected) for one in draft_newcomer_events(many, known, (), sign(TODAY + 90))] == [
        ("updated", 6)
    ]


def test_a_tenant_that_comes_after_another_of_that_day_is_told_by_itself():
    def new(*tenants: str) -> list[Newcomer]:
        spent = [Spent(minute=TODAY, usd=30, tenant=tenant) for tenant in tenants]
        return find_newcomers(days(*spent), to_time(TODAY).date(), 25)

    (first,) = draft_newcomer_events(new("beta"), {}, (), sign())
    (second,) = draft_newcomer_events(new("beta", "gamma"), incidents_of([first]), (), sign(TODAY + 90))

    assert [one.scope.as_dict() for one in (first, second)] == [{"tenant": "beta"}, {"tenant": "gamma"}]


def test_the_keys_of_two_days_each_have_an_end():
    def new(day: int) -> list[Newcomer]:
        spent = [Spent(minute=TODAY + day * DAY, usd=30, principal=f"new-{day}-{number}") for number in range(3)]
        return find_newcomers(days(*spent), to_time(TODAY + day * DAY).date(), 25)

    (one,) = draft_newcomer_events(new(-1), {}, (), sign(TODAY - DAY))
    (other,) = draft_newcomer_events(new(0), incidents_of([one]), (), sign())
    over = draft_newcomer_events([], incidents_of([one, other]), (), sign(TODAY + 2 * DAY + 60))

    assert {event.incident_id for event in over} == {one.incident_id, other.incident_id}


def test_keys_of_a_later_day_go_on_with_the_incident_of_their_tenant():
    def new(*came: int, today: int = 0) -> list[Newcomer]:
        spent = [
            Spent(minute=TODAY + day * DAY, usd=30, principal=f"new-{day}-{number}")
            for day in came
            for number in (1, 2)
        ]
        return find_newcomers(days(*spent), to_time(TODAY + today * DAY).date(), 25)

    (wednesday,) = draft_newcomer_events(new(-1, today=-1), {}, (), sign(TODAY - DAY + 60))
    (thursday,) = draft_newcomer_events(new(-1, 0), incidents_of([wednesday]), (), sign())
    known = incidents_of([wednesday, thursday])
    again = draft_newcomer_events(new(-1, 0), known, (), sign(TODAY + 300))
    friday = draft_newcomer_events(new(0, today=1), known, (), sign(TODAY + DAY + 60))
    (over,) = draft_newcomer_events([], known, (), sign(TODAY + 2 * DAY))

    assert (thursday.event, thursday.incident_id, thursday.affected) == ("updated", wednesday.incident_id, 2)
    assert thursday.summary == "acme: 2 new principals, first seen on 2026-03-12, have spent $60.00"
    assert (again, friday) == ([], [])
    assert (over.event, over.incident_id) == (RESOLVED, wednesday.incident_id)


def test_who_has_the_keys_of_yesterday_is_told_of_those_of_today_when_that_is_over():
    def new(*came: int, today: int = 0) -> list[Newcomer]:
        spent = [
            Spent(minute=TODAY + day * DAY, usd=30, principal=f"new-{day}-{number}")
            for day in came
            for number in (1, 2)
        ]
        return find_newcomers(days(*spent), to_time(TODAY + today * DAY).date(), 25)

    (wednesday,) = draft_newcomer_events(new(-1, today=-1), {}, (), sign(TODAY - DAY + 60))
    known = incidents_of([wednesday])
    acknowledged = say(known[wednesday.incident_id], ACKNOWLEDGED, who="ada", now=to_time(TODAY - 60))
    known = incidents_of([wednesday, acknowledged])
    thursday = draft_newcomer_events(new(-1, 0), known, (), sign())
    (over,) = draft_newcomer_events(new(0, today=1), known, (), sign(TODAY + DAY + 60))
    (friday,) = draft_newcomer_events(new(0, today=1), incidents_of([wednesday, over]), (), sign(TODAY + DAY + 65))

    assert thursday == []
    assert (over.event, friday.event, friday.scope.as_dict()) == (RESOLVED, OPENED, {"tenant": "acme"})


def test_a_key_that_asks_a_new_model_is_told_as_the_model():
    assert names(Spent(minute=TODAY, usd=30, model="opus", principal="key-9")) == [("model", "opus")]


def test_a_newcomer_is_told_once_in_money_and_ends_after_two_days():
    found = find_newcomers(days(Spent(minute=TODAY, usd=30, principal="key-9")), to_time(TODAY).date(), 25)

    (opened,) = draft_newcomer_events(found, {}, (), sign())
    known = incidents_of([opened])

    assert (opened.event, opened.signal, opened.observed_usd) == (OPENED, NEWCOMER, 30)
    assert opened.summary == "acme, principal key-9: a new principal, first seen on 2026-03-12, has spent $30.00"
    assert draft_newcomer_events(found, known, (), sign()) == []
    (over,) = draft_newcomer_events([], known, (), sign(TODAY + 2 * DAY + 60))
    assert over.event == RESOLVED


def test_what_was_announced_or_is_told_as_spend_is_no_news():
    found = find_newcomers(days(Spent(minute=TODAY, usd=30, principal="key-9")), to_time(TODAY).date(), 25)
    onboarding = Announced(
        kind="onboarding", starts_at=to_time(TODAY), ends_at=to_time(TODAY + 90), values={"principal": "key-9"}
    )
    (opened,) = draft_newcomer_events(found, {}, (), sign())
    spend = replace(opened, signal="spend", incident_id="another")

    assert draft_newcomer_events(found, {}, (onboarding,), sign()) == []
    assert draft_newcomer_events(found, {"another": Incident(opened=spend, last=spend, updates=0)}, (), sign()) == []
    over = Incident(opened=spend, last=replace(spend, event=RESOLVED), updates=0)
    assert draft_newcomer_events(found, {"another": over}, (), sign()) == []
    long_ago = replace(spend, opened_at=spend.opened_at - timedelta(days=3))
    before = Incident(opened=long_ago, last=replace(long_ago, event=RESOLVED), updates=0)
    assert [one.event for one in draft_newcomer_events(found, {"another": before}, (), sign())] == [OPENED]


def test_a_forecast_beyond_the_amount_is_told_until_it_is_exceeded():
    watch = Watch()
    likely = Outlook(forecast_usd=Decimal(900), low_usd=Decimal(760))
    unsure = Outlook(forecast_usd=Decimal(800), low_usd=Decimal(700))
    fine = Outlook(forecast_usd=Decimal(600), low_usd=Decimal(500))
    told = []
    for outlook in (fine, unsure, likely, unsure, fine):
        watch.ledger.ahead = {"chat": outlook}
        told.append([one for one in watch.look(standing(300), at=watch.now + HOUR) if one[0] == OVERRUN])

    assert told == [[], [], [(OVERRUN, OPENED)], [], [(OVERRUN, RESOLVED)]]
    (opened, *_) = [one for one in watch.events() if one.signal == OVERRUN]
    assert opened.summary == (
        "budget chat (owner ann): the forecast is $900 by the end of the month, of $720; 42 % used"
    )


def test_keys_that_were_changed_on_one_day_are_one_incident():
    def new(count: int) -> list[Newcomer]:
        spent = [Spent(minute=TODAY, usd=30, principal=f"new-{number}") for number in range(count)]
        return find_newcomers(days(*spent), to_time(TODAY).date(), 25)

    (opened,) = draft_newcomer_events(new(40), {}, (), sign())
    assert (opened.scope.as_dict(), opened.affected, opened.observed_usd) == ({"tenant": "acme"}, 40, 1200)
    assert opened.summary == "acme: 40 new principals, first seen on 2026-03-12, have spent $1,200"
    assert draft_newcomer_events(new(60), incidents_of([opened]), (), sign(TODAY + 90)) == []

    (alone,) = draft_newcomer_events(new(1), {}, (), sign())
    (more,) = draft_newcomer_events(new(3), incidents_of([alone]), (), sign(TODAY + 90))
    assert (more.event, more.incident_id, more.affected) == ("updated", alone.incident_id, 3)
    assert draft_newcomer_events(new(5), incidents_of([alone, more]), (), sign(TODAY + 99)) == []
    (over,) = draft_newcomer_events([], incidents_of([alone, more]), (), sign(TODAY + 2 * DAY + 60))
    assert over.event == RESOLVED

"""Silences of the Alertmanager: which count, of whom, and that an Alertmanager that does not answer blocks nothing."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.channels import Alertmanager
from alerts.errors import ChannelDown
from alerts.health.troubles import Troubles
from alerts.incidents import OPENED, RESOLVED
from alerts.lookout import Lookout
from alerts.minutes import to_minute
from alerts.routing.routes import to_all
from alerts.settings import AlertSettings
from alerts.silences import STALE, Silences, read_silence
from tests.alerts.servers import RunningAlertmanager, receive, run_alertmanager
from tests.alerts.test_lookout import LIVE, MINUTE, SECOND, hours, ledger_of, spike, told
from tests.alerts.workload import Spent, usage_table

LEAF = {"tenant": "acme", "feature": None, "model": "opus", "principal": "key-7", "provider": "x", "signal": "spend"}
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WAIT_S = 10.0


def matcher(name: str, value: str, *, regex: bool = False, equal: bool = True) -> dict[str, Any]:
    return {"name": name, "value": value, "isRegex": regex, "isEqual": equal}


def silence(*matchers: Mapping[str, Any], state: str = "active", start: datetime = NOW - MINUTE) -> dict[str, Any]:
    """As the Alertmanager tells of one, for an hour."""
    ends_at = (start + timedelta(hours=1)).isoformat().replace("+00:00", ".000Z")
    return {"id": "x", "status": {"state": state}, "matchers": list(matchers), "startsAt": start.isoformat(),
            "endsAt": ends_at, "createdBy": "ada", "comment": "load test"}  # fmt: skip


@pytest.mark.parametrize(
    ("matchers", "holds"),
    [
        ([matcher("tenant", "acme")], True),
        ([matcher("tenant", "acme"), matcher("principal", "key-8")], False),
        ([matcher("tenant", "ac.*|globex", regex=True)], True),
        ([matcher("tenant", "ac", regex=True)], False),  # the whole value
        ([matcher("tenant", "globex", equal=False)], True),
        ([matcher("feature", "unattributed")], True),
        ([matcher("tenant", "acme"), matcher("signal", "calls")], False),
        ([matcher("tenant", "acme"), matcher("alertname", "SpanLedgerSpend")], True),
        ([matcher("tenant", "acme"), matcher("alertname", "NodeDown")], False),
        ([matcher("tenant", "acme"), matcher("cluster", "eu")], False),  # a label that ours have not
    ],
)
def test_matchers_mean_what_they_mean_to_the_alertmanager(matchers: list[dict[str, Any]], holds: bool) -> None:
    found = read_silence(silence(*matchers))

    assert found is not None
    assert found.explains(NOW, LEAF) == holds
    assert not found.explains(NOW + timedelta(hours=2), LEAF)


@pytest.mark.parametrize(
    ("alert", "signal", "holds"),
    [
        ("SpanLedgerSpend", "calls", True),
        ("SpanLedgerSpend", "errors_provider", False),
        ("SpanLedgerHealth", "errors_provider", True),
        ("SpanLedgerHealth", "newcomer", True),
        ("SpanLedgerHealth", "spend", False),
    ],
)
def test_a_silence_of_spend_leaves_health_and_the_reverse(alert: str, signal: str, holds: bool) -> None:
    found = read_silence(silence(matcher("tenant", "acme"), matcher("alertname", alert)))

    assert found is not None
    assert found.explains(NOW, {**LEAF, "signal": signal}) == holds


@pytest.mark.parametrize(
    ("matchers", "opens"),
    [
        ([matcher("tenant", "acme"), matcher("model", "gpt-4o")], True),  # the alert has no such label
        ([matcher("tenant", "acme"), matcher("feature", "search")], True),
        ([matcher("tenant", "acme"), matcher("model", "")], False),  # it has none: so the matcher says
        ([matcher("tenant", "acme")], False),
    ],
)
def test_a_silence_is_of_what_an_incident_names_and_not_of_the_leaf_in_it(
    matchers: list[dict[str, Any]], opens: bool
) -> None:
    said = read_silence(silence(*matchers))
    leaf = ("acme", "search", "openai", "gpt-4o")

    assert said is not None
    begun = Troubles(all=[], calendar=[said]).take("pii", {"tenant": "acme"}, leaf, to_minute(NOW))
    assert (begun is not None) == opens


@pytest.mark.parametrize(("matched", "events"), [("opus", [OPENED]), ("", [])])
def test_spend_that_several_models_share_is_silenced_as_the_alert_that_it_is(matched: str, events: list[str]) -> None:
    """Its alert names no model: who silences one of them does not silence it, who silences alerts without one does."""
    models = ("opus", "haiku", "gpt-5")
    odd = [Spent(minute=to_minute(LIVE), usd=15, model=model, principal="key-1", calls=50) for model in models]
    ledger = ledger_of(hours(), usage_table(odd))
    now = LIVE + 15 * SECOND
    told_there = silence(matcher("tenant", "acme"), matcher("model", matched), start=now - MINUTE)
    manager = Manager()
    manager.answer = [told_there]
    lookout = Lookout(AlertSettings(min_excess_usd=0.5), ledger, ())
    lookout._silences = Silences([manager])

    report = lookout.step(now, wait_s=WAIT_S)

    assert told([report]) == events
    assert all("model" not in event["scoped_by"] for event in report.events)


def test_what_was_odd_in_the_hour_before_a_silence_is_not_told_any_more() -> None:
    found = read_silence(silence(matcher("tenant", "acme"), start=NOW))

    assert found is not None
    assert found.explains(NOW - 5 * MINUTE, LEAF)
    assert not found.explains(NOW - 61 * MINUTE, LEAF)


def test_one_of_there_begins_with_its_minute_which_is_judged_whole() -> None:
    found = read_silence(silence(matcher("tenant", "acme"), start=NOW + 40 * SECOND))

    assert found is not None
    assert found.explains(NOW - timedelta(hours=1), LEAF)  # the earliest minute that is judged now
    assert not found.explains(NOW - timedelta(hours=1) - SECOND, LEAF)


def test_what_was_silenced_when_it_began_opens_nothing_when_its_minutes_are_judged_after_the_end() -> None:
    ledger = ledger_of(hours(), spike(to_minute(LIVE), 9))
    manager = Manager()
    manager.answer = [{**silence(matcher("tenant", "acme"), state="expired", start=LIVE - MINUTE),
                       "endsAt": (LIVE + 90 * SECOND).isoformat()}]  # fmt: skip
    lookout = Lookout(AlertSettings(min_excess_usd=0.5), ledger, ())
    lookout._silences = Silences([manager])

    assert told([lookout.step(LIVE + minutes * MINUTE) for minutes in (2, 3, 4, 20, 61)]) == []


def test_health_has_no_principal_so_who_silences_a_key_silences_none_of_it() -> None:
    keys = [read_silence(silence(matcher("tenant", "acme"), matcher("principal", ".+", regex=True)))]
    others = [read_silence(silence(matcher("tenant", "acme"), matcher("principal", "key-7", equal=False)))]
    leaf, minute = ("acme", "search", "openai", "gpt-4o"), to_minute(NOW)

    begun = [
        Troubles(all=[], calendar=[one for one in said if one]).take("pii", {"tenant": "acme"}, leaf, minute)
        for said in (keys, others)
    ]

    assert [one is not None for one in begun] == [True, False]


@pytest.mark.parametrize(
    "given",
    [
        silence(matcher("alertname", "SpanLedgerSpend")),
        silence(matcher("signal", "spend")),
        silence(matcher("tenant", "acme"), matcher("severity", "warning")),
        {**silence(matcher("tenant", "acme"), state="expired"), "endsAt": (NOW - MINUTE).isoformat()},  # taken back
        silence(matcher("tenant", "acme"), state="pending"),
        silence(matcher("tenant", "(", regex=True)),
        {"status": {"state": "active"}},
        {"matchers": 3},
        "x",
    ],
)  # fmt: skip
def test_what_names_nobody_or_the_severity_never_began_or_cannot_be_read_does_not_count(given: Any) -> None:
    assert read_silence(given) is None


class Manager:
    """Answers as it is told to."""

    name = "alertmanager"

    def __init__(self) -> None:
        self.answer: Sequence[Mapping[str, Any]] | None = [silence(matcher("tenant", "acme"))]
        self.asked = 0
        self.may_answer = threading.Event()
        self.may_answer.set()

    def silences(self) -> Sequence[Mapping[str, Any]]:
        """See ``silences.Source``."""
        self.asked += 1
        self.may_answer.wait(WAIT_S)
        if self.answer is None:
            raise ChannelDown("down")
        return self.answer


def settle(silences: Silences) -> None:
    assert silences._reading is not None
    silences._reading.join(WAIT_S)


def test_they_are_read_once_a_minute_and_count_for_a_while_when_it_is_down() -> None:
    manager = Manager()
    silences = Silences([manager])

    counts = [len(silences.known(NOW + step * 20 * SECOND)) for step in range(3)]
    manager.answer = None
    silences.known(NOW + MINUTE)
    settle(silences)
    later = len(silences.known(NOW + MINUTE + SECOND)), len(silences.known(NOW + STALE + SECOND))

    assert (counts, later) == ([1, 1, 1], (1, 0))
    assert manager.asked == 3


def test_one_that_is_over_says_for_two_days_what_was_silenced() -> None:
    manager = Manager()
    manager.answer = [silence(matcher("tenant", "acme"), state="expired", start=NOW - timedelta(hours=3))]
    silences = Silences([manager])

    (known,) = silences.known(NOW)
    later = NOW + timedelta(hours=46) + SECOND
    silences.known(later)
    settle(silences)

    assert [known.explains(NOW - ago, LEAF) for ago in (timedelta(hours=3), timedelta(hours=1))] == [True, False]
    assert silences.known(later) == []


def test_who_asks_is_not_kept_waiting_by_one_that_hangs() -> None:
    manager = Manager()
    silences = Silences([manager])
    silences.known(NOW)
    manager.may_answer.clear()

    known = [len(silences.known(NOW + n * MINUTE)) for n in (1, 2, 3)]
    asked = manager.asked
    manager.may_answer.set()
    settle(silences)

    assert (known, asked) == ([1, 1, 1], 2)


def test_an_answer_that_is_no_list_of_silences_is_a_channel_that_is_down() -> None:
    with receive() as server:  # it knows no GET
        manager = Alertmanager(server.url, dashboard_url="", refresh_s=60)
        with pytest.raises(ChannelDown, match="501"):
            manager.silences()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with run_alertmanager(tmp_path_factory.mktemp("alertmanager")) as real:
        yield real


def put_silence(running: RunningAlertmanager, *matchers: Mapping[str, Any]) -> None:
    now = datetime.now(UTC)
    body = {"matchers": list(matchers), "startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=9)).isoformat(),
            "createdBy": "ada", "comment": "load test"}  # fmt: skip
    request = urllib.request.Request(f"{running.url}/api/v2/silences", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})  # fmt: skip
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.status == 200


def test_what_the_real_alertmanager_silences_opens_nothing_and_all_else_does(running: RunningAlertmanager) -> None:
    put_silence(running, matcher("tenant", "acme"), matcher("principal", "key-[0-9]", regex=True))
    now = datetime.now(UTC)
    minute = to_minute(now)
    normal = [Spent(minute=minute - n, usd=0.2, calls=9) for n in range(180)]
    odd = [Spent(minute=minute, usd=30, model="opus", feature=feature, principal=key, calls=50)
           for feature, key in (("chat", "key-7"), ("search", "stranger"))]  # fmt: skip
    ledger = ledger_of(usage_table([*normal, *[replace(one, feature="search") for one in normal], *odd]))
    manager = Alertmanager(running.url, dashboard_url="", refresh_s=60)

    report = Lookout(AlertSettings(min_excess_usd=0.5), ledger, to_all(manager)).step(now, wait_s=WAIT_S)

    assert [(event["event"], event["principal"]) for event in report.events] == [(OPENED, "stranger")]


@pytest.mark.long
def test_what_is_open_hears_nothing_but_its_end_while_it_is_silenced_there() -> None:
    ledger = ledger_of(hours(), spike(to_minute(LIVE), 3))
    one = Lookout(AlertSettings(min_excess_usd=0.5), ledger, ())
    reports = [one.step(LIVE + 20 * SECOND)]
    manager = Manager()
    manager.answer = [silence(matcher("tenant", "acme"), start=LIVE)]
    one._silences = Silences([manager])

    ledger.add_usage(spike(to_minute(LIVE) + 1, 60))
    reports += [one.step(LIVE + n * MINUTE + 20 * SECOND) for n in range(1, 25)]

    assert told(reports) == [OPENED, RESOLVED]


def test_an_alertmanager_that_is_down_blocks_nobody() -> None:
    manager = Manager()
    manager.answer = None
    one = Lookout(AlertSettings(min_excess_usd=0.5), ledger_of(hours(), spike(to_minute(LIVE), 9)), ())
    one._silences = Silences([manager])

    assert told([one.step(LIVE + 20 * SECOND)]) == [OPENED]

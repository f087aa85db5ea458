"""The Alertmanager channel against the real Alertmanager (Debian package, v2 API)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.channels import Alertmanager
from alerts.channels.channel import LONGEST_REST_S, STILL_SAID
from alerts.courier import LAST_RETRY_S
from alerts.incidents import ESCALATED, RESOLVED, UPDATED
from tests.alerts.samples import follow, opened
from tests.alerts.servers import Receiver, RunningAlertmanager, receive, run_alertmanager, start_alertmanager

AGO, MINUTE = timedelta(minutes=5), timedelta(minutes=1)


@pytest.fixture
def now() -> datetime:
    """The present: the Alertmanager ends what is not refreshed, and the tests may start long after collection."""
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAlertmanager]:
    with run_alertmanager(tmp_path_factory.mktemp("alertmanager")) as real:
        yield real


def channel(running: RunningAlertmanager) -> Alertmanager:
    return Alertmanager(f"{running.url}/", dashboard_url="http://127.0.0.1:8501", refresh_s=60)


def of_feature(running: RunningAlertmanager, feature: str) -> list[dict]:  # type: ignore[type-arg]
    return [alert for alert in running.alerts() if alert["labels"]["feature"] == feature]


def notified(running: RunningAlertmanager, feature: str) -> list[str]:
    return [body["status"] for body in running.receiver.bodies if body["commonLabels"]["feature"] == feature]


def test_an_opening_appears_as_an_alert_whose_amounts_are_annotations(
    running: RunningAlertmanager, now: datetime
) -> None:
    event = opened(feature="appears", at=now - AGO)

    channel(running).send(event, now)

    (alert,) = of_feature(running, "appears")
    assert alert["labels"] == {
        "alertname": "SpanLedgerSpend",
        "signal": "spend",
        "severity": "warning",
        "tenant": "acme",
        "feature": "appears",
    }
    assert alert["annotations"]["summary"] == event.summary
    assert alert["annotations"]["excess"] == "$11.30"
    assert alert["annotations"]["cause"] == "97 % from model opus"
    assert datetime.fromisoformat(alert["startsAt"]) == event.opened_at
    assert alert["generatorURL"] == f"http://127.0.0.1:8501/incidents?incident={event.incident_id}"


def test_updates_and_refreshes_change_the_one_alert_there_is(running: RunningAlertmanager, now: datetime) -> None:
    event = opened(feature="updates", at=now - AGO)
    update = follow(event, UPDATED)

    channel(running).send(event, now)
    channel(running).send(update, now)
    channel(running).refresh([update], now + timedelta(seconds=60))

    (alert,) = of_feature(running, "updates")
    assert alert["annotations"]["observed"] == "$24.80"
    assert datetime.fromisoformat(alert["startsAt"]) == event.opened_at
    assert datetime.fromisoformat(alert["endsAt"]) == now + timedelta(seconds=60 + 4 * 60 + LONGEST_REST_S)


def test_a_resolution_ends_the_alert_and_both_are_notified_once(running: RunningAlertmanager, now: datetime) -> None:
    event = opened(feature="ends", at=now - AGO)
    channel(running).send(event, now)
    assert running.receiver.wait_until(lambda: notified(running, "ends") == ["firing"])

    channel(running).send(follow(event, RESOLVED), now)

    assert running.receiver.wait_until(lambda: notified(running, "ends") == ["firing", "resolved"])
    assert of_feature(running, "ends") == []


def test_a_warning_that_escalates_is_another_alert_by_its_severity_and_the_warning_is_over(
    running: RunningAlertmanager, now: datetime
) -> None:
    event = opened(feature="escalates", at=now - AGO)
    worse = replace(follow(event, ESCALATED), severity="critical")
    channel(running).send(event, now)
    assert running.receiver.wait_until(lambda: notified(running, "escalates") == ["firing"])

    channel(running).send(worse, now)

    assert running.receiver.wait_until(
        lambda: sorted(notified(running, "escalates")) == ["firing", "firing", "resolved"]
    )
    (alert,) = of_feature(running, "escalates")
    assert alert["labels"]["severity"] == "critical"
    channel(running).send(replace(follow(worse, RESOLVED), severity="critical"), now)
    assert of_feature(running, "escalates") == []


def test_incidents_of_different_scopes_are_different_alerts(running: RunningAlertmanager, now: datetime) -> None:
    for tenant in ("acme", "globex", None):
        channel(running).send(opened(tenant=tenant, feature="scopes", at=now - AGO), now)

    tenants = {alert["labels"]["tenant"] for alert in of_feature(running, "scopes")}

    assert tenants == {"acme", "globex", "unattributed"}


def test_nothing_open_refreshes_nothing(running: RunningAlertmanager, now: datetime) -> None:
    before = running.alerts()

    channel(running).refresh([], now)

    assert running.alerts() == before


def statuses(receiver: Receiver) -> list[str]:
    with receiver.came:
        return [body["status"] for body in receiver.bodies]


def test_an_end_that_it_forgot_as_it_restarted_is_told_by_the_next_refresh(tmp_path: Path, now: datetime) -> None:
    event = opened(feature="forgotten", at=now - AGO)
    with receive() as receiver:
        with start_alertmanager(tmp_path, receiver, group_interval="1h") as before:
            channel(before).send(event, now)
            assert receiver.wait_until(lambda: statuses(receiver) == ["firing"])
            over = replace(follow(event, RESOLVED), recorded_at=datetime.now(UTC))
            channel(before).send(over, now)
        with start_alertmanager(tmp_path, receiver) as after:
            channel(after).refresh([over], datetime.now(UTC))
            channel(after).refresh([over], datetime.now(UTC))

            assert receiver.wait_until(lambda: statuses(receiver) == ["firing", "resolved"])
            assert after.alerts() == []


def test_what_is_open_stays_open_beside_an_ended_one_of_its_labels(running: RunningAlertmanager, now: datetime) -> None:
    ended = replace(follow(opened(feature="again", at=now - 2 * AGO), RESOLVED), recorded_at=now - MINUTE)
    again = opened(feature="again", at=now - AGO)

    channel(running).refresh([again, ended], now)
    channel(running).refresh([ended, again], now)

    (alert,) = of_feature(running, "again")
    assert datetime.fromisoformat(alert["endsAt"]) > now
    assert datetime.fromisoformat(alert["startsAt"]) == again.opened_at


def test_a_warning_that_has_escalated_is_said_to_be_over_for_a_while(now: datetime) -> None:
    worse = replace(follow(opened(at=now - AGO), ESCALATED), severity="critical", recorded_at=now)
    with receive() as receiver:
        to = Alertmanager(receiver.url, dashboard_url="", refresh_s=60)
        to.refresh([worse], now + MINUTE)
        to.refresh([worse], now + STILL_SAID)

    assert [[one["labels"]["severity"] for one in body] for body in receiver.bodies] == [
        ["warning", "critical"],
        ["critical"],
    ]


def test_an_open_alert_outlives_the_longest_rest_of_its_courier(now: datetime) -> None:
    with receive() as receiver:
        Alertmanager(receiver.url, dashboard_url="", refresh_s=10).refresh([opened(at=now - AGO)], now)

    ((alert,),) = receiver.bodies
    assert datetime.fromisoformat(alert["endsAt"]) - now >= timedelta(seconds=4 * 10 + LAST_RETRY_S)

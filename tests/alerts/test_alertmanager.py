"""The Alertmanager channel against the real Alertmanager (Debian package, v2 API)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts.channels import Alertmanager
from alerts.incidents import ESCALATED, RESOLVED, UPDATED
from tests.alerts.samples import follow, opened
from tests.alerts.servers import RunningAlertmanager, run_alertmanager

AGO = timedelta(minutes=5)


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
    assert datetime.fromisoformat(alert["endsAt"]) == now + timedelta(seconds=300)


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

"""How channels show health: shares and times, no dollars, and no action that cuts a budget for an error."""

from __future__ import annotations

from dataclasses import replace

from alerts.channels import Alertmanager
from alerts.channels.action import what_to_do
from alerts.text import as_lines, details
from tests.alerts.samples import opened
from tests.alerts.workload import START


def health(**told: object):
    plain = {"signal": "errors_provider", "measured": 0.31, "usual": 0.004, "affected": 1412, "severity": "critical"}
    return replace(opened(), contributors=(), **(plain | told))


def test_details_are_shares_and_times_with_what_to_do():
    shown = details(health())

    assert (shown["observed"], shown["expected"], shown["affected"]) == ("31 %", "0.4 %", "1,412")
    assert shown["runbook"] == "docs/runbooks/errors.md"
    assert details(health(signal="ttft_p95", measured=2400.0, usual=850.0))["observed"] == "2.4 s"
    assert not any("$" in line for line in as_lines(health(summary="31 % fail")))


def test_an_alertmanager_has_a_name_of_its_own_for_it():
    alert = Alertmanager("http://x", dashboard_url="", refresh_s=60)._alert(health(), START)

    assert (alert["labels"]["alertname"], alert["labels"]["signal"]) == ("SpanLedgerHealth", "errors_provider")


def test_an_outage_asks_for_another_model():
    asked = what_to_do(health(model="gpt-4o"))

    assert (asked["action"], asked["model"], asked["principal"]) == ("route_to_fallback", "gpt-4o", None)

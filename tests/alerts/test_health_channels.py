"""How channels show health: shares and times, no dollars, and no action that cuts a budget for an error."""

from __future__ import annotations

from dataclasses import replace

from alerts.channels import Alertmanager, PagerDuty, Slack
from alerts.channels.action import what_to_do
from alerts.channels.email import Email, Server
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

    assert asked is not None
    assert (asked["action"], asked["model"], asked["principal"]) == ("route_to_fallback", "gpt-4o", None)


def test_chat_mail_and_pagers_say_the_share_and_the_provider_and_no_dollars():
    said = "31 % of calls of all tenants to openai fail (usually 0.4 %)"
    outage = health(tenant=None, feature=None, provider="openai", scoped_by=("provider",), summary=said)

    header, section, fields, *_ = Slack("http://x", dashboard_url="")._message(outage)["blocks"]
    mail = Email(Server(host="x", port=1), sender="a@b", to="c@d", dashboard_url="")._message(outage, START)
    page = PagerDuty("k", dashboard_url="")._body(outage)["payload"]

    assert header["text"]["text"] == "Incident: errors_provider of provider openai"
    assert section["text"]["text"] == said
    assert [field["text"] for field in fields["fields"]] == [
        "*Observed*\n31 %", "*Expected*\n0.4 %", "*Affected*\n1,412", "*Severity*\ncritical"
    ]  # fmt: skip
    assert mail["Subject"] == "[SpanLedger] critical: errors_provider of provider openai"
    assert said in mail.get_content()
    assert (page["summary"], page["source"], page["component"], page["group"]) == (said, *["openai"] * 3)

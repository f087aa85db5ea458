"""Settings of the alerts are refused where they cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.addresses import fault_of
from alerts.channels.http import get_json, post_json
from alerts.errors import BadChannels, ChannelDown
from alerts.routing.file import open_channels
from alerts.settings import AlertSettings
from spanledger.settings import SettingsError, load


@pytest.mark.parametrize("name", ["WEBHOOK_URL", "ALERTMANAGER_URL"])
def test_an_address_that_is_no_url_stops_the_start(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name.lower()} = 'localhost:9093': must be an http"):
        load(environ={f"SPANLEDGER_ALERTS_{name}": "localhost:9093"})


BROKEN = ["http://127.0.0.1:99999", "http://127.0.0.1:port", "http://alertmanager..svc:9093", "http://[::1", "http://",
          "http://x y:9093", "http://127.0.0.1:9/a b", "http://127.0.0.1:0"]  # fmt: skip


@pytest.mark.parametrize("url", BROKEN)
def test_an_address_that_nobody_can_be_asked_at_stops_the_start_and_is_never_a_fault_later(
    url: str, tmp_path: Path
) -> None:
    file = tmp_path / "channels.toml"
    file.write_text(f'[[channel]]\nkind = "slack"\nurl = "{url}"\n')

    with pytest.raises(SettingsError, match=r"alertmanager_url = .*: must be an http"):
        load(environ={"SPANLEDGER_ALERTS_ALERTMANAGER_URL": url})
    with pytest.raises(BadChannels, match="url: must be an http"):
        open_channels(AlertSettings(channels=str(file)))
    with pytest.raises(ChannelDown, match="must be an http"):
        post_json(url, {})
    with pytest.raises(ChannelDown, match="must be an http"):
        get_json(url)


@pytest.mark.parametrize(
    "url", ["http://[::1]:9093/x", "https://user:word@am.svc/prefix?a=b", "http://münchen.example"]
)
def test_other_addresses_are_taken(url: str) -> None:
    assert fault_of(url) is None


def test_alerts_that_would_end_between_two_looks_are_refused() -> None:
    """The worker looks every 5 s: it cannot send again more often, and should not at every look."""
    with pytest.raises(SettingsError, match="must be from 10 to 3600"):
        load(environ={"SPANLEDGER_ALERTS_RESEND_S": "1"})


def test_runbooks_are_at_an_address_or_the_start_is_refused() -> None:
    assert load(environ={"SPANLEDGER_ALERTS_RUNBOOKS_URL": "https://x/r"}).alerts.runbooks_url == "https://x/r"
    with pytest.raises(SettingsError, match=r"runbooks_url = .*: must be an http"):
        load(environ={"SPANLEDGER_ALERTS_RUNBOOKS_URL": "docs/runbooks"})


def test_channels_are_those_that_have_an_address() -> None:
    settings = AlertSettings(alertmanager_url="http://127.0.0.1:9093")

    assert [one.channel.name for one in open_channels(settings)] == ["alertmanager"]
    assert open_channels(AlertSettings()) == ()

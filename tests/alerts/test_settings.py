"""Settings of the alerts are refused where they cannot be used."""

from __future__ import annotations

import pytest

from alerts.routing.file import open_channels
from alerts.settings import AlertSettings
from spanledger.settings import SettingsError, load


@pytest.mark.parametrize("name", ["WEBHOOK_URL", "ALERTMANAGER_URL"])
def test_an_address_that_is_no_url_stops_the_start(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name.lower()} = 'localhost:9093': must be an http"):
        load(environ={f"SPANLEDGER_ALERTS_{name}": "localhost:9093"})


def test_channels_are_those_that_have_an_address() -> None:
    settings = AlertSettings(alertmanager_url="http://127.0.0.1:9093")

    assert [one.channel.name for one in open_channels(settings)] == ["alertmanager"]
    assert open_channels(AlertSettings()) == ()

"""The command that serves the pages."""

import http.client
import socket
import stat
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dashboards.errors import OpenToAll, PortTaken
from dashboards.handover import Handover, read, written
from dashboards.serve import command, serving
from dashboards.settings import DashboardSettings
from tests.dashboards import served
from tests.dashboards.ledgers import make_empty_ledger, settings
from warehouse.settings import LakeSettings, SettleSettings

HANDOVER = Handover(
    lake=LakeSettings(url="s3://bucket/lake", storage_options={"secret": "s3cret"}),
    dashboard=DashboardSettings(port=0, tenants=("acme", "globex")),
    settle=SettleSettings(budgets="budgets.toml", review_usd_per_hour=60.0, pdf_fonts=("plain.ttf",)),
    command=("python", "-m", "spanledger"),
)


def test_settings_arrive_as_they_were_handed_over():
    with written(HANDOVER) as path:
        assert read(path) == HANDOVER


def test_only_the_owner_can_read_what_is_handed_over_and_it_does_not_stay():
    with written(HANDOVER) as path:
        mode, directory_mode = path.stat().st_mode, path.parent.stat().st_mode

    assert stat.S_IMODE(mode) == 0o600
    assert stat.S_IMODE(directory_mode) == 0o700
    assert not path.parent.exists()


def test_no_secret_stands_on_the_command_line():
    words = command(HANDOVER.dashboard, Path("/run/handover.json"))

    assert words[-2:] == ["--", "/run/handover.json"]
    assert "s3cret" not in " ".join(words)


def test_loopback_pages_answer_to_loopback_names_only():
    assert "--server.allowedHosts=localhost" in command(DashboardSettings(), Path("x"))
    assert not [word for word in command(DashboardSettings(host="0.0.0.0"), Path("x")) if "allowedHosts" in word]


@pytest.mark.parametrize(
    "flag",
    [
        "--browser.gatherUsageStats=false",
        "--server.fileWatcherType=none",
        "--server.headless=true",
        "--logger.hideWelcomeMessage=true",
    ],
)
def test_nothing_leaves_the_machine(flag: str):
    assert flag in command(DashboardSettings(), Path("x"))


def test_a_taken_port_is_refused_before_anything_starts():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        taken = Handover(lake=HANDOVER.lake, dashboard=DashboardSettings(port=port))

        with (
            pytest.raises(PortTaken, match=rf"cannot listen on 127\.0\.0\.1:{port} \(Address already in use\)"),
            serving(taken),
        ):
            pass


def test_an_address_that_others_reach_is_refused_where_nobody_signs_in():
    open_to_all = Handover(lake=HANDOVER.lake, dashboard=DashboardSettings(host="0.0.0.0", port=0))

    with (
        pytest.raises(OpenToAll, match=r"0\.0\.0\.0 is not this machine alone, and nobody signs in"),
        serving(open_to_all),
    ):
        pass


def test_an_address_of_another_machine_is_refused_in_one_line(tmp_path: Path):
    people = tmp_path / "people.toml"
    people.write_text('[[people]]\nuser = "*"\nrole = "admin"\n')
    settings = DashboardSettings(host="192.0.2.1", port=0, people=str(people), proxy_secret="s" * 16)
    elsewhere = Handover(lake=HANDOVER.lake, dashboard=settings)

    with pytest.raises(PortTaken, match=r"cannot listen on 192\.0\.2\.1:0"), serving(elsewhere):
        pass


def test_the_command_says_where_it_cannot_listen(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        process = served.start(settings(tmp_path / "lake"), "--port", str(other.getsockname()[1]))

        out, _ = process.communicate(timeout=30)

    assert process.returncode == 2
    assert out == ""


def test_sigterm_stops_the_pages_cleanly(tmp_path: Path):
    with served.serving(make_empty_ledger(tmp_path / "lake"), TMPDIR=str(tmp_path)) as dashboard:
        address = urlsplit(dashboard.url)

        assert dashboard.stop() == 0

    assert list(tmp_path.glob("spanledger-dashboard-*")) == []
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=2)
    with pytest.raises(ConnectionRefusedError):
        connection.request("GET", "/")

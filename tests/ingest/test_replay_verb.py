"""``spanledger replay`` at the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ingest.gateway.outlet import MemoryOutlet
from spanledger.__main__ import main
from tests.ingest.gateway.serving import on_free_ports, serving, spans

KEY_HASH = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"  # of "secret"


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """A good file and a broken one."""
    (tmp_path / "good.pb").write_bytes(spans(3))
    (tmp_path / "bad.pb").write_bytes(b"\x0a\xff\xff")
    return [str(tmp_path / "good.pb"), str(tmp_path / "bad.pb")]


def test_the_summary_is_one_row_a_file_and_refusals_are_no_failure(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with serving() as gateway:
        code = main(["replay", *files, "--endpoint", gateway.url, "--repeat", "2", "--format", "json"])

    good, bad = json.loads(capsys.readouterr().out)
    assert code == 0
    assert good == {
        "source_file": files[0],
        "format": "protobuf",
        "signal": "traces",
        "requests": 2,
        "accepted": 2,
        "refused": 0,
        "spans": 6,
        "rejected": 0,
        "reason": None,
    }
    assert (bad["source_file"], bad["refused"], bad["spans"]) == (files[1], 2, None)
    assert bad["reason"].startswith("HTTP 400: ")


def test_the_key_is_sent(files: list[str]) -> None:
    outlet = MemoryOutlet()
    settings = on_free_ports(api_keys={"one": {"sha256": KEY_HASH, "tenant": "acme"}})
    with serving(settings, outlet=outlet) as gateway:
        main(["replay", files[0], "--endpoint", gateway.url, "--api-key", "secret"])

    assert [("spanledger-tenant", b"acme") in record.headers for record in outlet.records] == [True]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["missing.pb"], "cannot read missing.pb: No such file or directory"),
        (["GOOD", "--endpoint", "http://127.0.0.1:1"], "no gateway answers at http://127.0.0.1:1"),
        (["GOOD", "--repeat", "0"], "--repeat must be at least 1"),
        (["GOOD", "--rate", "0"], "--rate more than 0"),
    ],
)
def test_what_cannot_run_ends_with_2_and_one_line(
    words: list[str], told: str, files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["replay", *(files[0] if word == "GOOD" else word for word in words)])

    errors = capsys.readouterr().err
    assert code == 2
    assert told in errors
    assert errors.count("\n") == 1

"""``spanledger simulate`` at the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.gateway.outlet import MemoryOutlet
from ingest.simulator import Truth
from spanledger.__main__ import main
from tests.ingest.gateway.serving import on_free_ports, serving

KEY_HASH = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"  # of "secret"
HISTORY = ["--history", "0.2", "--rate", "0.5", "--for", "0"]


def test_the_truth_is_written_as_json_and_standard_output_stays_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving() as gateway:
        code = main(
            ["simulate", *HISTORY, "--endpoint", gateway.url, "--truth", str(tmp_path / "truth.json"), "--seed", "1"]
        )

    truth = Truth.from_json((tmp_path / "truth.json").read_text())
    told = capsys.readouterr()
    assert code == 0
    assert truth.spans > 100
    assert told.out == ""
    assert f"{truth.spans} spans, {truth.calls} calls, {truth.cost_usd} USD" in told.err


def test_a_key_with_an_equals_sign_is_a_key_and_a_tenant_before_one_is_a_tenant() -> None:
    outlet = MemoryOutlet()
    settings = on_free_ports(api_keys={"one": {"sha256": KEY_HASH, "tenants": ["acme", "hooli"]}})
    with serving(settings, outlet=outlet) as gateway:
        keys = [
            word
            for tenant in ("acme", "globex", "initech", "umbrella", "hooli")
            for word in ("--api-key", f"{tenant}=secret")
        ]
        code = main(["simulate", *HISTORY, "--endpoint", gateway.url, "--api-key", "no=key", *keys])

    assert code == 0
    assert outlet.records
    assert all(("spanledger-principal", b"one") in record.headers for record in outlet.records)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--incident", "meltdown"], "there is no incident 'meltdown'"),
        (["--rate", "0"], "the rate must be more than 0"),
        (["--rate", "nan"], "all of them finite"),
        (["--for", "5", "--incident", "retry_loop@20"], "lies outside of the history and the live part"),
        (
            ["--for", "3", "--endpoint", "nonsense"],
            "--endpoint 'nonsense' is no URL of a gateway; write it like http://",
        ),
        (["--for", "3", "--endpoint", "127.0.0.1:4318"], "is no URL of a gateway"),
        (["--for", "3", "--endpoint", "http://:4318"], "is no URL of a gateway"),
        (["--for", "3", "--endpoint", "http://127.0.0.1:many", "--grpc"], "is no URL of a gateway"),
        (["--for", "3", "--backfill", "nan"], "all of them finite"),
        (["--for", "3", "--backfill", "1h", "--grpc"], "--backfill goes over OTLP/HTTP: leave --grpc"),
        (["--for", "3", "--truth", "/nope/x"], "cannot write the truth to /nope/x: No such file or directory"),
    ],
)
def test_what_cannot_run_ends_with_2_and_one_line(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["simulate", *words])

    errors = capsys.readouterr().err
    assert code == 2
    assert told in errors
    assert errors.count("\n") == 1


def test_a_run_too_short_for_any_task_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["simulate", "--for", "0", "--history", "0"])

    assert code == 2
    assert capsys.readouterr().err.endswith(
        "spanledger simulate: nothing was sent: no task fits into that time; raise --for, --history or --rate\n"
    )


def test_a_truth_that_cannot_be_written_is_refused_before_anything_is_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outlet = MemoryOutlet()
    with serving(outlet=outlet) as gateway:
        code = main(["simulate", *HISTORY, "--endpoint", gateway.url, "--truth", str(tmp_path)])

    assert (code, outlet.records) == (2, [])
    assert capsys.readouterr().err == f"spanledger simulate: cannot write the truth to {tmp_path}: Is a directory\n"

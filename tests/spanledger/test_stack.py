"""The process manager: order, restarts, and what it says when a part ends."""

import dataclasses
import time
from pathlib import Path

import pytest

from spanledger.errors import CannotRun
from spanledger.stack import MOST_FAILED_STARTS, RESTART_PAUSE_S, Part, Stack, free_ports, resident_mib


def part(tmp_path: Path, *words: str, restarts: bool = False, ready: str = "", **environment: str) -> Part:
    log = tmp_path / "part.log"
    return Part(name="part", words=words, environment=environment, log=log, restarts=restarts, ready=ready)


def ended(stack: Stack, started: Part) -> Part:
    stack.start(started)
    assert started.process is not None
    started.process.wait(60)
    return started


def test_a_part_that_ends_is_an_error_with_the_last_line_of_its_log(tmp_path: Path):
    with Stack() as stack:
        ended = stack.start(part(tmp_path, "report", "no-such-question"))
        assert ended.process is not None
        ended.process.wait(60)

        with pytest.raises(CannotRun, match=r"part ended with exit code 2; its log .* ends with: spanledger report: "):
            stack.check()


def test_a_part_that_crashes_is_started_again_after_a_pause(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with Stack() as stack:
        crashed = stack.start(
            part(tmp_path, "simulate", "--for", "60", "--endpoint", "http://127.0.0.1:9", restarts=True)
        )
        assert crashed.process is not None
        first = crashed.process
        first.kill()
        first.wait(60)

        stack.check()
        paused = crashed.restarted
        time.sleep(RESTART_PAUSE_S)
        stack.check()

        assert (paused, crashed.restarted) == (0, 1)
        assert crashed.process.pid != first.pid
        assert "part was killed by SIGKILL: again in 0.5 s; its log " in capsys.readouterr().out


def test_a_part_that_is_never_ready_is_an_error(tmp_path: Path):
    with Stack() as stack:
        idle = stack.start(part(tmp_path, "simulate", "--for", "60", "--endpoint", "http://127.0.0.1:9"))

        with pytest.raises(CannotRun, match="part was not ready within 0 s"):
            stack.wait_until_said(idle, "ready", within_s=0.2)


def test_a_part_that_ends_at_once_again_and_again_is_an_error_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("spanledger.stack.RESTART_PAUSE_S", 0.01)
    with Stack() as stack:
        stack.start(part(tmp_path, "gateway", restarts=True, PYTHONHOME="/nowhere"))  # no Python starts with that

        with pytest.raises(
            CannotRun, match=f"part does not start: it ended with exit code 1, the {MOST_FAILED_STARTS}th"
        ):
            stack.look_after(30)

    assert capsys.readouterr().out.count("\n") == MOST_FAILED_STARTS - 1


def test_a_part_that_has_been_ready_is_started_again_whatever_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("spanledger.stack.RESTART_PAUSE_S", 0.01)
    with Stack() as stack:
        refused = ended(stack, part(tmp_path, "report", "no-such-question", restarts=True, ready="spanledger report: "))

        stack.check()

        assert refused.failed_starts == 0
    assert "part ended with exit code 2: again in 0.01 s" in capsys.readouterr().out


def test_the_pause_grows_while_a_part_ends_soon_after_its_start_and_is_short_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    with Stack() as stack:
        ready = ended(stack, part(tmp_path, "--help", restarts=True, ready="usage: spanledger"))
        for quick in (True, True, True, False):
            monkeypatch.setattr("spanledger.stack.AT_ONCE_S", 60 if quick else 0)
            ready.not_before = 0.0
            stack.check()

    pauses = [line.partition("again in ")[2].partition(" s;")[0] for line in capsys.readouterr().out.splitlines()]
    assert pauses == ["0.5", "1", "2", "0.5"]


def test_free_ports_differ_and_no_outgoing_connection_is_given_one():
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found = free_ports(20)

    assert len(set(found)) == 20
    assert max(found) < low


def test_memory_of_this_process_is_measured():
    import os

    assert 10 < resident_mib([os.getpid()]) < 10_000


def test_a_part_that_could_not_run_is_not_started_again(tmp_path: Path):
    with Stack() as stack:
        refused = stack.start(part(tmp_path, "report", "no-such-question", restarts=True))
        assert refused.process is not None
        refused.process.wait(60)

        with pytest.raises(CannotRun, match="ends with: spanledger report: "):
            stack.check()


def test_a_part_that_ends_its_work_is_no_error(tmp_path: Path):
    with Stack() as stack:
        done = stack.start(dataclasses.replace(part(tmp_path, "--help"), ends=True))
        assert done.process is not None
        done.process.wait(60)

        stack.check()


def test_what_an_earlier_start_said_does_not_count(tmp_path: Path):
    with Stack() as stack:
        first = stack.start(part(tmp_path, "--help"))
        assert first.process is not None
        first.process.wait(60)
        said = first.said("usage: spanledger")
        again = part(tmp_path, "report", "no-such-question")
        again.start()
        assert again.process is not None
        again.process.wait(60)

        assert (said, again.said("usage: spanledger")) == (True, False)

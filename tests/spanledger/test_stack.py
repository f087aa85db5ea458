"""The process manager: order, restarts, and what it says when a part ends."""

from pathlib import Path

import pytest

from spanledger.errors import CannotRun
from spanledger.stack import Part, Stack, free_port, resident_mib


def part(tmp_path: Path, *words: str, restarts: bool = False) -> Part:
    return Part(name="part", words=words, environment={}, log=tmp_path / "part.log", restarts=restarts)


def test_a_part_that_ends_is_an_error_with_the_last_line_of_its_log(tmp_path: Path):
    with Stack() as stack:
        ended = stack.start(part(tmp_path, "report", "no-such-question"))
        assert ended.process is not None
        ended.process.wait(60)

        with pytest.raises(CannotRun, match=r"part ended with exit code 2; its log .* ends with: spanledger report: "):
            stack.check()


def test_a_part_that_restarts_is_started_again(tmp_path: Path):
    with Stack() as stack:
        ended = stack.start(part(tmp_path, "report", "no-such-question", restarts=True))
        assert ended.process is not None
        first = ended.process
        first.wait(60)

        stack.check()

        assert ended.restarted == 1
        assert ended.process.pid != first.pid


def test_a_port_that_nobody_opens_is_an_error(tmp_path: Path):
    del tmp_path
    with pytest.raises(CannotRun, match="nobody did not listen on port"):
        Stack().wait_for_port(free_port(), "nobody", within_s=0.2)


def test_memory_of_this_process_is_measured():
    import os

    assert 10 < resident_mib([os.getpid()]) < 10_000

"""Ctrl-C ends a verb quietly, also while DuckDB works."""

import signal
from types import FrameType

import duckdb
import pytest

from spanledger.signals import interrupted

ENDLESS = "SELECT sum(a.range * b.range) FROM range(10_000_000) AS a, range(10_000_000) AS b"


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def test_an_interrupted_query_is_a_keyboard_interrupt():
    before = signal.signal(signal.SIGALRM, _interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(KeyboardInterrupt), interrupted(), duckdb.connect() as connection:
            connection.execute(ENDLESS)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_other_errors_stay_as_they_are():
    with pytest.raises(RuntimeError, match="something else"), interrupted():
        raise RuntimeError("something else")

"""Ctrl-C ends a verb quietly, also while DuckDB works."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import duckdb
import pytest

from spanledger.signals import interrupted

QUERY = "SELECT sum(hash(range)) FROM range(5_000_000)"
AGAIN_S = 0.02


@contextmanager
def _pressing(listening: SimpleNamespace) -> Iterator[None]:
    """Somebody presses Ctrl-C again and again, by a signal of its own: the alarm is what ends a test that hangs."""
    gone = threading.Event()

    def press() -> None:
        while not gone.wait(AGAIN_S):
            os.kill(os.getpid(), signal.SIGUSR1)

    def interrupt(*_: object) -> None:
        if listening.on:
            listening.on = False
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, interrupt)
    presser = threading.Thread(target=press)
    presser.start()
    try:
        yield
    finally:
        gone.set()
        presser.join()
        signal.signal(signal.SIGUSR1, before)


def _cause(connection: duckdb.DuckDBPyConnection, listening: SimpleNamespace) -> BaseException | None:
    """Why a query ended early; None where it did not, or where Python itself heard it."""
    try:
        with interrupted():
            listening.on = True
            connection.execute(QUERY)
            listening.on = False
    except KeyboardInterrupt as error:
        return error.__cause__
    return None


def test_an_interrupted_query_is_a_keyboard_interrupt():
    listening = SimpleNamespace(on=False)

    with duckdb.connect() as connection, _pressing(listening):
        causes = iter(lambda: _cause(connection, listening), object())  # DuckDB does not look up all the time
        told = next(cause for cause in causes if cause)

    assert isinstance(told, RuntimeError)


def test_other_errors_stay_as_they_are():
    with pytest.raises(RuntimeError, match="something else"), interrupted():
        raise RuntimeError("something else")

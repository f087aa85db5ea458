"""What asks a verb to end: Ctrl-C, SIGTERM, and SIGHUP, which a terminal sends when it is closed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

_INTERRUPTED = "Query interrupted"


def ending() -> list[signal.Signals]:
    """SIGTERM and SIGHUP; without SIGHUP where nohup has it ignored."""
    both = (signal.SIGTERM, signal.SIGHUP)
    return [number for number in both if signal.getsignal(number) is not signal.SIG_IGN]


@contextmanager
def interrupted() -> Iterator[None]:
    """Within a query DuckDB tells of Ctrl-C by an error of its own: it is a KeyboardInterrupt as elsewhere."""
    try:
        yield
    except RuntimeError as error:
        if str(error) != _INTERRUPTED:
            raise
        raise KeyboardInterrupt from error


def hang_up_is_sigterm() -> None:
    """Turn SIGHUP into SIGTERM, for a program whose own handlers know only that."""
    if signal.SIGHUP in ending():
        signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))

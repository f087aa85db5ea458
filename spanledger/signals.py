"""The signals that ask a verb to end, besides Ctrl-C: SIGTERM, and SIGHUP, which a terminal sends when it is closed."""

from __future__ import annotations

import os
import signal


def ending() -> list[signal.Signals]:
    """SIGTERM and SIGHUP; without SIGHUP where nohup has it ignored."""
    both = (signal.SIGTERM, signal.SIGHUP)
    return [number for number in both if signal.getsignal(number) is not signal.SIG_IGN]


def hang_up_is_sigterm() -> None:
    """Turn SIGHUP into SIGTERM, for a program whose own handlers know only that."""
    if signal.SIGHUP in ending():
        signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))

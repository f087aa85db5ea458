"""``python -m ingest.broker.leash PARENT PROGRAM …``: become PROGRAM, and die with the parent that started us.

A broker must not outlive a supervisor that was killed: it would keep the port and the data directory. Linux delivers
the signal when the *thread* that started us ends (``prctl(2)``, PR_SET_PDEATHSIG): start a broker from one that stays.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Replace this process by ``command``; does not return."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the leash was on
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - a list, no shell


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])

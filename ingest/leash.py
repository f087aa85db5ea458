"""Programs that do not outlive who started them: start ``[*leash(), PROGRAM, …]`` instead of ``[PROGRAM, …]``.

A part must not outlive a supervisor that was killed: it would keep ports, memory and the data directory. This file,
run by its path, ties itself to its parent and becomes PROGRAM (same process id). On Linux the kernel sends the SIGKILL
(``prctl(2)``, PR_SET_PDEATHSIG) when the *thread* that started us ends: start programs from one that stays. Elsewhere a
watcher is forked that looks at both.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
LOOK_S = 0.1
FILES = 1024  # a watcher closes what it inherits: a lock or a pipe among them must end with the program


def leash() -> list[str]:
    """Words before a command that tie it to this process; needs nothing but the standard library, so it is quick."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid())]


def main(parent: int, command: list[str]) -> None:
    """Replace this process by ``command``; does not return."""
    try:
        ask_kernel()
    except AttributeError:  # no prctl: not Linux
        watch(parent)
    if os.getppid() != parent:  # it died before the leash was on
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - a list, no shell


def ask_kernel() -> None:
    """Have the kernel kill this process when its parent ends. Raises AttributeError where the kernel is not Linux."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def watch(parent: int) -> None:
    """Fork a watcher that kills this process when ``parent`` has ended, and ends with it."""
    program = os.getpid()
    if os.fork():
        return
    os.closerange(0, FILES)
    while os.getppid() == program:
        if not _lives(parent):
            os.kill(program, signal.SIGKILL)
        time.sleep(LOOK_S)
    os._exit(0)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])

"""A line that shows how far a verb is, where somebody watches: nothing is written when it is not a terminal."""

from __future__ import annotations

import time
from typing import Self, TextIO

QUIET_S = 2.0  # quicker verbs show nothing
REDRAW_S = 0.2
BAR_CELLS = 24


class ProgressLine:
    """One line on a terminal, redrawn in place; leaves the line empty at the end."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self._watched = terminal.isatty()
        self._next_s = time.monotonic() + QUIET_S
        self._drawn = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawn:
            self._terminal.write("\r\x1b[K")
            self._terminal.flush()

    def show(self, text: str, done: float | None = None) -> None:
        """Draw ``text`` behind a bar of the share ``done``; at most five times a second."""
        if not self._watched or time.monotonic() < self._next_s:
            return
        self._next_s = time.monotonic() + REDRAW_S
        self._drawn = True
        self._terminal.write(f"\r\x1b[K{draw_bar(done)}{text}")
        self._terminal.flush()


def draw_bar(done: float | None) -> str:
    """A bar that is filled by ``done`` (0 to 1); nothing for what has no known end."""
    if done is None:
        return ""
    filled = round(min(1.0, max(0.0, done)) * BAR_CELLS)
    return f"[{'#' * filled}{'.' * (BAR_CELLS - filled)}] {done:4.0%}  "

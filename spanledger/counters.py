"""The live line of a demo: what the lake holds so far."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Counters:
    """The live line: printed when it changes, in place on a terminal."""

    began: float
    lake: Path
    filled_to: float = 0.0  # when the weeks before ended
    last: str = ""
    first_spend_s: float | None = None

    def show(self) -> None:
        """Ask the lake and print one line on stderr."""
        from spanledger.measure import ask_status

        row = ask_status(self.lake)
        if row is None:
            return
        if row["cost_usd"] is not None and self.first_spend_s is None:
            self.first_spend_s = time.monotonic() - self.began
            print(f"first spend visible {self.first_spend_s:.1f} s after the start", flush=True)
        line = _counters(row)
        if line != self.last:
            terminal = sys.stderr.isatty()
            print(f"\r{line}" if terminal else line, end="" if terminal else "\n", file=sys.stderr, flush=True)
            self.last = line


def _counters(row: dict[str, Any]) -> str:
    return (
        f"spans {row['spans']:>9,}   calls {row['calls']:>9,}   spend ${row['cost_usd'] or 0:>12,.4f}   "
        f"priced {100 * (row['priced_share'] or 0):5.1f} %   open incidents {row['open_incidents']}"
    )

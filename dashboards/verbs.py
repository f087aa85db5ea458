"""Verbs of the command line that pages run, for what only it knows: prices of bills and FOCUS rows, statements as PDF.

They run as processes of their own with the settings of this one, so a page says what the command line says, and no
page knows how prices are made.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dashboards.errors import VerbFailed

LONGEST_S = 900
WARNING = "warning: "
"""How a line begins that says what may be wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a verb said. ``code``: 0 fine, 1 a verdict of no, 2 it could not run; ``lines``: of its standard error."""

    code: int
    out: str
    lines: tuple[str, ...]


def run_verb(command: Sequence[str], *words: str) -> Said:
    """Run a verb to its end. Raises VerbFailed where it cannot be run at all, or does not end."""
    if not command:
        raise VerbFailed("these pages were started without the command line: start them with `spanledger dashboard`")
    try:
        done = subprocess.run(
            [*command, *words], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=LONGEST_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise VerbFailed(f"spanledger {words[0]} could not be run: {error}") from error
    mine = f"spanledger {words[0]}: "
    lines = tuple(line.removeprefix(mine) for line in done.stderr.splitlines() if line.strip())
    return Said(code=done.returncode, out=done.stdout, lines=lines)


def file_of(command: Sequence[str], *words: str, suffix: str) -> bytes:
    """The file that a verb writes with ``--out``. Raises VerbFailed with what it says instead."""
    with tempfile.TemporaryDirectory(prefix="spanledger-file-") as directory:
        path = Path(directory) / f"file.{suffix}"
        said = run_verb(command, *words, "--out", str(path))
        if said.code:
            raise VerbFailed(said.lines[-1] if said.lines else f"spanledger {words[0]} ended with {said.code}")
        return path.read_bytes()

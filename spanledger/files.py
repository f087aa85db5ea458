"""Files that a verb writes at its end: whether it can is asked at its start."""

from __future__ import annotations

from pathlib import Path

from spanledger.errors import CannotRun


def check_writable(file: Path | None, what: str) -> None:
    """Raise CannotRun where ``file`` could not be written; nothing is left behind, an existing file stays as it is."""
    if file is None:
        return
    try:
        is_new = not file.exists()
        with file.open("ab"):
            pass
        if is_new:
            file.unlink()
    except OSError as error:
        raise CannotRun(f"cannot write {what} to {file}: {error.strerror}") from error


def write(file: Path, text: str, what: str) -> None:
    """Write a text. Raises CannotRun."""
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CannotRun(f"cannot write {what} to {file}: {error.strerror}") from error

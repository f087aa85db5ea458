"""The transaction log of a Delta table, as far as readers need it: which commit brought which rows of which streams."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pyarrow import fs


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit: when (by the writer's clock), its app-transactions, and the files it added."""

    version: int
    at_ms: int
    transactions: Mapping[str, int]
    added: frozenset[str]


def read_commit(files: fs.FileSystem, version: int) -> Commit | None:
    """The commit that made ``version``; None where the log is cleaned up that far. Raises OSError."""
    lines = _lines(files, version)
    if lines is None:
        return None
    actions = [json.loads(line) for line in lines if line.strip()]
    return Commit(
        version=version,
        at_ms=max(
            (action["commitInfo"].get("timestamp", 0) for action in actions if "commitInfo" in action), default=0
        ),
        transactions=_transactions(actions),
        added=frozenset(action["add"]["path"] for action in actions if "add" in action),
    )


def read_transactions(files: fs.FileSystem, version: int) -> dict[str, int] | None:
    """The app-transactions of a commit alone; None where the log is cleaned up that far. Raises OSError."""
    lines = _lines(files, version)
    return None if lines is None else _transactions(json.loads(line) for line in lines if b'"txn"' in line)


def _lines(files: fs.FileSystem, version: int) -> list[bytes] | None:
    try:
        with files.open_input_file(f"_delta_log/{version:020d}.json") as file:
            return bytes(file.readall()).splitlines()
    except FileNotFoundError:
        return None


def _transactions(actions: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    return {action["txn"]["appId"]: action["txn"]["version"] for action in actions if "txn" in action}


def read_summary(files: fs.FileSystem) -> tuple[int, int]:
    """Version and number of actions of the last checkpoint; (0, 0) where there is none. Raises OSError."""
    try:
        with files.open_input_file("_delta_log/_last_checkpoint") as file:
            told = json.loads(file.readall())
        return int(told["version"]), int(told["size"])
    except (FileNotFoundError, ValueError, KeyError):
        return 0, 0

"""The steps of a commit, and hooks that do something at one of them."""

from __future__ import annotations

from collections.abc import Callable

from warehouse.schemas import COMMIT_ORDER

STEPS = ("loaded", *(f"{table} {done}" for table in COMMIT_ORDER for done in ("written", "committed")))


def at(step: str, do: Callable[[], object]) -> Callable[[str], None]:
    """A hook that does something at the first time that ``step`` is done."""
    left = [do]

    def hook(done: str) -> None:
        if done == step and left:
            left.pop()()

    return hook

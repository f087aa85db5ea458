"""One sentence per rule, from ``meanings.csv``."""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping
from importlib import resources


@functools.cache
def meanings() -> Mapping[tuple[str, str], str]:
    """(kind, word) -> what it means."""
    text = resources.files("processors.explain").joinpath("meanings.csv").read_text(encoding="utf-8")
    return {(row["kind"], row["word"]): row["meaning"] for row in csv.DictReader(text.splitlines())}


def meaning(kind: str, word: str | None) -> str | None:
    """What a word of this kind means; None where the table does not know it."""
    return meanings().get((kind, word or ""))

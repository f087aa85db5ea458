"""The CSV tables of this package."""

from __future__ import annotations

import csv
from importlib import resources


def read_table(name: str) -> list[dict[str, str]]:
    """The rows of one of them, in the order of the file."""
    text = resources.files("processors.pricing").joinpath(name).read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))

"""Which parameters of a test are tried at once, and which with the long tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def few(every: Iterable[object], *quick: object) -> list[Any]:
    """All parameters, of which those that are not ``quick`` are for ``make test-long``. Raises KeyError for no such."""
    those = list(every)
    if missing := set(quick).difference(those):
        raise KeyError(*missing)
    return [one if one in quick else pytest.param(one, marks=pytest.mark.long) for one in those]

"""Leaves and what they belong to, as numbers."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TypeVar

import numpy as np

from alerts.signals.arrays import Numbers

DIMENSIONS = ("tenant", "feature", "model", "principal")
Key = TypeVar("Key", bound=Hashable)
Leaf = tuple[str | None, str | None, str | None, str | None]
"""Values of ``DIMENSIONS``; None = unattributed."""


class Leaves:
    """``keys`` by number; ``parent account model``: (leaves,) numbers of tenant+feature, tenant+model, model."""

    def __init__(self) -> None:
        self.keys: list[Leaf] = []
        self.parents: dict[tuple[str | None, ...], int] = {}
        self.accounts: dict[tuple[str | None, ...], int] = {}
        self.models: dict[str | None, int] = {}
        self.parent: Numbers = np.zeros(0, np.int64)
        self.account: Numbers = np.zeros(0, np.int64)
        self.model: Numbers = np.zeros(0, np.int64)
        self._numbers: dict[Leaf, int] = {}

    def numbers(self, leaves: Iterable[Leaf]) -> Numbers:
        """The numbers of leaves; new ones get the next."""
        found = np.fromiter((self._numbers.setdefault(leaf, len(self._numbers)) for leaf in leaves), np.int64)
        new = list(self._numbers)[len(self.keys) :]
        if new:
            self.keys += new
            of = [(tenant, feature, model) for tenant, feature, model, _ in new]
            self.parent = _longer(self.parent, [_number(self.parents, (t, f)) for t, f, _ in of])
            self.account = _longer(self.account, [_number(self.accounts, (t, m)) for t, _, m in of])
            self.model = _longer(self.model, [_number(self.models, m) for _, _, m in of])
        return found

    @property
    def model_of_account(self) -> Numbers:
        """(accounts,) number of the model."""
        return np.array([self.models[model] for _, model in self.accounts], np.int64)


def _number(numbers: dict[Key, int], key: Key) -> int:
    return numbers.setdefault(key, len(numbers))


def _longer(array: Numbers, values: list[int]) -> Numbers:
    return np.concatenate([array, np.array(values, np.int64)])

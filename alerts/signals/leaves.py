"""Leaves and what they belong to, as numbers."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import NamedTuple, TypeVar

import numpy as np

from alerts.signals.arrays import Numbers

DIMENSIONS = ("tenant", "feature", "model", "principal")
"""What an incident is about: each a name, or all of them."""


class Leaf(NamedTuple):
    """Whose usage it is; None = unattributed."""

    tenant: str | None
    feature: str | None
    model: str | None
    principal: str | None
    provider: str | None = None


class Model(NamedTuple):
    """What has a price; one name at two providers is two models."""

    name: str | None
    provider: str | None


Key = TypeVar("Key", bound=Hashable)


class Leaves:
    """``keys`` by number, and what each belongs to; ``account_keys`` and ``model_keys`` likewise of those.

    ``tenant parent use account model``: (leaves,) numbers of tenant; with feature; with model too; of tenant and model;
    of model. ``tenants parents uses accounts models``: numbers by what they are of. ``model_of_account``: (accounts,)
    numbers of models.
    """

    def __init__(self) -> None:
        self.keys: list[Leaf] = []
        self.account_keys: list[Leaf] = []
        self.model_keys: list[Model] = []
        self.tenants: dict[str | None, int] = {}
        self.parents: dict[tuple[str | None, str | None], int] = {}
        self.uses: dict[tuple[str | None, str | None, str | None], int] = {}
        self.accounts: dict[tuple[str | None, Model], int] = {}
        self.models: dict[Model, int] = {}
        self.tenant: Numbers = np.zeros(0, np.int64)
        self.parent: Numbers = np.zeros(0, np.int64)
        self.use: Numbers = np.zeros(0, np.int64)
        self.account: Numbers = np.zeros(0, np.int64)
        self.model: Numbers = np.zeros(0, np.int64)
        self.model_of_account: Numbers = np.zeros(0, np.int64)
        self._numbers: dict[Leaf, int] = {}

    def numbers(self, leaves: Iterable[Leaf]) -> Numbers:
        """The numbers of leaves; new ones get the next."""
        found = np.fromiter((self._numbers.setdefault(leaf, len(self._numbers)) for leaf in leaves), np.int64)
        new = list(self._numbers)[len(self.keys) :]
        if new:
            self.keys += new
            models = [Model(leaf.model, leaf.provider) for leaf in new]
            self.tenant = _longer(self.tenant, [_number(self.tenants, leaf.tenant) for leaf in new])
            self.parent = _longer(self.parent, [_number(self.parents, leaf[:2]) for leaf in new])
            self.use = _longer(self.use, [_number(self.uses, leaf[:3]) for leaf in new])
            self.model = _longer(self.model, [_number(self.models, model) for model in models])
            self.account = _longer(
                self.account, [_number(self.accounts, (leaf.tenant, m)) for leaf, m in zip(new, models, strict=True)]
            )
            self.model_keys = list(self.models)
            self.account_keys = [Leaf(tenant, None, m.name, None, m.provider) for tenant, m in self.accounts]
            self.model_of_account = np.array([self.models[model] for _, model in self.accounts], np.int64)
        return found


def _number(numbers: dict[Key, int], key: Key) -> int:
    return numbers.setdefault(key, len(numbers))


def _longer(array: Numbers, values: list[int]) -> Numbers:
    return np.concatenate([array, np.array(values, np.int64)])

"""What cells and parts are of, and how far the lines of a bill tell that apart.

Accounts and models are told apart where every line of the provider names them, kinds of token and tiers where every
line about the same model and day does: a page about embeddings, which tells no tiers, takes none from the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

DIMENSIONS = ("account", "model", "kind", "tier")
_OF_ALL, _OF_MODELS = ("account", "model"), ("kind", "tier")
_Place = tuple[date | None, str | None]


class Key(NamedTuple):
    """What a cell or a part is of; None: all of them together."""

    day: date
    provider: str
    account: str | None = None
    model: str | None = None
    kind: str | None = None
    tier: str | None = None

    def only(self, dimensions: Collection[str]) -> Key:
        """With those dimensions alone."""
        kept = [getattr(self, name) if name in dimensions else None for name in DIMENSIONS]
        return Key(self.day, self.provider, *kept)


def key_of(row: Mapping[str, Any], kind: str | None) -> Key:
    """The full key of a row."""
    return Key(row["day"], row["provider"], row["account"], row["model"], kind, row["tier"])


@dataclass(frozen=True, slots=True)
class Grain:
    """Dimensions that lines name: ``shared`` all of them, ``own`` those of a model's day, of a model, of all models."""

    shared: frozenset[str]
    own: Mapping[_Place, frozenset[str]]

    def dimensions(self, day: date, model: str | None) -> frozenset[str]:
        """What is told of a model on a day; where no line is about it then, on all days, else of all models."""
        told = next((self.own[place] for place in self._places(day, model) if place in self.own), frozenset[str]())
        return self.shared | told

    def cut(self, key: Key) -> Key:
        """The key of what a line about it tells."""
        return key.only(self.dimensions(key.day, key.model))

    def _places(self, day: date | None, model: str | None) -> Iterator[_Place]:
        known = model if "model" in self.shared else None
        yield from ((day, known), (None, known), (None, None))

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]], kept: Collection[str], within: Grain | None = None) -> Grain:
        """Of lines, among the dimensions ``kept``; never finer than ``within``."""
        said = [(row["day"], row["model"], {name for name in DIMENSIONS if row[name] is not None}) for row in rows]
        shared = {name for name in _OF_ALL if said and name in kept and all(name in told for *_, told in said)}
        own: dict[_Place, frozenset[str]] = {}
        grain = cls(frozenset(shared & within.shared if within else shared), own)
        if within:
            said = [(day, model, told & within.dimensions(day, model)) for day, model, told in said]
            said += [(day, model, set(told)) for (day, model), told in within.own.items()]
        for day, model, told in said:
            for place in grain._places(day, model):
                own[place] = own.get(place, frozenset(_OF_MODELS)) & told
        return grain

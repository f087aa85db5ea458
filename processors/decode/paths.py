"""What the aliases of one key find inside its structured value, by their paths: most members are not there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from processors.conventions.table import MANY, Alias
from processors.decode import refusals, values, verdicts

MENTIONS: Mapping[str, Callable[[Any], bool]] = {
    verdicts.FIELD: verdicts.mentioned,
    refusals.FIELD: refusals.mentioned,
}
"""Fields that stand in long texts if they stand anywhere: what says quickly that they do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Aliases of one key, best first: all, by the member that their path leads through first, and the rest of them.

    ``whole``: those that verdicts have without a path.
    """

    aliases: tuple[Alias, ...]
    whole: tuple[Alias, ...]
    through: Mapping[str, tuple[Alias, ...]]
    elsewhere: tuple[Alias, ...]
    fields: frozenset[str]

    @staticmethod
    def of(aliases: Collection[Alias]) -> Paths:
        """Those of the aliases that have a path."""
        those = tuple(alias for alias in aliases if alias.path)
        begins = {alias.index: _first(alias) for alias in those}
        return Paths(
            aliases=those,
            whole=tuple(alias for alias in aliases if not alias.path and alias.field == verdicts.FIELD),
            through={
                name: tuple(alias for alias in those if begins[alias.index] == name)
                for name in filter(None, begins.values())
            },
            elsewhere=tuple(alias for alias in those if not begins[alias.index]),
            fields=frozenset(alias.field for alias in those),
        )

    def silent(self, value: Any) -> frozenset[str]:
        """Fields that the value tells nothing of."""
        return frozenset(name for name, mentioned in MENTIONS.items() if name in self.fields and not mentioned(value))

    def find(self, value: Any, silent: Collection[str]) -> Iterator[tuple[Alias, Any]]:
        """What is there of the other fields; of a structure that does not end, that it is cut."""
        if self.fields.issubset(silent):
            return
        parsed = values.structure(value)
        for alias in self._asked(parsed):
            if alias.field in silent:
                continue
            if parsed is not None:
                yield alias, values.follow(parsed, alias.path)
            elif alias.path[-1] == values.CUT and values.is_cut(value, alias.path[:-1]):
                yield alias, True

    def _asked(self, parsed: Any) -> Iterable[Alias]:
        """Those that a value can answer, best first."""
        if not isinstance(parsed, dict):
            return self.aliases
        there = [alias for name in parsed if name in self.through for alias in self.through[name]]
        return sorted((*self.elsewhere, *there), key=attrgetter("index"))


def _first(alias: Alias) -> str:
    """The member that the path leads through first; empty where it may be another, an item of a list or a sum.

    Empty too where the field is told many times: there is a group of it as soon as one asks.
    """
    first = alias.path[0]
    return "" if alias.field in MANY or first.isdigit() or set(first) & set("/+*") else first

"""Tags that a report is asked by and that no call has: what is asked is refused, entries of files are warned of."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from warehouse.allocation import Dimensions
    from warehouse.planning import Plans
    from warehouse.questions import Question
    from warehouse.questions.parameters import Value
    from warehouse.reader import Scope, WarehouseSnapshot

SPANS = frozenset({"spans", "corrected_spans"})


def check_tags(
    question: Question, values: Mapping[str, Value], scope: Scope, snapshot: WarehouseSnapshot, kept: Collection[str]
) -> None:
    """Raise BadQuestion of a tag in it that nobody has. ``kept``: the tags of the settings."""
    from warehouse.errors import BadQuestion
    from warehouse.tags import BILLED, named_tags, nobody_has

    tables = (*BILLED, "spans") if SPANS & question.reads.keys() else BILLED
    if said := nobody_has(snapshot, scope, named_tags(question.used(values)), kept, tables):
        raise BadQuestion(said)


def warn_of_tags(said: Dimensions, plans: Plans, snapshot: WarehouseSnapshot, kept: Collection[str]) -> None:
    """Say of each entry of the files that a report is made by, whose tag nobody has. ``kept`` as before."""
    from warehouse.reader import ALL
    from warehouse.tags import named_tags, nobody_has

    key_of = {level.name: level.key for level in said.levels}
    entries = {entry: named_tags(key_of.get(name, name) for name in names) for entry, names in _entries(said, plans)}
    if nobody_has(snapshot, ALL, set().union(*entries.values()), kept) is None:
        return
    for entry, tags in entries.items():
        if what := nobody_has(snapshot, ALL, tags, kept):
            print(f"warning: {entry}: {what}", file=sys.stderr)


def _entries(said: Dimensions, plans: Plans) -> Iterator[tuple[str, list[str]]]:
    """Entries of files and the dimensions that they name."""
    for kind, plan in (("budgets", plans.budgets), ("launches", plans.launches)):
        for one in plan:
            yield f"{kind}, {one.name!r}", [name for name, _ in one.of]
    for rule in said.rules:
        yield f"allocations, {rule.name!r}", [rule.to]

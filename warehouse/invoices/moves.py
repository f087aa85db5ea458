"""Why tokens differ: calls counted on another day or tier, booked later than the bill, missing, or counted otherwise.

Each step takes what it explains from ``Part.rest`` (theirs - ours); what a step moves away from one part arrives at
another one, so nothing is lost. The order: midnight, late rows, tiers; what is left is missing or counted otherwise.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from fractions import Fraction
from itertools import permutations

from warehouse.invoices.cells import Bill, Cell, Part
from warehouse.invoices.grain import Key

MISSING, EXTRA, TOKENS_DIFFER = "missing_traffic", "extra_traffic", "token_mismatch"
LATE, TIER = "late_rows", "tier"
_DAY = timedelta(days=1)
_NOTHING = Fraction(0)


def explain_tokens(bill: Bill) -> None:
    """All steps, over all parts of which the bill tells tokens."""
    told = {key: part for key, part in bill.parts.items() if part.theirs is not None}
    _move_midnight(bill.parts, told)
    for key, part in told.items():
        if not _has_all_calls(bill, key._replace(kind=None)):
            _take_late(part)
    _move_tiers(told.values())
    groups: dict[Key, list[Part]] = defaultdict(list)
    for key, part in told.items():
        groups[key._replace(kind=None)].append(part)
    for key, parts in groups.items():
        _judge(bill, key, parts)


def _move_midnight(every: dict[Key, Part], told: dict[Key, Part]) -> None:
    """Between a day and the next: opposite differences, as far as our calls beside that midnight go.

    At either end of the bill, where the other day is not on it: as far as our calls across that midnight go.
    """
    for key in sorted(told, key=lambda key: key.day):
        here, after = told[key], every.get(key._replace(day=key.day + _DAY))
        if after is not None and after.theirs is not None:
            _swap(here, after, LATE, (after.early, here.last))
        elif after is not None:
            _take(here, LATE, min(max(here.rest, _NOTHING), Fraction(after.crossed)))
        before = every.get(key._replace(day=key.day - _DAY))
        if before is None or before.theirs is None:
            _take(here, LATE, -min(max(-here.rest, _NOTHING), Fraction(here.crossed)))


def _take_late(part: Part) -> None:
    """What was booked after the bill was made, as far as the bill lacks it (or has it, where it was taken back)."""
    if part.late > 0 > part.rest:
        _take(part, LATE, -min(-part.rest, Fraction(part.late)))
    elif part.late < 0 < part.rest:
        _take(part, LATE, min(part.rest, Fraction(-part.late)))


def _move_tiers(parts: Iterable[Part]) -> None:
    """Between tiers of the same day, account, model and kind."""
    groups: dict[Key, list[Part]] = defaultdict(list)
    for part in parts:
        groups[part.key._replace(tier=None)].append(part)
    for group in groups.values():
        ordered = sorted(group, key=lambda part: str(part.key.tier))
        for one in ordered:
            for other in ordered:
                if one is not other:
                    _swap(one, other, TIER, (abs(other.rest), abs(other.rest)))


def _swap(one: Part, other: Part, cause: str, bounds: tuple[int | Fraction, int | Fraction]) -> None:
    """Give opposite rests a cause: ``bounds`` are the most that moves from ``other`` to ``one``, and back."""
    to_one, to_other = bounds
    if one.rest > 0 > other.rest:
        moved = min(one.rest, -other.rest, Fraction(to_one))
    elif one.rest < 0 < other.rest:
        moved = -min(-one.rest, other.rest, Fraction(to_other))
    else:
        return
    _take(one, cause, moved)
    _take(other, cause, -moved)


def _take(part: Part, cause: str, tokens: Fraction) -> None:
    if tokens:
        part.taken[cause] += tokens


def _judge(bill: Bill, key: Key, parts: list[Part]) -> None:
    """What is left: of a direction that whole calls are missing in, as much as it lacks altogether; else miscounted."""
    families = [family for is_output in (False, True) if (family := _used(parts, is_output=is_output))]
    verdict = _verdict(bill, key, parts, [sum((part.rest for part in family), _NOTHING) for family in families])
    for family in families:
        net = sum((part.rest for part in family), _NOTHING)
        agreeing = [part for part in family if part.rest * net > 0] if verdict != TOKENS_DIFFER else []
        share = net / sum((part.rest for part in agreeing), _NOTHING) if agreeing else _NOTHING
        for part in agreeing:
            _take(part, verdict, part.rest * share)
        for part in family:
            _take(part, TOKENS_DIFFER, part.rest)


def _used(parts: list[Part], *, is_output: bool) -> list[Part]:
    """Those of one direction that one of the sides has."""
    found = [part for part in parts if str(part.key.kind).endswith("output") == is_output]
    return found if any(part.ours or part.theirs for part in found) else []


def _verdict(bill: Bill, key: Key, parts: list[Part], nets: list[Fraction]) -> str:
    """Whole calls are missing, on one side or the other, where all directions that calls have lack tokens there.

    Not so where both sides count as many calls, or where calls of ours tell no tokens.
    """
    is_counted = _has_all_calls(bill, key) and not any(part.taken for part in parts)
    if is_counted or bill.without_usage.get(key):
        return TOKENS_DIFFER
    if not any(part.ours for part in parts) or (nets and min(nets) > 0):
        return MISSING
    if not any(part.theirs for part in parts) or (nets and max(nets) < 0):
        return EXTRA
    return TOKENS_DIFFER


def _has_all_calls(bill: Bill, key: Key) -> bool:
    """Whether both sides count as many calls."""
    return bill.requests.get(key) == bill.calls.get(key, 0)


def move_costs(cells: Sequence[Cell]) -> None:
    """Late rows and tiers of cells of which the bill has costs alone.

    Between tiers of the same day, account, model and kind, where one side has no cost at one of them: as many tokens as
    both what one has more and what the other has less come to, each at its tier's price. Where that is all of one kind,
    what is left of others that moved along is the tier too: it has another price than we know.
    """
    groups: dict[Key, list[Cell]] = defaultdict(list)
    moved: dict[tuple[Key, str | None], list[tuple[Cell, Cell]]] = defaultdict(list)
    for cell in cells:
        late = sum((part.late_cost for part in cell.parts), _NOTHING)
        if late > 0 > cell.rest:
            cell.causes[LATE] -= min(late, -cell.rest)
        if cell.key.tier is not None and cell.price():
            groups[cell.key._replace(tier=None)].append(cell)
    for group in groups.values():
        for more, less in permutations(group, 2):
            if more.rest > 0 > less.rest and (not more.ours or not less.theirs):
                _swap_costs(more, less)
                moved[more.key._replace(kind=None), less.key.tier].append((more, less))
    for pairs in moved.values():
        if any(_is_explained(more) and _is_explained(less) for more, less in pairs):
            for cell in (one for more, less in pairs if not more.ours for one in (more, less)):
                cell.causes[TIER] += cell.rest


def _is_explained(cell: Cell) -> bool:
    return abs(cell.rest) <= cell.tolerance


def _swap_costs(more: Cell, less: Cell) -> None:
    dear, cheap = more.price() or _NOTHING, less.price() or _NOTHING
    tokens = min(more.rest / dear, -less.rest / cheap)
    more.causes[TIER] += tokens * dear
    less.causes[TIER] -= tokens * cheap

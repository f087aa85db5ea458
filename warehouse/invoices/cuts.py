"""By what answers of an API are grouped: two that cut the same day otherwise tell the same charges twice.

Costs by line item and costs by project and line item have no result in common by name, and each has all of a day. So of
the files of a run one of them is refused; what is imported already is held against a newer file by its lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from warehouse.invoices.files import BadInvoice, Bill


def refuse_other_cuts(bills: Sequence[Bill]) -> None:
    """Raises BadInvoice where two answers about a day are grouped by other things; it says what to change."""
    told: dict[object, tuple[str, frozenset[str]]] = {}
    for bill in bills:
        for (day, about, _), names in bill.reading.cuts.items():
            other, before = told.setdefault((bill.reading.format, day, about), (bill.name, frozenset(names)))
            if names != before:
                raise BadInvoice(
                    f"{bill.name} tells of {day} {_by(names)} and {other} {_by(before)}, so each has all charges: give "
                    "one of them (what is grouped by more tells more), or say --overlap add where they are parts of "
                    "the bill, of other projects or workspaces"
                )


def _by(names: Iterable[str]) -> str:
    return f"grouped by {', '.join(sorted(names))}" if names else "as a whole"

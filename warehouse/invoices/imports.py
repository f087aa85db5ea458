"""Lines of bills into the table ``invoices``: a file counts once, however often it is given.

Each file is one commit under an app-transaction named by its sha256. What was imported stays; where files of two runs
tell of the same provider, account and day in the same format, or of the same charges in two, ``overlap`` must say
whether the later one is a newer export of the same (``replace``) or another part (``add``): counting both, or neither,
would be a guess about money. A newer export replaces all days that it covers, those without lines too: from the first
to the last day that it is about as its pages say it, that it has lines of, or that ``covers`` says. What only counts (a
usage report) and what costs go together. Files of one run are parts of one bill in one format; in two, ``add`` must say
so. A file that is imported is one again where ``covers`` says more than it was then taken for: it replaces itself too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import duckdb
import pyarrow as pa

from warehouse.instance import share
from warehouse.invoices.cuts import refuse_other_cuts
from warehouse.invoices.files import BadInvoice, Bill
from warehouse.invoices.line import Line, Refused
from warehouse.invoices.twice import Twice, once_each
from warehouse.invoices.values import last_place, to_picos
from warehouse.lake import Lake
from warehouse.lake.snapshot import Snapshot
from warehouse.questions.question import read_part
from warehouse.relations import expose
from warehouse.schemas import INVOICES
from warehouse.scope import ALL
from warehouse.settings import LakeSettings

APP = "invoices"
OVERLAPS = ("refuse", "replace", "add")

_ALIKE = """newer.provider = i.provider AND newer.day = i.day AND coalesce(newer.account = i.account, true)
        AND (newer.format = i.format
            OR (newer.charge = i.charge AND (newer.cost_usd IS NULL) = (i.cost_usd IS NULL)))"""
"""Whether two lines cannot both count unless somebody says so: of one format, or costs (or counts) of one charge."""

COUNTING = f"WITH {read_part('counting.sql')} FROM counting"
"""Lines of the relation ``invoices`` that count: those that no later run has replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """How files are imported: ``rates`` are USD for one of a currency, ``made_at`` when the bills were made.

    ``covers``: first and last UTC day that newer exports are about, where they do not say it all themselves.
    """

    now: datetime
    made_at: datetime | None
    overlap: str
    rates: Mapping[str, Decimal]
    covers: tuple[date, date] | None = None


def check_currencies(bill: Bill, rates: Mapping[str, Decimal]) -> list[Refused]:
    """Lines in a currency that nobody gave a rate for."""
    return [
        Refused(
            row=line.row,
            reason="another_currency",
            what=f"currency {line.currency!r}: give its rate, --rate {line.currency or 'EUR'}=1.08 (USD for one)",
        )
        for line in bill.reading.lines
        if line.amount is not None and (line.currency or "").upper() not in ("USD", *rates)
    ]


def as_rows(bill: Bill, how: Import) -> pa.Table:
    """The lines of a bill in ``INVOICES``. Raises BadInvoice where it says nothing of what is reconciled."""
    lines = bill.reading.lines
    amounts = [line.amount for line in lines if line.amount is not None]
    place = last_place(amounts)
    covers = _covers(bill, how)
    rows = [_row(line, bill, how, place) | covers for line in lines]
    if not rows:
        raise BadInvoice(f"{bill.name}: {_nothing_in(bill)}")
    return pa.Table.from_pylist(rows, schema=INVOICES)


def _nothing_in(bill: Bill) -> str:
    left = ", ".join(f"{count} about {reason}" for reason, count in bill.reading.left_out.items())
    return f"no row is about tokens or AI services ({left})" if left else "there is no row in it to import"


def _covers(bill: Bill, how: Import) -> dict[str, date]:
    """The columns of the days that a newer export replaces; none where it is none."""
    days = [line.charged_at.date() for line in bill.reading.lines]
    if how.overlap != "replace" or not days:
        return {}
    days += [*(bill.reading.covers or ()), *(how.covers or ())]
    return {"covers_from": min(days), "covers_to": max(days)}


def _row(line: Line, bill: Bill, how: Import, place: Decimal) -> dict[str, object]:
    rate = Decimal(1) if (line.currency or "USD").upper() == "USD" else how.rates[(line.currency or "").upper()]
    return {
        "day": line.charged_at.date(),
        "charged_at": line.charged_at,
        "provider": line.provider,
        "account": line.account,
        "model": line.model,
        "token_kind": line.kind,
        "tier": line.tier,
        "charge": line.charge,
        "unit": line.unit,
        "quantity": None if line.quantity is None else to_picos(line.quantity),
        "cost_usd": None if line.amount is None else to_picos(line.amount * rate),
        "amount": None if line.amount is None else to_picos(line.amount),
        "currency": (line.currency or "USD").upper() if line.amount is not None else None,
        "rounded_to_usd": None if line.amount is None else to_picos(place * rate),
        "item": line.item,
        "format": bill.reading.format,
        "file": bill.name,
        "sha256": bill.sha256,
        "row": line.row,
        "made_at": how.made_at or how.now,
        "imported_at": how.now,
        "replaces": how.overlap == "replace",
        "charged_until": line.until,
        "identity": line.identity,
        "stated": line.stated,
    }


def import_bills(settings: LakeSettings, snapshot: Snapshot, bills: Sequence[Bill], how: Import) -> dict[str, int]:
    """Append what the lake does not have; gives lines by file, 0 for one that it has.

    Raises BadInvoice before anything is written where files overlap with what is imported, or two formats, or the same
    charges told otherwise, with each other, and nobody says how.
    """
    with share(settings) as connection:
        expose(connection, snapshot, "invoices", ALL)
        new = find_new(connection, bills, how)
        if how.overlap == "refuse":
            for bill in bills:
                if bill.sha256 in new:
                    _refuse_overlap(connection, bill, new[bill.sha256])
        if how.overlap != "add":
            refuse_other_cuts(bills)
            _refuse_twice(connection, bills, new)
        new, _ = once_each(connection, new, _beside(how))
    lake = Lake.open(settings)
    written = dict.fromkeys((bill.name for bill in bills), 0)
    for bill in bills:
        rows = new.get(bill.sha256)
        if rows and lake.append_once("invoices", rows, _app(bill, how), 1):
            written[bill.name] = rows.num_rows
    return written


def find_twice(settings: LakeSettings, snapshot: Snapshot, bills: Sequence[Bill], how: Import) -> list[Twice]:
    """What of these files is told twice. Raises BadInvoice as the import does."""
    with share(settings) as connection:
        expose(connection, snapshot, "invoices", ALL)
        return once_each(connection, find_new(connection, bills, how), _beside(how))[1]


def _beside(how: Import) -> str | None:
    return f"({COUNTING})" if how.overlap == "add" else None


def find_new(connection: duckdb.DuckDBPyConnection, bills: Sequence[Bill], how: Import) -> dict[str, pa.Table]:
    """Rows by sha256 of the files that the view ``invoices`` does not have. Raises BadInvoice."""
    first, last = how.covers or (None, None)
    known = connection.execute(
        "SELECT DISTINCT sha256 FROM invoices WHERE $1::DATE IS NULL OR (covers_from <= $1 AND covers_to >= $2)",
        [first, last],
    ).fetchall()
    return {bill.sha256: as_rows(bill, how) for bill in bills if (bill.sha256,) not in known}


def _app(bill: Bill, how: Import) -> str:
    return "/".join([APP, bill.sha256, *map(str, how.covers or ())])


def _refuse_overlap(connection: duckdb.DuckDBPyConnection, bill: Bill, rows: pa.Table) -> None:
    found = _find_alike(connection, rows, f"({COUNTING})")
    if found:
        raise BadInvoice(
            f"{bill.name} tells of {found[1]} as {found[0]} does, which is imported: say --overlap replace where "
            "it is a newer export of the same, --overlap add where it is another part of the bill"
        )


def _refuse_twice(connection: duckdb.DuckDBPyConnection, bills: Sequence[Bill], new: Mapping[str, pa.Table]) -> None:
    """Of the files of one run, two formats of the same."""
    for place, bill in enumerate(bills):
        before = [new[one.sha256] for one in bills[:place] if one.sha256 in new]
        others = [rows for rows in before if rows["format"][0].as_py() != bill.reading.format]
        if bill.sha256 not in new or not others:
            continue
        connection.register("beside", pa.concat_tables(others))
        found = _find_alike(connection, new[bill.sha256], "beside")
        connection.unregister("beside")
        if found:
            raise BadInvoice(
                f"{bill.name} tells of {found[1]} as {found[0]} does in another format: give one of them, or say "
                "--overlap add where they are parts of the bill"
            )


def _find_alike(connection: duckdb.DuckDBPyConnection, rows: pa.Table, among: str) -> tuple[str, date] | None:
    """The file and the first day of lines that are like some of ``rows``."""
    connection.register("arriving", rows)
    found: list[tuple[str, date]] = connection.execute(
        f"SELECT i.file, i.day FROM {among} AS i SEMI JOIN arriving AS newer ON {_ALIKE} ORDER BY i.day, i.file LIMIT 1"  # noqa: S608 - our own text
    ).fetchall()
    connection.unregister("arriving")
    return found[0] if found else None

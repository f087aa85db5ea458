"""What a newer export of the same replaces of the bills that are imported, and what of them stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from warehouse.instance import share
from warehouse.invoices.files import Bill
from warehouse.invoices.imports import COUNTING, Import, find_new
from warehouse.lake.snapshot import Snapshot
from warehouse.relations import expose
from warehouse.scope import ALL
from warehouse.settings import LakeSettings

_FOUND = f"""
WITH reach AS (
    SELECT
        provider, min(coalesce(covers_from, day)) AS first_day, max(coalesce(covers_to, day)) AS last_day
    FROM arriving
    GROUP BY provider
),
after AS (
    WITH invoices AS (FROM imported UNION ALL BY NAME FROM arriving)
    FROM ({COUNTING})
),
older AS (
    SELECT
        i.file, i.sha256, i.imported_at, i.day,
        NOT EXISTS (
            FROM after WHERE (after.sha256, after.row, after.imported_at) = (i.sha256, i.row, i.imported_at)
        ) AS is_replaced,
        i.day NOT BETWEEN r.first_day AND r.last_day AS is_outside
    FROM ({COUNTING}) AS i
    JOIN reach AS r ON r.provider = i.provider
)
SELECT
    file,
    count(*) FILTER (is_replaced) AS replaced,
    min(day) FILTER (is_replaced) AS replaced_from,
    max(day) FILTER (is_replaced) AS replaced_to,
    count(*) FILTER (NOT is_replaced AND is_outside) AS outside,
    min(day) FILTER (NOT is_replaced AND is_outside) AS outside_from,
    max(day) FILTER (NOT is_replaced AND is_outside) AS outside_to,
    count(*) FILTER (NOT is_replaced AND NOT is_outside) AS others
FROM older
GROUP BY file, sha256, imported_at
HAVING bool_or(is_replaced)
ORDER BY imported_at, file
"""  # noqa: S608 - our own text


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """A file of which lines are replaced. Days are the first and the last of the lines; None where there is no line.

    ``outside``: lines that go on counting as they are of days before or after those that the newer files cover;
    ``others``: between them, but of accounts or charges that the newer files do not have.
    """

    file: str
    replaced: int
    replaced_from: date
    replaced_to: date
    outside: int
    outside_from: date | None
    outside_to: date | None
    others: int


def find_replaced(
    settings: LakeSettings, snapshot: Snapshot, bills: Sequence[Bill], how: Import
) -> list[Replacement] | None:
    """What would be replaced were these files imported; None where they are no newer export, or imported already.

    Raises BadInvoice as the import does.
    """
    if how.overlap != "replace":
        return None
    with share(settings) as connection:
        expose(connection, snapshot, "invoices", ALL)
        new = [*find_new(connection, bills, how).values()]
        if not new:
            return None
        connection.register("arriving", pa.concat_tables(new))
        connection.execute("CREATE TEMP VIEW imported AS FROM invoices")  # by this name where `invoices` are all
        rows = connection.sql(_FOUND).to_arrow_table().to_pylist()
        connection.unregister("arriving")
    return [Replacement(**row) for row in rows]

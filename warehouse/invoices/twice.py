"""Rows of bills that are given twice: pages and files that overlap, equal rows of a file.

Who names rows (the APIs by what they group by, AWS by line item) means one charge by one name. Told again with the same
numbers it counts once; told with other numbers in another file of a run, somebody must say which one holds. Rows of
tables that name none (FOCUS, generic, CUR without ``identity_line_item_id``) count each, as two equal ones may be two
charges, and are told; a file of which all lines stand in another one of the run is the same bill in another form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

import duckdb
import pyarrow as pa

from warehouse.invoices.files import BadInvoice

_NAME = "format, identity, charged_at, charged_until, charge, token_kind, unit"
_TOLD = f"""
SELECT
    place, number, file, row, cost_usd, identity IS NOT NULL AS is_named,
    first_value(file) OVER same AS other, first_value(row) OVER same AS other_row
FROM lines
WHERE coalesce(identity, stated) IS NOT NULL
WINDOW same AS (
    PARTITION BY {_NAME}, if(identity IS NULL, stated, NULL), quantity, amount, currency ORDER BY place, number
)
QUALIFY row_number() OVER same > 1 AND place > 0
ORDER BY place, number
"""  # noqa: S608 - our own text
_OTHERWISE = f"""
SELECT arg_max(file, place), min(day), arg_min(file, place)
FROM lines
WHERE identity IS NOT NULL
GROUP BY {_NAME}
HAVING count(DISTINCT sha256) > 1
ORDER BY ALL LIMIT 1
"""  # noqa: S608 - our own text
_WHAT = "format, provider, account, model, token_kind, tier, charge, unit"
_CROSSING = f"""
WITH period AS (
    SELECT DISTINCT place, file, day, charged_at, charged_until, hash({_WHAT}) AS what
    FROM lines WHERE token_kind IS DISTINCT FROM 'other' AND charged_until IS NOT NULL
)
SELECT b.file, b.day, a.file
FROM period AS a
JOIN period AS b
    ON a.what = b.what AND a.day = b.day AND a.place < b.place
    AND a.charged_at < b.charged_until AND b.charged_at < a.charged_until
    AND (a.charged_at <> b.charged_at OR a.charged_until <> b.charged_until)
ORDER BY ALL LIMIT 1
"""  # noqa: S608 - our own text
_SAME_BILL = f"""
WITH line AS (
    SELECT
        place, file, what,
        count(*) OVER (PARTITION BY place) AS of_file, row_number() OVER (PARTITION BY place, what) AS nth
    FROM (
        SELECT place, file, hash({_WHAT}, quantity, amount, currency, charged_at, charged_until, item) AS what
        FROM lines WHERE identity IS NULL
    )
)
SELECT any_value(b.file), any_value(a.file)
FROM line AS a
JOIN line AS b ON a.what = b.what AND a.nth = b.nth AND a.place < b.place
GROUP BY a.place, b.place
HAVING count(*) = least(any_value(a.of_file), any_value(b.of_file))
ORDER BY ALL LIMIT 1
"""  # noqa: S608 - our own text


@dataclass(frozen=True, slots=True, kw_only=True)
class Twice:
    """Lines of a file that stand in another one, or in itself, before.

    ``is_dropped``: they are named, so they count once. ``row other_row``: where the first of them stands; ``usd``: what
    they cost, None where they count only.
    """

    file: str
    other: str
    is_dropped: bool
    lines: int
    row: int
    other_row: int
    usd: Decimal | None


def once_each(
    connection: duckdb.DuckDBPyConnection, new: Mapping[str, pa.Table], imported: str | None
) -> tuple[dict[str, pa.Table], list[Twice]]:
    """Rows by sha256 without named lines that stand before, and what was found twice.

    ``imported``: SQL of the lines that count already beside the new ones; None: new ones replace them, and the files
    are refused where they tell the same charges otherwise. Raises BadInvoice.
    """
    if not new:
        return {}, []
    _register(connection, new, imported)
    if imported is None:
        _refuse_same(connection)
    told = connection.sql(_TOLD).to_arrow_table().to_pylist()
    dropped = {(one["place"], one["number"]) for one in told if one["is_named"]}
    connection.register("dropped", _places(dropped))
    connection.execute(
        "DELETE FROM lines USING dropped WHERE (lines.place, lines.number) = (dropped.place, dropped.number)"
    )
    found = connection.sql(_OTHERWISE).fetchall() if imported is None else []
    connection.execute("DROP TABLE lines")
    if found:
        _refuse(found[0], "otherwise: give the newer one alone")
    rows = {
        sha256: table.filter(pa.array([(place, number) not in dropped for number in range(len(table))], pa.bool_()))
        for place, (sha256, table) in enumerate(new.items(), start=1)
    }
    return rows, _sum_up(told)


def _register(connection: duckdb.DuckDBPyConnection, new: Mapping[str, pa.Table], imported: str | None) -> None:
    """Make the table ``lines``; ``place``: of the file in the run, 0 = imported; ``number``: of the line in it."""
    tables = [
        table.append_column("place", pa.repeat(pa.scalar(place, pa.int64()), len(table))).append_column(
            "number", pa.array(range(len(table)), pa.int64())
        )
        for place, table in enumerate(new.values(), start=1)
    ]
    connection.register("arriving", pa.concat_tables(tables))
    before = f"SELECT *, 0 AS place, 0 AS number FROM {imported} UNION ALL BY NAME " if imported else ""  # noqa: S608 - our own text
    connection.execute(f"CREATE TEMP TABLE lines AS {before} FROM arriving")
    connection.unregister("arriving")


def _places(keys: set[tuple[int, int]]) -> pa.Table:
    ordered = sorted(keys)
    names = ("place", "number")
    return pa.table({name: pa.array([key[at] for key in ordered], pa.int64()) for at, name in enumerate(names)})


def _refuse_same(connection: duckdb.DuckDBPyConnection) -> None:
    for found in connection.sql(_CROSSING).fetchall():
        _refuse(found, "by other spans of time (hours beside days): give one of them")
    for file, other in connection.sql(_SAME_BILL).fetchall():
        raise BadInvoice(
            f"all lines of {file} stand in {other} or the other way round: give one of them where they are the same "
            "bill in two forms, or say --overlap add where they are parts of the bill"
        )


def _refuse(found: Sequence[object], how: str) -> NoReturn:
    file, day, other = found
    raise BadInvoice(
        f"{file} tells of {day} as {other} does, but {how}, or say --overlap add where they are parts of the bill"
    )


def _sum_up(told: Sequence[Mapping[str, Any]]) -> list[Twice]:
    groups: dict[tuple[str, str, bool], list[Mapping[str, Any]]] = {}
    for one in told:
        groups.setdefault((one["file"], one["other"], one["is_named"]), []).append(one)
    return [
        Twice(
            file=file,
            other=other,
            is_dropped=is_named,
            lines=len(some),
            row=some[0]["row"],
            other_row=some[0]["other_row"],
            usd=sum(costs, Decimal(0))
            if (costs := [one["cost_usd"] for one in some if one["cost_usd"] is not None])
            else None,
        )
        for (file, other, is_named), some in groups.items()
    ]

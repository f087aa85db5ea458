"""The statements of the rules on a connection that stays: each thread has one, its tables are made once.

A statement runs when one of the things that it looks at is there; else its table stays empty, as it would have come
out. ``_NEEDS`` says what: other tables, or a word of ``Doubt.why``.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TypeVar

import duckdb
import polars as pl
import pyarrow as pa

from warehouse.families import WORDS

RULES = ("given", "records", "providers", "lineage", "wrappers", "responses", "splits", "twins", "verdicts", "sources")
"""The files of the rules, in the order in which they build on each other."""

Found = TypeVar("Found")

_NEEDS: Mapping[str, tuple[str, ...]] = {
    "enclosed": ("nested",),
    "inside": ("enclosed",),
    "summed": ("inside",),
    "wrapper": ("inside",),
    "wrapped": ("wrapper",),
    "known_step": ("wrapped", "copied"),
    "leaf": ("known_step", "shared", "split", "twins"),
    "stands_for": ("known_step",),
    "worn": ("shared",),
    "named": ("shared", "twins"),
    "answered": ("shared",),
    "fetched": ("shared",),
    "told_once": ("split", "twins"),
    "split": ("split",),
    "spoken": ("twins",),
    "party": ("twins",),
    "met": ("party",),
    "odds": ("met",),
    "near": ("met",),
    "above": ("near",),
    "paired": ("near",),
    "twin": ("paired",),
    "successor": ("known_step", "answered", "split", "twin", "fetched"),
    "member": ("successor",),
    "told": ("successor",),
    "sum_told": ("told",),
    "merged": ("told",),
}
_RECORDS = ("usurped", "again")
_KNOWN = (*_RECORDS, "lineage", "inherited")
"""Tables that the judged rows need not: they stand once each, and their lineage is given."""

_TABLE = re.compile(r"CREATE TEMP TABLE (\w+) AS\s(.*)", re.DOTALL)


@cache
def read_sql(name: str) -> str:
    """The file of a rule."""
    return files("warehouse.once").joinpath(f"{name}.sql").read_text(encoding="utf-8")


@cache
def read_columns(names: tuple[str, ...]) -> list[str]:
    """The columns that the rules read."""
    words = set(re.findall(r"\w+", read_sql("given")))
    return [name for name in names if name in words]


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A connection with all tables of the rules, empty between two uses. ``tables``: in the order of the rules."""

    connection: duckdb.DuckDBPyConnection
    tables: tuple[str, ...]

    def judge(self, spans: pa.Table, lineage: pa.Table, why: Collection[str]) -> tuple[pl.DataFrame, ...]:
        """Tables ``verdict``, ``merged`` and ``member`` of spans that stand once each."""
        self.connection.register("spans", spans)
        self.connection.register("given_lineage", lineage)
        there = set(why)
        self._insert("lineage", "INSERT INTO lineage BY NAME FROM given_lineage", there)
        for table in self.tables:
            if table not in _KNOWN and (table not in _NEEDS or not there.isdisjoint(_NEEDS[table])):
                self._insert(table, f"EXECUTE fill_{table}", there)
        return self._take(there, ("verdict", "merged", "member"))

    def tell_records_apart(self, spans: pa.Table) -> tuple[pl.DataFrame, ...]:
        """Tables ``verdict`` of those that repeat another one, and ``usurped``, of spans whose ids stand again."""
        self.connection.register("spans", spans)
        there: set[str] = set()
        for table in (*_RECORDS, "verdict"):
            self._insert(table, f"EXECUTE fill_{table}", there)
        return self._take(there, ("verdict", "usurped"))

    def _insert(self, table: str, statement: str, there: set[str]) -> None:
        counted = self.connection.execute(statement).fetchone()
        if counted is None or counted[0]:
            there.add(table)

    def _take(self, there: Collection[str], wanted: Iterable[str]) -> tuple[pl.DataFrame, ...]:
        found = tuple(self.connection.sql(f"FROM {table}").pl() for table in wanted)
        for table in self.tables:
            if table in there:
                self.connection.execute(f"TRUNCATE {table}")
        self.connection.unregister("spans")
        return found


def with_book(spans: pa.Table, ask: Callable[[Book], Found]) -> Found:
    """Ask the thread's book, which is made where there is none; one that failed is not used again."""
    book = getattr(_ours, "book", None) or _make_book(spans.slice(0, 0))
    _ours.book = None
    found = ask(book)
    _ours.book = book
    return found


_ours = threading.local()


def begin() -> duckdb.DuckDBPyConnection:
    """A connection on which the files of the rules run, the first of them first."""
    connection = duckdb.connect()
    connection.execute("SET threads = 1; SET TimeZone = 'UTC'")
    for word in WORDS:
        connection.execute(f"CREATE MACRO {word}")
    return connection


def _make_book(spans: pa.Table) -> Book:
    """Tables have the types that their statements give."""
    connection = begin()
    connection.register("spans", spans)
    tables = []
    for name in RULES:
        for statement in connection.extract_statements(read_sql(name)):
            connection.execute(statement)
            if found := _TABLE.search(statement.query):
                table, query = found.groups()
                tables.append(table)
                connection.execute(f"PREPARE fill_{table} AS INSERT INTO {table} {query}")
    return Book(connection=connection, tables=tuple(tables))

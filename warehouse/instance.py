"""DuckDB instances: one of its own for long work, and one that all questions of a process share.

To start an instance costs 20 ms, as much as a question of a small lake; a connection to one that runs, with a database
in memory of its own, 2 ms. What a question makes goes with its database.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import tempfile
from collections.abc import Iterator

import duckdb

from warehouse import families
from warehouse.schemas import HISTOGRAM_GAMMA, HISTOGRAM_ZERO
from warehouse.settings import LakeSettings

_ESTIMATE = f"2.0 * pow({HISTOGRAM_GAMMA}, i) / ({HISTOGRAM_GAMMA} + 1.0)"

_LAST_OF_PERIOD = "(period + INTERVAL 1 MONTH)::TIMESTAMPTZ - INTERVAL 1 HOUR"
_LAST_CLOSED = f"least(greatest(closed_to - INTERVAL 1 HOUR, period::TIMESTAMPTZ), {_LAST_OF_PERIOD})"

WORDS = (
    *families.WORDS,
    f"bucket_value(i) AS if(i <= {HISTOGRAM_ZERO}, 0.0, {_ESTIMATE})",
    f"bucket_floor(i) AS if(i <= {HISTOGRAM_ZERO}, 0.0, pow({HISTOGRAM_GAMMA}, i - 1))",
    f"bucket_ceiling(i) AS if(i <= {HISTOGRAM_ZERO}, 0.0, pow({HISTOGRAM_GAMMA}, i))",
    "picodollars(usd) AS (usd * 1000000000000::DECIMAL(13, 0))::HUGEINT",
    "as_usd(picos) AS picos::DECIMAL(26, 0) * 0.000000000001::DECIMAL(12, 12)",
    "whole(picos, n) AS picos // n",
    "rounded(picos, n) AS whole(picos + sign(picos)::HUGEINT * whole(n, 2), n)",
    "part_of(picos, nth, n) AS whole(picos * nth, n) - whole(picos * (nth - 1), n)",
    "usd_per(usd, n) AS CASE WHEN n > 0 THEN as_usd(rounded(picodollars(usd), n::HUGEINT)) END",
    f"hour_booked(hour, period, closed_to) AS CASE WHEN period::TIMESTAMPTZ <= hour THEN hour ELSE {_LAST_CLOSED} END",
    "local_time(moment, zone) AS moment AT TIME ZONE zone",
    "instant(clock, zone) AS clock AT TIME ZONE zone",
)
"""Macros that questions share. A bucket of a histogram stands for ``bucket_value``, and holds what lies above its floor
and not above its ceiling. Money is divided in whole picodollars; it is NULL per nothing. ``part_of`` is the ``nth``
(from 1) of ``n`` even parts, which add up.

``hour_booked``: where a line of the books counts in reports: in the hour of its calls; where their month was closed
already, in the last hour that its settlement had closed, within the month ``period`` that it is booked in. So what a
closed month said stands, and months add up.
"""

_NUMBERS = itertools.count()


def connect(settings: LakeSettings) -> duckdb.DuckDBPyConnection:
    """An instance in memory, bounded, in UTC, that fetches no extensions; with ``WORDS``."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": f"{settings.query_memory_mib}MiB",
            "threads": settings.query_threads,
            "temp_directory": tempfile.gettempdir(),
        },
    )
    connection.execute("SET TimeZone = 'UTC'")
    for macro in WORDS:
        connection.execute(f"CREATE MACRO {macro}")
    return connection


@contextlib.contextmanager
def share(settings: LakeSettings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the instance that all who share these settings have: bounded together, each sees its own."""
    name = f"question_{next(_NUMBERS)}"
    connection = _begin(settings, name)
    try:
        yield connection
    finally:
        with contextlib.suppress(duckdb.Error):  # an instance that failed as a whole is not begun on again
            connection.execute(f"USE memory; DETACH {name}")
        connection.close()


def _begin(settings: LakeSettings, name: str) -> duckdb.DuckDBPyConnection:
    place = (os.getpid(), settings.query_memory_mib, settings.query_threads)
    try:
        return _enter(_instance(*place), name)
    except duckdb.Error:
        _instance.cache_clear()
        return _enter(_instance(*place), name)


def _enter(instance: duckdb.DuckDBPyConnection, name: str) -> duckdb.DuckDBPyConnection:
    connection = instance.cursor()
    connection.execute(f"SET TimeZone = 'UTC'; ATTACH ':memory:' AS {name}; SET search_path = '{name},memory'")
    return connection


@functools.lru_cache(maxsize=8)
def _instance(_process: int, query_memory_mib: int, query_threads: int) -> duckdb.DuckDBPyConnection:
    """One for each process, because threads do not survive a fork."""
    return connect(LakeSettings(query_memory_mib=query_memory_mib, query_threads=query_threads))

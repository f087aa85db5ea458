"""Questions share one DuckDB: each sees its own tables only, and a failure stays with who failed."""

from __future__ import annotations

import os
import threading

import duckdb
import pyarrow as pa
import pytest

from warehouse import instance
from warehouse.instance import share
from warehouse.settings import LakeSettings

HERE = LakeSettings(query_memory_mib=256, query_threads=1)


def test_who_asks_at_the_same_time_sees_nothing_of_the_other():
    with share(HERE) as one, share(HERE) as other:
        for connection, value in ((one, 1), (other, 2)):
            connection.register("held", pa.table({"x": [value]}))
            connection.execute("CREATE TABLE made AS FROM held; CREATE TEMP TABLE passing AS FROM made")
            connection.execute(f"CREATE VIEW seen AS FROM made; SET VARIABLE told = {value}")
        tables = ("held", "made", "passing", "seen")

        assert [one.sql(f"FROM {table}").fetchall() for table in tables] == [[(1,)]] * 4
        assert [other.sql(f"FROM {table}").fetchall() for table in tables] == [[(2,)]] * 4
        assert one.sql("SELECT getvariable('told')").fetchall() == [(1,)]


def test_nothing_stays_behind():
    with share(HERE) as connection:
        connection.execute("CREATE TABLE made AS SELECT 1 AS x; CREATE TEMP TABLE passing AS FROM made")

    with share(HERE) as connection:
        left = connection.sql("SELECT table_name FROM duckdb_tables()").fetchall()
        databases = connection.sql("SELECT count(*) FROM duckdb_databases() WHERE NOT internal").fetchall()

    assert (left, databases) == ([], [(2,)])  # that of the words, and our own


def test_a_question_that_fails_disturbs_no_other():
    def fail() -> None:
        with share(HERE) as connection:
            connection.sql("SELECT error('no')").fetchall()

    with share(HERE) as connection:
        connection.execute("CREATE TABLE made AS SELECT 1 AS x")
        with pytest.raises(duckdb.Error):
            fail()

        assert connection.sql("SELECT x, rounded(3::HUGEINT, 2::HUGEINT) FROM made").fetchall() == [(1, 2)]


def test_an_instance_that_is_broken_is_replaced():
    with share(HERE):
        pass
    instance._instance(os.getpid(), HERE.query_memory_mib, HERE.query_threads).close()

    with share(HERE) as connection:
        assert connection.sql("SELECT 1").fetchall() == [(1,)]


def test_many_threads_ask_at_once():
    answers: list[int] = []

    def ask(number: int) -> None:
        for _ in range(20):
            with share(HERE) as connection:
                connection.execute(f"CREATE VIEW seen AS SELECT {number} AS x")
                answers.extend(row[0] for row in connection.sql("FROM seen").fetchall())

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == sorted([*range(8)] * 20)


def test_other_bounds_are_another_instance():
    with share(HERE) as one, share(LakeSettings(query_memory_mib=64, query_threads=2)) as other:
        bounds = [
            connection.sql("SELECT current_setting('memory_limit'), current_setting('threads')").fetchall()
            for connection in (one, other)
        ]

    assert bounds == [[("256.0 MiB", 1)], [("64.0 MiB", 2)]]

"""Rows in, the same rows out: types, partitions, and how the files are laid out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from tests.warehouse.contents import assert_exactly_once, sent, stored
from tests.warehouse.fresh import open_lake
from tests.warehouse.samples import APP, NOON, flush_record, rows, span, stretch, usage
from warehouse.lake import Flush
from warehouse.schemas import COMMIT_ORDER, TABLES
from warehouse.settings import LakeSettings

EXAMPLES = {
    pa.string(): "text",
    pa.binary(): bytes(range(16)),
    pa.bool_(): True,
    pa.int32(): -(2**31),
    pa.int64(): 2**63 - 1,
    pa.float64(): 1 / 3,
    pa.decimal128(38, 12): Decimal("12345678901234567890123456.123456789012"),
    pa.timestamp("us", tz="UTC"): NOON + timedelta(microseconds=1),
    pa.date32(): NOON.date(),
}


def example(kind: pa.DataType) -> object:
    """A value of a type that loses something where anything is lost."""
    if pa.types.is_map(kind):
        return {"key": example(kind.item_type), "other": None}
    if pa.types.is_list(kind):
        return [example(kind.value_type)] * 2
    if pa.types.is_struct(kind):
        return {field.name: example(field.type) for field in kind}
    return EXAMPLES[kind]


def full_and_empty(table: str) -> pa.Table:
    """A row with a value in every column, and one with none but its day."""
    schema = TABLES[table].schema
    full = {field.name: example(field.type) for field in schema}
    return pa.Table.from_pylist([full, {"day": NOON.date()}], schema=schema)


def test_every_column_of_every_table_comes_back_as_it_was_sent(anywhere: LakeSettings):
    flush = Flush(ranges=(stretch(0, 1),), tables={table: {APP: full_and_empty(table)} for table in COMMIT_ORDER})

    open_lake(anywhere).commit(flush)

    assert_exactly_once(anywhere, flush)


def test_dictionary_columns_and_fixed_ids_are_taken_as_the_engine_makes_them(local: LakeSettings):
    plain = rows("spans", span(1, tenant="acme"), span(2, tenant=None), span(3, tenant="beta"))
    made = plain.set_column(
        plain.schema.get_field_index("tenant"),
        "tenant",
        pc.dictionary_encode(plain["tenant"]).cast(pa.dictionary(pa.uint16(), pa.large_string())),
    )
    made = made.set_column(made.schema.get_field_index("trace_id"), "trace_id", made["trace_id"].cast(pa.binary(16)))
    other = rows("spans", span(4, tenant="gamma"))  # another dictionary, in the same file

    ranges = (stretch(0, 3), stretch(0, 1, "cluster/topic/1"))
    open_lake(local).commit(Flush(ranges=ranges, tables={"spans": {APP: made, "cluster/topic/1": other}}))

    sent_plain = Flush(ranges=ranges, tables={"spans": {APP: plain, "cluster/topic/1": other}})
    assert stored(local, "spans") == sent([sent_plain], "spans")


def test_columns_may_come_in_any_order(local: LakeSettings):
    table = rows("usage", usage())
    shuffled = table.select(sorted(table.column_names))

    open_lake(local).commit(Flush(ranges=(stretch(0, 1),), tables={"usage": {APP: shuffled}}))

    assert len(stored(local, "usage")) == 1


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (lambda table: table.drop_columns(["calls"]), "columns missing, unknown or twice: .'calls'."),
        (lambda table: table.append_column("colour", pa.nulls(1)), "colour"),
        (lambda table: table.set_column(0, "day", pa.nulls(1, pa.date32())), "usage: 1 rows without a day"),
        (lambda table: table.set_column(2, "tenant", pa.array([b"\xff"])), "usage: "),
    ],
)
def test_rows_of_another_shape_are_a_mistake_and_nothing_of_them_is_written(
    broken: Callable[[pa.Table], pa.Table], reason: str, local: LakeSettings
):
    lake = open_lake(local)

    with pytest.raises(ValueError, match=reason):
        lake.commit(Flush(ranges=(stretch(0, 1),), tables={"usage": {APP: broken(rows("usage", usage()))}}))

    assert lake.next_offsets([APP])[APP] == dict.fromkeys(COMMIT_ORDER)


def test_each_day_is_a_file_of_its_own_with_its_ends_in_the_log(local: LakeSettings):
    late, early = datetime(2026, 3, 1, 23, 59, tzinfo=UTC), datetime(2026, 3, 2, 0, 1, tzinfo=UTC)
    calls = rows("usage", usage(minute=late), usage(minute=early), usage(minute=NOON))

    open_lake(local).commit(Flush(ranges=(stretch(0, 3),), tables={"usage": {APP: calls}}))

    log = pa.table(DeltaTable(f"{local.url}/usage").get_add_actions(flatten=True)).sort_by("partition.day")
    assert log.select(["partition.day", "num_records", "min.minute", "max.minute"]).to_pylist() == [
        {"partition.day": date(2026, 3, 1), "num_records": 2, "min.minute": NOON, "max.minute": late},
        {"partition.day": date(2026, 3, 2), "num_records": 1, "min.minute": early, "max.minute": early},
    ]


def test_a_flush_is_not_compressed_and_its_statistics_stand_where_questions_prune(local: LakeSettings):
    calls = rows("spans", *(span(n, user_id=f"user-{n}") for n in range(4)))
    open_lake(local).commit(Flush(ranges=(stretch(0, 4),), tables={"spans": {APP: calls}}))

    (path,) = Path(local.url, "spans").glob("day=*/*.parquet")
    group = pq.read_metadata(path).row_group(0)
    columns = {column.path_in_schema: column for column in map(group.column, range(group.num_columns))}

    assert {column.compression for column in columns.values()} == {"UNCOMPRESSED"}
    assert {columns[name].encodings[-1] for name in ("span_id", "user_id", "duration_ms")} == {"PLAIN"}
    assert columns["started_at"].encodings[-1] == "DELTA_BINARY_PACKED"
    assert columns["tenant"].has_dictionary_page
    assert [name for name, column in columns.items() if column.is_stats_set] == ["ended_at"]
    assert "day" not in columns


def test_a_file_of_many_rows_is_compressed_at_once(local: LakeSettings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("warehouse.lake.parquet.MOST_PASSING", 3)
    calls = rows("spans", *(span(n) for n in range(4)))

    open_lake(local).commit(Flush(ranges=(stretch(0, 4),), tables={"spans": {APP: calls}}))

    (path,) = Path(local.url, "spans").glob("day=*/*.parquet")
    group = pq.read_metadata(path).row_group(0)
    columns = {column.path_in_schema: column for column in map(group.column, range(group.num_columns))}
    assert columns["span_id"].compression == "UNCOMPRESSED"
    assert columns["span_id"].encodings[-1] == "DELTA_LENGTH_BYTE_ARRAY"
    assert columns["tenant"].compression == "ZSTD"


def test_costs_that_repeat_are_a_dictionary_and_others_are_not(local: LakeSettings):
    usd = [Decimal(n) / 1000 for n in range(40)]
    calls = rows("spans", *(span(n, input_cost_usd=one, output_cost_usd=Decimal(1)) for n, one in enumerate(usd)))

    open_lake(local).commit(Flush(ranges=(stretch(0, 40),), tables={"spans": {APP: calls}}))

    (path,) = Path(local.url, "spans").glob("day=*/*.parquet")
    group = pq.read_metadata(path).row_group(0)
    columns = {column.path_in_schema: column for column in map(group.column, range(group.num_columns))}
    has = {name: columns[name].has_dictionary_page for name in ("input_cost_usd", "output_cost_usd")}
    assert has == {"input_cost_usd": False, "output_cost_usd": True}
    assert pq.read_table(path)["input_cost_usd"].to_pylist() == usd


def test_files_with_and_without_nulls_and_with_any_dictionary_are_one_table_to_every_reader(local: LakeSettings):
    lake = open_lake(local)
    twice = pa.DictionaryArray.from_arrays([0, 1, 2, None], ["a", "b", "a"])  # holds a word twice
    unknown = pa.DictionaryArray.from_arrays([0, 1, 1, 1], pa.array(["a", None]))
    unused = pa.DictionaryArray.from_arrays([2, 2, 2, 2], ["x", "y", "b"])
    for number, tenant in enumerate((twice, unknown, unused)):
        made = rows("spans", *(span(4 * number + n, feature=None if number else "f") for n in range(4)))
        made = made.set_column(made.schema.get_field_index("tenant"), "tenant", tenant)
        lake.commit(Flush(ranges=(stretch(number, number + 1),), tables={"spans": {APP: made}}))

    paths = [str(path) for path in Path(local.url, "spans").glob("day=*/*.parquet")]
    by_duckdb = duckdb.read_parquet(paths).select("tenant", "feature").fetchall()
    by_polars = pl.scan_parquet(paths, hive_partitioning=False).select("tenant", "feature").collect().rows()
    delta = DeltaTable(f"{local.url}/spans").to_pyarrow_table(columns=["tenant", "feature"])

    expected = [("a", "f"), ("a", "f"), ("b", "f"), (None, "f"), ("a", None), *[(None, None)] * 3, *[("b", None)] * 4]
    for found in (by_duckdb, by_polars, [tuple(row.values()) for row in delta.to_pylist()]):
        assert sorted(found, key=str) == sorted(expected, key=str)


def test_a_file_has_the_words_of_its_own_day_in_its_dictionaries(local: LakeSettings):
    names = [f"tenant-{number:04}" for number in range(500)]
    later = NOON + timedelta(days=1)
    calls = [usage(tenant=name) for name in names] + [usage(tenant="acme", minute=later)]
    told = rows("usage", *calls)
    index = told.schema.get_field_index("tenant")
    as_dictionary = told.set_column(index, "tenant", told["tenant"].dictionary_encode())

    open_lake(local).commit(Flush(ranges=(stretch(0, 1),), tables={"usage": {APP: as_dictionary}}))

    (path,) = Path(local.url, "usage").glob(f"day={later.date()}/*.parquet")
    assert b"tenant-" not in path.read_bytes()
    assert pq.read_metadata(path).row_group(0).column(1).total_uncompressed_size < 100


def test_flushes_need_no_rows_of_other_tables(local: LakeSettings):
    part = stretch(0, 1)
    flush = Flush(ranges=(part,), tables={"flushes": {APP: rows("flushes", flush_record(part))}, "usage": {}})

    open_lake(local).commit(flush)

    assert_exactly_once(local, flush)

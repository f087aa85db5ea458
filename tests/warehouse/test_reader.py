"""Snapshots agree, scopes hold, and only the files that are needed are read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tests.warehouse.faults import away
from tests.warehouse.fresh import open_lake
from tests.warehouse.samples import APP, NOON, flush_of, flush_record, rows, span, stretch, usage
from tests.warehouse.steps import STEPS, at
from warehouse.errors import BadQuestion, LakeDamaged, LakeUnavailable
from warehouse.instance import connect
from warehouse.lake import Flush, Lake
from warehouse.questions import load_question, question_names
from warehouse.reader import ALL, Scope, Warehouse, WarehouseSnapshot
from warehouse.schemas.settled import LEDGER_AMOUNTS, LEDGER_COUNTS
from warehouse.settings import LakeSettings

OTHER = "cluster/topic/1"


def seen(snapshot: WarehouseSnapshot) -> tuple[int, int, int]:
    """Calls by the tables that a flush commits to second, fifth and last."""
    spend = snapshot.ask("spend", ALL, by=())["calls"][0].as_py()
    calls = snapshot.ask("calls", ALL, limit=10_000).num_rows
    flushed = snapshot.ask("status", ALL)["spans"][0].as_py()
    return spend, calls, flushed


def test_a_snapshot_taken_between_any_two_steps_of_a_commit_agrees_with_itself(local: LakeSettings):
    lake, warehouse = open_lake(local), Warehouse(local)
    lake.commit(flush_of(stretch(0, 3)))
    snapshots: dict[str, WarehouseSnapshot] = {}

    lake.commit(
        flush_of(stretch(3, 7), stretch(0, 2, OTHER)),
        on_step=lambda done: snapshots.update({done: warehouse.snapshot()}),
    )

    assert {step: seen(snapshot) for step, snapshot in snapshots.items()} == {
        step: (9, 9, 9) if step == "flushes committed" else (3, 3, 3) for step in STEPS
    }


def test_snapshots_beside_two_writers_agree_with_themselves(local: LakeSettings):
    open_lake(local)
    warehouse = Warehouse(local)

    def write(app_id: str) -> None:
        lake = Lake.open(local, create=False)
        for offset in range(0, 40, 4):
            lake.commit(flush_of(stretch(offset, offset + 4, app_id)))

    writers = [threading.Thread(target=write, args=(app_id,)) for app_id in (APP, OTHER)]
    for writer in writers:
        writer.start()
    looks = []
    while any(writer.is_alive() for writer in writers):
        looks.append(seen(warehouse.snapshot()))
    last = seen(warehouse.snapshot())

    assert all(spend == calls == flushed for spend, calls, flushed in looks)
    assert last == (80, 80, 80)


def test_the_streams_of_a_flush_that_died_are_seen_when_the_last_has_been_taken_up(local: LakeSettings):
    lake, warehouse = open_lake(local), Warehouse(local)
    with pytest.raises(InterruptedError):
        lake.commit(flush_of(stretch(0, 4), stretch(0, 2, OTHER)), on_step=at("usage committed", _die))
    successor = open_lake(local)

    dead = seen(warehouse.snapshot())
    successor.commit(flush_of(stretch(0, 4)))
    half = seen(warehouse.snapshot())
    successor.commit(flush_of(stretch(0, 2, OTHER)))

    assert (dead, half) == ((0, 0, 0), (0, 0, 0))
    assert seen(warehouse.snapshot()) == (6, 6, 6)


def _die() -> None:
    raise InterruptedError


def test_a_snapshot_stays_what_it_was(anywhere: LakeSettings):
    lake, warehouse = open_lake(anywhere), Warehouse(anywhere)
    lake.commit(flush_of(stretch(0, 3)))
    snapshot = warehouse.snapshot()

    lake.commit(flush_of(stretch(3, 5)))

    assert seen(snapshot) == (3, 3, 3)
    assert seen(warehouse.snapshot()) == (5, 5, 5)


def test_versions_differ_as_soon_as_anything_was_committed(local: LakeSettings):
    lake, warehouse = open_lake(local), Warehouse(local)
    before = warehouse.versions()

    assert warehouse.versions() == before
    lake.append_once("incidents", rows("incidents", {"event_id": "e", "recorded_at": NOON}), "alerts", 0)
    assert warehouse.versions() != before


@pytest.fixture(scope="module")
def empty_and_full(tmp_path_factory: pytest.TempPathFactory) -> tuple[WarehouseSnapshot, WarehouseSnapshot]:
    """A lake before its first flush and after it."""
    settings = LakeSettings(url=str(tmp_path_factory.mktemp("filled") / "lake"))
    lake, warehouse = open_lake(settings), Warehouse(settings)
    empty = warehouse.snapshot()
    lake.commit(flush_of(stretch(0, 3)))
    return empty, warehouse.snapshot()


@pytest.mark.parametrize("question", question_names())
def test_an_empty_lake_gives_empty_answers_with_the_columns_of_full_ones(
    question: str, empty_and_full: tuple[WarehouseSnapshot, WarehouseSnapshot]
):
    empty, full = (snapshot.ask(question, ALL) for snapshot in empty_and_full)

    assert empty.schema == full.schema
    assert empty.num_rows in (0, 1)  # one where the question is about the whole


ALLOWED: dict[Scope, set[str | None]] = {
    ALL: {"acme", "o'neill", None},
    frozenset({"acme"}): {"acme"},
    frozenset({"o'neill", None}): {"o'neill", None},
    frozenset({None}): {None},
    frozenset({"nobody"}): set(),
    frozenset(): set(),
}


def test_an_answer_holds_what_the_scope_allows(anywhere: LakeSettings):
    names = ("acme", "o'neill", None)
    calls = rows("usage", *(usage(tenant=name) for name in names))
    open_lake(anywhere).commit(Flush(ranges=(stretch(0, 3),), tables={"usage": {APP: calls}}))
    # a stream is visible once it stands in `flushes`, which this flush moves without a row

    warehouse = Warehouse(anywhere)

    told = {scope: set(warehouse.ask("spend", scope, by="tenant")["tenant"].to_pylist()) for scope in ALLOWED}

    assert told == ALLOWED


BILL = span(7, tenant="acme", cost_usd=None, price_status="unpriced_model", usage_semantics="as_is+some_rule")


PRICED = span(200, cost_usd=Decimal(1), price_status="priced", price_version="book")


def tell(lake: Lake, app_id: str, tenant: str | None, spans: int) -> None:
    """Commit one stream whose every table speaks of one tenant, at noon; and an incident of it."""
    part = stretch(0, spans, app_id)
    minute = {"minute": NOON, "tenant": tenant}
    sample = {"series": app_id, "tenant": tenant, "service": "meter", "model": "m", "token_type": "input"}
    told = {
        "usage": [
            usage(tenant=tenant, feature="chat", calls=spans, status="error", error_class="timeout"),
            usage(tenant=tenant, feature="chat", model="m"),
        ],
        "spans": [
            *(BILL | {"span_id": bytes([n] * 8), "tenant": tenant} for n in range(1, spans)),
            PRICED | {"trace_id": bytes([spans] * 16), "tenant": tenant},
            BILL | {"span_id": b"12345678", "tenant": tenant, "operation": "execute_tool", "billable": False},
        ],
        "safety": [minute | {"category": "pii", "action": "blocked", "events": spans, "checked_calls": 0}],
        "token_samples": [sample | {"sampled_at": NOON, "counted_since": NOON, "cumulative": True, "tokens": spans}],
        "gpu_samples": [
            {
                "sampled_at": NOON,
                "source": "vllm",
                "tenant": tenant,
                "model": "m",
                "model_server": app_id,
                "requests_running": spans,
            },
            {
                "sampled_at": NOON,
                "source": "dcgm",
                "tenant": tenant,
                "gpu_uuid": f"GPU-{app_id}",
                "memory_used_bytes": spans,
                "memory_total_bytes": 100,
            },
        ],
        "outcomes": [
            {"outcome_id": f"{app_id} {n}", "observed_at": NOON, "tenant": tenant, "name": "success", "score": 1.0}
            | {"trace_id": BILL["trace_id"]}
            for n in range(spans)
        ],
        "flushes": [
            flush_record(
                part, worker="host/1", dropped={"empty": spans}, hidden={"long_name": spans}, gap_messages=spans
            )
        ],
    }
    tables = {name: {app_id: rows(name, *records)} for name, records in told.items()}
    lake.commit(Flush(ranges=(part,), tables=tables))
    opened = {"event_id": app_id, "incident_id": app_id, "sequence": 0, "event": "opened", "tenant": tenant}
    event = opened | {"recorded_at": NOON, "opened_at": NOON, "feature": "chat"}
    lake.append_once("incidents", rows("incidents", event), app_id, 0)
    book(lake, app_id, tenant, spans)


def book(lake: Lake, app_id: str, tenant: str | None, calls: int) -> None:
    """What a settlement writes of the tenant's calls."""
    closed = {"hour": NOON, "settlement": 1, "close_id": "x", "tenant": tenant}
    amounts = dict.fromkeys(LEDGER_AMOUNTS, Decimal(0)) | {"cost_usd": Decimal(calls)}
    counts = dict.fromkeys(LEDGER_COUNTS, 0) | {"calls": calls, "priced_calls": calls}
    line = (
        closed
        | {"provider": "openai", "period": NOON.date().replace(day=1), "entry": "settled", "status": "ok"}
        | counts
        | amounts
    )
    task = closed | {"task": "T", "kind": "task", "spans": calls, "outcome": "success", "safe": "safe"}
    failed = line | {"status": "error", "error_class": "timeout", "priced_calls": 0, "cost_usd": Decimal(0)}
    lake.append_once("ledger", rows("ledger", line, failed), f"settle/{app_id}", 1)
    minute = {name: value for name, value in closed.items() if name != "hour"} | {"minute": NOON, "line": "used"}
    minute |= {
        "gpu": "g",
        "model": "m",
        "period": line["period"],
        "calls": calls,
        "input_tokens": calls,
        "output_tokens": 0,
    }
    minute |= {"time_us": calls, "priced_us": calls, "cost_usd": Decimal(calls)}
    lake.append_once("gpu_minutes", rows("gpu_minutes", minute), f"settle/{app_id}", 3)
    lake.append_once("tasks", rows("tasks", task), f"settle/{app_id}", 2)
    person = closed | {"user_id": "u", "calls": calls, "cost_usd": Decimal(calls)}
    lake.append_once("user_days", rows("user_days", person), f"settle/{app_id}", 4)
    found = closed | {"category": "pii", "action": "blocked", "events": calls, "checked_calls": 0}
    lake.append_once("safety_hours", rows("safety_hours", found), f"settle/{app_id}", 5)


def close(lake: Lake, settled_usd: int) -> None:
    """The settlement that makes all this count."""
    row = {"settlement": 1, "close_id": "x", "kind": "settle", "closed_at": NOON, "closed_to": NOON + timedelta(days=1)}
    row |= {"offsets": [], "settled_usd": Decimal(settled_usd)}
    lake.append_once("settlements", rows("settlements", row), "settle", 1)
    bill = {"charged_at": NOON, "provider": "openai", "unit": "tokens", "charge": "usage", "imported_at": NOON}
    lake.append_once("invoices", rows("invoices", bill | {"cost_usd": Decimal(18), "replaces": True}), "bill", 1)


@pytest.fixture(scope="module")
def shared_and_own(tmp_path_factory: pytest.TempPathFactory) -> tuple[WarehouseSnapshot, WarehouseSnapshot]:
    """A lake of acme and others, and one that differs from it only in that there are no others."""
    taken = []
    for name in ("shared", "own"):
        settings = LakeSettings(url=str(tmp_path_factory.mktemp(name) / "lake"))
        lake = open_lake(settings)
        tell(lake, APP, "acme", 2)
        if name == "shared":
            tell(lake, OTHER, "beta", 5)
            tell(lake, "cluster/topic/2", None, 11)
        close(lake, 18 if name == "shared" else 2)
        taken.append(Warehouse(settings).snapshot())
    return taken[0], taken[1]


def ask_at_noon(snapshot: WarehouseSnapshot, question: str, scope: Scope) -> list[dict[str, object]] | str:
    """The answer, or why there is none."""
    given: dict[str, object] = {"now": NOON} if "now" in {one.name for one in load_question(question).takes} else {}
    given |= {"trace_id": bytes(BILL["trace_id"]).hex()} if question == "trace" else {}
    try:
        return snapshot.ask(question, scope, **given).to_pylist()
    except BadQuestion as error:
        return str(error)


@pytest.mark.long
@pytest.mark.parametrize("question", question_names())
def test_what_a_tenant_is_told_does_not_depend_on_any_other(
    question: str, shared_and_own: tuple[WarehouseSnapshot, WarehouseSnapshot]
):
    shared, own = shared_and_own

    assert ask_at_noon(shared, question, frozenset({"acme"})) == ask_at_noon(own, question, frozenset({"acme"}))
    assert ask_at_noon(shared, question, ALL) != ask_at_noon(own, question, ALL)


@pytest.mark.parametrize("question", ["pipeline", "dead_letters", "hidden"])
def test_a_question_about_the_whole_deployment_is_refused_to_tenants(
    question: str, shared_and_own: tuple[WarehouseSnapshot, WarehouseSnapshot]
):
    with pytest.raises(BadQuestion, match=f"^{question} is about the whole deployment .*; ask without --tenant$"):
        shared_and_own[0].ask(question, frozenset({"acme"}))


@pytest.mark.parametrize("question", ["status", "integrity", "watermark"])
def test_columns_about_the_whole_deployment_are_unknown_to_tenants(
    question: str, shared_and_own: tuple[WarehouseSnapshot, WarehouseSnapshot]
):
    snapshot, whole = shared_and_own[0], load_question(question).whole

    (everything,) = snapshot.ask(question, ALL).to_pylist()
    (of_acme,) = snapshot.ask(question, frozenset({"acme"})).to_pylist()

    assert whole
    assert all(everything[name] is not None for name in whole)
    assert [of_acme[name] for name in whole] == [None] * len(whole)


def test_the_status_counts_the_spans_of_a_scope(shared_and_own: tuple[WarehouseSnapshot, WarehouseSnapshot]):
    scopes: list[Scope] = [ALL, frozenset({"acme"}), frozenset({"acme", None}), frozenset({"nobody"})]

    counted = [shared_and_own[0].ask("status", scope)["spans"].to_pylist() for scope in scopes]

    assert counted == [[18], [3], [15], [0]]


def test_a_tenant_that_is_no_text_is_refused(local: LakeSettings):
    open_lake(local)

    with pytest.raises(BadQuestion, match="names are UTF-8"):
        Warehouse(local).ask("spend", frozenset({"\udcff"}))


EDGES: dict[str, list[object]] = {
    "time": ["0001-01-01", "9999-12-31", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0000-01-01", "NaN"],
    "dimensions": [
        "",
        ",",
        "tags.\udcff",
        "tags.a\0b",
        "tags.A,tags.a",
        "tags." + "x" * 9999,
        "TENANT",
        7,
        float("nan"),
    ],
    "bucket": ["minute", "day", "century", 0, "\0"],
    "zone": [
        "UTC",
        "Factory",
        "localtime",
        "posix/UTC",
        "../UTC",
        "/etc/passwd",
        "Europe",
        "\0",
        "\udcff",
        "Asia/Kolkata",
    ],
    "filter": [
        "tenant=\0",
        "tenant=\udcff",
        "=",
        ",",
        "tags.a\0=x",
        {"tenant": "acme"},
        {"tenant": [1]},
        [],
        1.5,
        "tenant='",
    ],
    "state": ["OPEN", "", "\udcff", 1],
    "lines": ["IDLE", "", "used", "idle,,", "idle, unattributed", "\udcff", 1, ["idle"]],
    "text": ["", "\0", "\udcff", "'", "x" * 100_000, "NaN"],
    "whole": ["0", "-1", "9" * 18, "9" * 20, "9" * 5000, "1e3", "NaN", "٣", " 7 ", 2**63 - 1, 2**63, True, 1.5],
    "rate": ["0", "-1", "1e3", "1e-7", "NaN", "Infinity", "x", "", "9" * 5000, "1e999999999", True, 2.5, "\udcff", [1]],
    "seconds": ["0", "1", "31622400", "31622401", "9" * 20, "-5", "NaN"],
}


EDGES["hour"] = [*EDGES["time"], "2026-10-25T03:30:00Z", "2026-10-25T03:00:00.000001Z"]

ABOUT_THE_DEPLOYMENT = (
    "pipeline",
    "dead_letters",
    "hidden",
    "reconciliation",
)  # refused to tenants whatever the parameters are
ASKED = [(name, ALL) for name in question_names()] + [
    (name, frozenset({"acme"})) for name in question_names() if name not in ABOUT_THE_DEPLOYMENT
]


@pytest.mark.long
@pytest.mark.parametrize(("question", "scope"), ASKED, ids=[f"{n}-{'all' if s is ALL else 'acme'}" for n, s in ASKED])
def test_any_value_of_any_parameter_is_answered_or_refused_in_one_line(
    question: str, scope: Scope, shared_and_own: tuple[WarehouseSnapshot, WarehouseSnapshot]
):
    answered, refused = 0, []
    for parameter in load_question(question).takes:
        for value in EDGES[parameter.kind]:
            names = {one.name for one in load_question(question).takes}
            bucket = {"bucket": "day"} if parameter.kind == "zone" and "bucket" in names else {}
            try:
                answered += shared_and_own[0].ask(question, scope, **{parameter.name: value}, **bucket).num_columns > 0
            except BadQuestion as error:
                refused.append((parameter.name, str(error)))

    assert all(text.startswith(f"{name} = ") and "\n" not in text for name, text in refused)
    assert answered or not load_question(question).takes


def test_a_scope_is_required_and_is_no_list(local: LakeSettings):
    open_lake(local)
    warehouse = Warehouse(local)

    with pytest.raises(TypeError, match="scope"):
        warehouse.ask("spend")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="a scope is ALL or a frozenset"):
        warehouse.ask("spend", ["acme"])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a scope is ALL or a frozenset"):
        warehouse.ask("spend", None)  # type: ignore[arg-type]


def fill_days(settings: LakeSettings) -> None:
    """Three days with a call at noon each."""
    lake = open_lake(settings)
    for offset in range(3):
        at_ = NOON + timedelta(days=offset)
        part = stretch(offset, offset + 1)
        record = flush_record(part, flushed_at=at_)
        lake.commit(
            Flush(
                ranges=(part,),
                tables={"usage": {APP: rows("usage", usage(minute=at_))}, "flushes": {APP: rows("flushes", record)}},
            )
        )


def test_only_files_that_can_hold_the_window_are_needed(anywhere: LakeSettings):
    fill_days(anywhere)
    snapshot = Warehouse(anywhere).snapshot().snapshot

    def days(*window: timedelta | None) -> list[date]:
        start, end = (None if bound is None else NOON + bound for bound in window)
        return sorted(snapshot.within("usage", start, end)["day"].to_pylist())

    first, second, third = (NOON.date() + timedelta(days=number) for number in range(3))
    hour = timedelta(hours=1)
    assert days(None, None) == [first, second, third]
    assert days(hour, None) == [second, third]
    assert days(None, timedelta()) == []
    assert days(timedelta(), 24 * hour) == [first]
    assert days(23 * hour, 25 * hour) == [second]


def test_a_question_opens_no_file_outside_its_window(local: LakeSettings):
    fill_days(local)
    for path in Path(local.url, "usage").glob("day=2026-03-0[13]/*.parquet"):
        path.write_bytes(b"not Parquet")

    answer = Warehouse(local).ask("spend", ALL, start="2026-03-02", end="2026-03-03")

    assert answer["calls"].to_pylist() == [1]


def test_names_of_directories_are_no_patterns_and_no_columns(tmp_path: Path):
    odd = LakeSettings(url=str(tmp_path / "tenant=x [a]*?'"))
    open_lake(odd).commit(flush_of(stretch(0, 3)))

    answer = Warehouse(odd).ask("spend", ALL)

    assert answer.to_pylist()[0]["tenant"] == "acme"


def test_a_lake_that_went_away_is_unavailable(local: LakeSettings):
    open_lake(local).commit(flush_of(stretch(0, 3)))
    warehouse = Warehouse(local)
    snapshot = warehouse.snapshot()

    with away(Path(local.url)):
        with pytest.raises(LakeUnavailable):
            warehouse.ask("spend", ALL)
        with pytest.raises(LakeUnavailable):
            snapshot.ask("spend", ALL)


def middle(content: bytes) -> bytes:
    """With noise over the data of its columns."""
    return content[:8] + bytes(range(1, 101)) + content[108:]


@pytest.mark.parametrize(
    "damage",
    [lambda _: b"", lambda _: b"not Parquet", lambda content: content[: len(content) // 2], middle],
    ids=["empty", "something else", "cut off", "noise"],
)
def test_a_damaged_file_is_named_with_what_to_do(damage: Callable[[bytes], bytes], local: LakeSettings):
    lake = open_lake(local)
    lake.commit(flush_of(stretch(0, 300)))
    lake.commit(flush_of(stretch(300, 303)))
    path = max(Path(local.url, "spans").glob("day=*/*.parquet"), key=lambda one: one.stat().st_size)
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(LakeDamaged) as caught:
        Warehouse(local).ask("calls", ALL)
    with pytest.raises(LakeDamaged, match=path.name):
        Warehouse(local).ask("integrity", ALL)

    assert str(caught.value).startswith(f"{path} is damaged (")
    assert "put it back from a copy of the lake" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert Warehouse(local).ask("spend", ALL)["calls"].to_pylist() == [303]


def test_a_damaged_commit_is_named(local: LakeSettings):
    lake, warehouse = open_lake(local), Warehouse(local)
    lake.commit(flush_of(stretch(0, 3)))
    log = Path(local.url, "usage", "_delta_log", f"{1:020d}.json")
    warehouse._taker._handles["usage"].refresh()  # this commit is known; only the snapshot reads it again
    log.write_text('{"add": 3}\n')

    with pytest.raises(LakeDamaged, match=rf"{log.name} is damaged"):
        warehouse.ask("spend", ALL)


def test_a_question_that_needs_more_memory_says_which_setting(local: LakeSettings, monkeypatch: pytest.MonkeyPatch):
    open_lake(local).commit(flush_of(stretch(0, 3)))

    def full(*_: object, **__: object) -> None:
        raise duckdb.OutOfMemoryException("could not allocate block")

    monkeypatch.setattr("warehouse.engine.expose", full)
    with pytest.raises(LakeUnavailable, match=r"needs more than lake\.query_memory_mib = 512; raise that"):
        Warehouse(local).ask("spend", ALL)


def test_questions_are_asked_by_several_threads_at_once(local: LakeSettings):
    open_lake(local).commit(flush_of(stretch(0, 3)))
    warehouse = Warehouse(local)
    answers: list[int] = []

    threads = [
        threading.Thread(target=lambda: answers.extend(warehouse.ask("spend", ALL)["calls"].to_pylist()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [3] * 4


def test_a_question_has_the_memory_and_threads_of_the_settings_and_fetches_nothing(local: LakeSettings):
    names = ("memory_limit", "threads", "TimeZone", "autoinstall_known_extensions")

    with connect(replace(local, query_memory_mib=64, query_threads=1)) as connection:
        row = connection.sql("SELECT " + ", ".join(f"current_setting('{name}')" for name in names)).fetchall()

    assert row == [("64.0 MiB", 1, "UTC", False)]


def test_unknown_questions_and_parameters_are_refused_before_the_lake_is_read(local: LakeSettings):
    open_lake(local)
    warehouse = Warehouse(local)

    with pytest.raises(BadQuestion, match=r"no question 'spent'; there are .*calls, .*spend"):
        warehouse.ask("spent", ALL)
    with pytest.raises(BadQuestion, match=r"spend takes .*by.*, not colour"):
        warehouse.ask("spend", ALL, colour="red")


def test_every_question_says_what_it_answers():
    questions = [load_question(name) for name in question_names()]

    assert all(question.summary and question.reads and question.gives for question in questions)

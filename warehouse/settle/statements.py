"""The SQL of a settlement: files with places for lists of columns, which are written here once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files

import duckdb

from warehouse.engine import Connection
from warehouse.once.safety import TELLING
from warehouse.once.statements import read_sql as read_rule
from warehouse.schemas import COST_KINDS, TASKS, TOKEN_KINDS
from warehouse.schemas.settled import (
    CORRECTED,
    GPU_COUNTS,
    GPU_DIMENSIONS,
    LEDGER_AMOUNTS,
    LEDGER_COUNTS,
    LEDGER_DIMENSIONS,
    SPAN_IDENTITY,
)

PRICES = ("cost_usd", *COST_KINDS, "price_status", "price_version")
MADE_OF = (
    *("billable", "provider", "request_model", "response_model", "service_tier", "started_at"),
    *("server_address", "reported_cost_usd", *TOKEN_KINDS),
)
"""What a cost is made of, besides a tenant with prices of its own, and what nothing corrects (operation, ``units``)."""

_COSTS = ("cost_usd", *COST_KINDS)
_MEASURES = (*LEDGER_COUNTS, *LEDGER_AMOUNTS)
_GPU_MEASURES = (*GPU_COUNTS, "cost_usd")
_TASK_COLUMNS = tuple(name for name in TASKS.names if name not in ("day", "settlement", "close_id"))
_TASK_KEY = ("hour", "tenant", "task", "kind")
_LISTS = {
    "users": "user_id",
    "models": "model",
    "providers": "provider",
    "prompts": "prompt",
    "routes": "route",
    "services": "service",
}
"""Lists of ``tasks``, and what is in them."""

_OF_SPANS = tuple(name for name in LEDGER_DIMENSIONS if name not in ("model", "outcome", "safe"))
_TASK_NAMES = {"task": "task_id", "session": "session_id", "trace": "lower(hex(trace_id))"}


_UNBILLED = {"billable": "false", "suppressed_by": "span_id", **dict.fromkeys(PRICES, "NULL")}
"""What is otherwise of a span that is told again."""

WORDS = (
    "hour_of(moment) AS make_timestamptz(epoch_us(moment) // 3_600_000_000 * 3_600_000_000)",  # date_trunc is slow
    "stream_of(app_id, partition) AS coalesce(app_id, partition::VARCHAR)",
)
"""Macros of the files, besides those of the once rules."""


def _each(pattern: str, names: Iterable[str], between: str = ", ") -> str:
    return between.join(pattern.format(name) for name in names)


def _otherwise(one: str, other: str, names: Iterable[str]) -> str:
    return _each(f"{one}{{0}} IS DISTINCT FROM {other}{{0}}", names, " OR ")


@cache
def _places() -> dict[str, str]:
    """What stands for each ``{place}`` of the files."""
    kept_price = (
        "CASE WHEN NOT c.j_billable THEN NULL WHEN p.row IS NOT NULL THEN p.{0} "
        "WHEN m.from_standing THEN c.{0} ELSE c.s_{0} END AS j_{0}"
    )
    sums = _each("sum({0})::BIGINT AS {0}", LEDGER_COUNTS)
    return {
        "identity": ", ".join(SPAN_IDENTITY),
        "same_identity": _each("c.{0} = r.{0}", SPAN_IDENTITY, " AND "),
        "identity_of_c": _each("c.{0}", SPAN_IDENTITY),
        "kept_of_c": _each("c.{0}", [name for name in CORRECTED if name not in PRICES]),
        "prices_of_p": _each("p.{0}", PRICES),
        "costs_differ": f"({_otherwise('c.', 'p.', [name for name in PRICES if name != 'price_version'])})",
        "standing": _each("CASE WHEN c.span_id IS NULL THEN r.{0} ELSE c.{0} END AS s_{0}", CORRECTED),
        "judged": _each("j_{0} AS {0}", CORRECTED),
        "not_billed": ", ".join(f"{_UNBILLED.get(name, name)} AS {name}" for name in CORRECTED),
        "kept_prices": _each(kept_price, PRICES),
        "costs_otherwise_than_standing": _otherwise("j_", "s_", MADE_OF),
        "costs_otherwise_than_flushed": _otherwise("j_", "", MADE_OF),
        "otherwise_than_standing": _otherwise("j_", "s_", CORRECTED),
        "otherwise_than_flushed": _otherwise("j_", "", CORRECTED),
        "tokens_otherwise_than_flushed": _otherwise("j_", "", TOKEN_KINDS),
        "dimensions": ", ".join(LEDGER_DIMENSIONS),
        "span_dimensions": _each("s.{0}", _OF_SPANS),
        "token_names": _each("s.{0}", TOKEN_KINDS),
        "cost_names": _each("s.{0}", _COSTS),
        "safety_names": _each("s.{0}", [name for name in TELLING if name not in (*_OF_SPANS, "billable")]),
        "telling": ", ".join(TELLING),
        "same_telling": _each("w.{0} IS NOT DISTINCT FROM t.{0}", TELLING, " AND "),
        "tokens": _each("CASE WHEN billable THEN coalesce({0}, 0) ELSE 0 END AS {0}", TOKEN_KINDS),
        "costs": _each("CASE WHEN billable THEN {0} END AS {0}", _COSTS),
        "taken_back": _each("-{0} AS {0}", _MEASURES),
        "sums": f"{sums}, {_each('coalesce(sum({0}), 0)::DECIMAL(38, 12) AS {0}', LEDGER_AMOUNTS)}",
        "changed": _each("coalesce(sum({0}), 0) <> 0", _MEASURES, " OR "),
        "gpu_dimensions": ", ".join(GPU_DIMENSIONS),
        "gpu_measures": ", ".join(_GPU_MEASURES),
        "gpu_taken_back": _each("-{0} AS {0}", _GPU_MEASURES),
        "gpu_sums": f"{_each('sum({0})::BIGINT AS {0}', GPU_COUNTS)}, sum(cost_usd)::DECIMAL(38, 12) AS cost_usd",
        "gpu_changed": _each("sum({0}) <> 0", _GPU_MEASURES, " OR "),
        "task_columns": ", ".join(_TASK_COLUMNS),
        "task_columns_of_n": _each("n.{0}", _TASK_COLUMNS),
        "task_otherwise": _otherwise("n.", "b.", [name for name in _TASK_COLUMNS if name not in _TASK_KEY]),
        "task_spans": (
            "SELECT * REPLACE ("
            "CASE WHEN billable THEN coalesce(model, '') END AS model, "
            "CASE WHEN billable THEN coalesce(provider, '') END AS provider, "
            "CASE WHEN billable THEN coalesce(service, '') ELSE service END AS service, "
            "CASE WHEN billable THEN coalesce(route, '') ELSE route END AS route), "
            "CASE WHEN prompt_name IS NOT NULL THEN concat_ws('@', prompt_name, prompt_version) "
            "WHEN billable THEN '' END AS prompt "
            "FROM judged WHERE in_task"
        ),
        "first_and_last": ", ".join(f"min({one}) AS first_{one}, max({one}) AS last_{one}" for one in _LISTS.values()),
        "first_and_last_names": ", ".join(f"first_{one}, last_{one}" for one in _LISTS.values()),
        "some_differ": _each("first_{0} <> last_{0}", _LISTS.values(), " OR "),
        "lists": ", ".join(
            f"list_sort(list(DISTINCT {one}) FILTER ({one} IS NOT NULL)) AS {many}" for many, one in _LISTS.items()
        ),
        "listed": ", ".join(
            f"CASE WHEN t.first_{one} <> t.last_{one} THEN v.{many} WHEN t.first_{one} <> '' THEN [t.first_{one}] END "
            f"AS {many}"
            for many, one in _LISTS.items()
        ),
    }


@cache
def read_sql(name: str) -> str:
    """A file with its lists of columns in their places."""
    text = files("warehouse.settle").joinpath(f"{name}.sql").read_text(encoding="utf-8")
    for place, columns in _places().items():
        text = text.replace(f"{{{place}}}", columns)
    return text


def add_macros(connection: Connection, task_of: Sequence[str]) -> None:
    """The words of the once rules, and ``task_key`` and ``task_kind`` of a task's, a session's and a trace's id."""
    for statement in duckdb.extract_statements(read_rule("records")):
        if "CREATE TEMP MACRO" in statement.query:
            connection.execute(statement.query)
    for macro in WORDS:
        connection.execute(f"CREATE TEMP MACRO {macro}")
    key = ", ".join(_TASK_NAMES[name] for name in task_of)
    kind = " ".join(f"WHEN {_TASK_NAMES[name]} IS NOT NULL THEN '{name}'" for name in task_of)
    connection.execute(f"CREATE TEMP MACRO task_key(task_id, session_id, trace_id) AS coalesce({key}, NULL)")
    connection.execute(f"CREATE TEMP MACRO task_kind(task_id, session_id, trace_id) AS CASE {kind} END")

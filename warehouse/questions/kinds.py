"""Kinds of tokens as a dimension: what the places ``{ledger}`` and ``{usage}`` of questions become.

Each line becomes one for each kind that it has: with the tokens and the cost of this kind alone, so that they add up to
those of the line. All its calls count with each kind, and so do not add up: how many of them had tokens of one a line
does not tell. What has neither tokens nor a cost, and what was suppressed, is of no kind (NULL).
"""

from __future__ import annotations

from collections.abc import Collection

DIMENSION = "token_kind"
_COST = {
    "input": "input_cost_usd",
    "cached_input": "cached_cost_usd",
    "cache_write": "cache_write_cost_usd",
    "output": "output_cost_usd",
    "other": "other_cost_usd",
}
_TOKENS = {
    "cached_input_tokens": "cached_input",
    "cache_write_tokens": "cache_write",
    "cache_write_1h_tokens": "cache_write",
    "reasoning_tokens": "output",
    "audio_input_tokens": "input",
    "audio_output_tokens": "output",
    "output_tokens": "output",
}
_INPUT = {
    "input": "coalesce(input_tokens, 0) - coalesce(cached_input_tokens, 0) - coalesce(cache_write_tokens, 0)",
    "cached_input": "cached_input_tokens",
    "cache_write": "cache_write_tokens",
}
"""Parts of ``input_tokens``, which includes all of them."""
_OF_TABLE = {"usage": (), "ledger": ("suppressed_calls", "suppressed_cost_usd")}


def kind_places(used: Collection[str]) -> dict[str, str]:
    """The places, where these dimensions are looked at."""
    return {f"{{{table}}}": _by_kind(table) if DIMENSION in used else table for table in _OF_TABLE}


def _by_kind(table: str) -> str:
    """Rows of a table by kind, as a relation."""
    columns = {
        "input_tokens": _case(_INPUT),
        **{tokens: _own(tokens, kind) for tokens, kind in _TOKENS.items()},
        "priced_tokens": f"if(priced_calls <> 0, coalesce({_case(_INPUT)}, 0) + {_output()}, 0)",
        **{cost: _own(cost, kind) for kind, cost in _COST.items()},
        "cost_usd": f"if(k.{DIMENSION} IS NULL, cost_usd, {_case(_COST)})",
        **{name: f"if(k.{DIMENSION} IS NULL, {name}, 0)" for name in _OF_TABLE[table]},
    }
    replaced = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
    values = ", ".join(f"('{kind}')" for kind in _COST)
    has = f"coalesce({_case(_INPUT)}, 0) + {_output()} <> 0 OR coalesce({_case(_COST)}, 0) <> 0"
    bare = "coalesce(input_tokens, 0) = 0 AND coalesce(output_tokens, 0) = 0 AND coalesce(cost_usd, 0) = 0"
    told = f"({bare})" + "".join(f" OR {name} <> 0" for name in _OF_TABLE[table])
    kinds = f"(VALUES {values}, (NULL)) AS k({DIMENSION})"
    where = f"CASE WHEN k.{DIMENSION} IS NULL THEN {told} ELSE {has} END"
    columns_ = f"of_.* REPLACE ({replaced}), k.{DIMENSION}"
    return f"(SELECT {columns_} FROM {table} AS of_ CROSS JOIN {kinds} WHERE {where})"  # noqa: S608 - names of ours


def _own(column: str, kind: str) -> str:
    """What a line of this kind has of a column, others nothing; what is unknown stays so."""
    return f"if(k.{DIMENSION} = '{kind}' OR {column} IS NULL, {column}, 0)"


def _case(parts: dict[str, str]) -> str:
    whens = " ".join(f"WHEN '{kind}' THEN {sql}" for kind, sql in parts.items())
    return f"CASE k.{DIMENSION} {whens} ELSE 0 END"


def _output() -> str:
    return f"if(k.{DIMENSION} = 'output', coalesce(output_tokens, 0), 0)"

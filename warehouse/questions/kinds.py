"""Kinds of tokens as a dimension: what ``{booked}``, ``{ledger}`` and ``{usage}`` in questions become.

Each line becomes one for each kind that it has: with the tokens and the cost of this kind alone, so that they add up to
those of the line. All its calls count with each kind, and so do not add up: how many of them had tokens of one a line
does not tell. What has neither tokens nor a cost, and what was suppressed, is of no kind (NULL).

Lines that are ``booked`` are summed up by the hour before, and what was taken back whole is no line. What failed, was
tried again or thrown away the books do not keep by kind, so it is divided as the cost of its line is, in whole
picodollars that add up; what is no part of that cost, as in corrections of closed months, has no kind.
"""

from __future__ import annotations

from collections.abc import Collection

from warehouse.schemas.settled import LEDGER_AMOUNTS, LEDGER_COUNTS, LEDGER_DIMENSIONS

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
_TOTAL = f"({' + '.join(_COST.values())})"
_SUPPRESSED = ("suppressed_calls", "suppressed_cost_usd")
_DIVIDED = ("failed_cost_usd", "retry_cost_usd", "superseded_cost_usd")
_HOURS = (
    f"(SELECT hour, corrects, {', '.join(LEDGER_DIMENSIONS)}, "  # noqa: S608 - names of ours
    f"{', '.join(f'sum({name})::BIGINT AS {name}' for name in LEDGER_COUNTS)}, "
    f"{', '.join(f'coalesce(sum({name}), 0) AS {name}' for name in LEDGER_AMOUNTS)} "
    "FROM booked_ GROUP BY ALL "
    f"HAVING {' OR '.join(f'coalesce(sum({name}), 0) <> 0' for name in (*LEDGER_COUNTS, *LEDGER_AMOUNTS))})"
)


def kind_places(used: Collection[str]) -> dict[str, str]:
    """The places, where these dimensions are looked at."""
    if DIMENSION not in used:
        return {"{usage}": "usage", "{ledger}": "ledger", "{booked}": "booked_", "{by_kind}": "false"}
    return {
        "{usage}": _by_kind("usage"),
        "{ledger}": _by_kind("ledger", _SUPPRESSED),
        "{booked}": _by_kind(_HOURS, _SUPPRESSED, _DIVIDED),
        "{by_kind}": "true",
    }


def _by_kind(table: str, alone: Collection[str] = (), divided: Collection[str] = ()) -> str:
    """Rows of a table by kind, as a relation; ``alone`` is of no kind, ``divided`` as the cost is."""
    columns = {
        "input_tokens": _case(_INPUT),
        **{tokens: _own(tokens, kind) for tokens, kind in _TOKENS.items()},
        "priced_tokens": f"if(priced_calls <> 0, coalesce({_case(_INPUT)}, 0) + {_output()}, 0)",
        **{cost: _own(cost, kind) for kind, cost in _COST.items()},
        "cost_usd": f"if(k.{DIMENSION} IS NULL, cost_usd, {_case(_COST)})",
        **{name: f"if(k.{DIMENSION} IS NULL, {name}, 0)" for name in alone},
        **{name: _share(name) for name in divided},
    }
    replaced = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
    values = ", ".join(f"('{kind}')" for kind in _COST)
    has = f"coalesce({_case(_INPUT)}, 0) + {_output()} <> 0 OR coalesce({_case(_COST)}, 0) <> 0"
    bare = "coalesce(input_tokens, 0) = 0 AND coalesce(output_tokens, 0) = 0 AND coalesce(cost_usd, 0) = 0"
    told = f"({bare})" + "".join(f" OR {name} <> 0" for name in alone)
    told += "".join(f" OR ({name} <> 0 AND NOT ({_is_part(name)}))" for name in divided)
    kinds = f"(VALUES {values}, (NULL)) AS k({DIMENSION})"
    where = f"CASE WHEN k.{DIMENSION} IS NULL THEN {told} ELSE {has} END"
    columns_ = f"of_.* REPLACE ({replaced}), k.{DIMENSION}"
    return f"(SELECT {columns_} FROM {table} AS of_ CROSS JOIN {kinds} WHERE {where})"  # noqa: S608 - names of ours


def _is_part(amount: str) -> str:
    """Whether an amount is some of what its line costs, so that it can be divided as that is."""
    kinds = ", ".join(_COST.values())
    is_within = f"{amount} BETWEEN least({_TOTAL}, 0) AND greatest({_TOTAL}, 0)"
    return f"{_TOTAL} <> 0 AND {is_within} AND (least({kinds}) >= 0 OR greatest({kinds}) <= 0)"


def _share(amount: str) -> str:
    """What a kind has of it: up to this kind, less what those before it have."""
    costs = list(_COST.values())
    up_to = {kind: " + ".join(costs[: place + 1]) for place, kind in enumerate(_COST)}
    before = {kind: " + ".join(costs[:place]) for place, kind in enumerate(_COST) if place}
    unit = f"if(abs({_TOTAL}) < 1000000, 1, 1000000000)::HUGEINT"  # what the products have room for
    cost = f"nullif(whole(picodollars({_TOTAL}), {unit}), 0)"
    first, after = (
        f"rounded(picodollars({amount}) * abs(whole(picodollars({_case(some)}), {unit})), abs({cost}))"
        for some in (before, up_to)
    )
    is_part, its_own = _is_part(amount), f"as_usd({after} - {first})"
    return f"CASE WHEN ({is_part}) <> (k.{DIMENSION} IS NULL) THEN if({is_part}, {its_own}, {amount}) ELSE 0 END"


def _own(column: str, kind: str) -> str:
    """What a line of this kind has of a column, others nothing; what is unknown stays so."""
    return f"if(k.{DIMENSION} = '{kind}' OR {column} IS NULL, {column}, 0)"


def _case(parts: dict[str, str]) -> str:
    whens = " ".join(f"WHEN '{kind}' THEN {sql}" for kind, sql in parts.items())
    return f"CASE k.{DIMENSION} {whens} ELSE 0 END"


def _output() -> str:
    return f"if(k.{DIMENSION} = 'output', coalesce(output_tokens, 0), 0)"

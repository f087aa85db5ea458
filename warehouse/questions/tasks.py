"""Tasks by the dimensions of their calls: what the places of ``parts/tasks.sql`` become.

A task has one tenant, feature, environment, principal and outcome, and no kind of token (``token_kind`` is NULL). Of
models, providers, services, routes and prompts it may have several, and it counts with each of them; its review is
divided between them in even parts, in the order of their names (``nth_`` of ``of_``). Families of models are the
families of its models, each once. Two such dimensions at once, or any other one, a task does not tell: then nothing is
said about tasks (NULL), while what calls cost and took is.
"""

from __future__ import annotations

from collections.abc import Collection

from warehouse import families
from warehouse.questions.kinds import DIMENSION as TOKEN_KIND
from warehouse.scope import identifier

ONE = ("tenant", "feature", "environment", "principal", "outcome", "safe")
SEVERAL = {
    **dict.fromkeys((families.OF, families.DIMENSION), "models"),
    "provider": "providers",
    "service": "services",
    "route": "routes",
}
PROMPT = {
    "prompt_name": "nullif(regexp_replace(prompt_, '@[^@]*$', ''), '')",
    "prompt_version": "nullif(regexp_extract(prompt_, '@([^@]*)$', 1), '')",
}
"""Of ``name@version``."""


def task_places(used: Collection[str]) -> dict[str, str]:
    """The places, where these dimensions of ``ledger`` are looked at."""
    no_kind = f", NULL::VARCHAR AS {TOKEN_KIND}" if TOKEN_KIND in used else ""
    used = set(used) - {TOKEN_KIND}
    lists = {SEVERAL.get(name, "prompts") for name in used if name in SEVERAL or name in PROMPT}
    known = all(name in ONE or name in SEVERAL or name in PROMPT for name in used)
    tells = known and len(lists) <= 1 and not {families.OF, families.DIMENSION} <= used
    untold = {_column_of(name) for name in used if name not in ONE}
    all_of = _families_of if families.DIMENSION in used else _all_of
    columns = "".join(map(_each_of, sorted(lists)) if tells else map(_none_of, sorted(untold)))
    prompts = "".join(f", {sql} AS {name}" for name, sql in PROMPT.items()) if tells and "prompts" in lists else ""
    return {
        "{tells_tasks}": str(tells).lower(),
        "{lists_of_several}": "".join(map(all_of, sorted(lists))),
        "{lists_together}": "".join(map(_all_together, sorted(lists))),
        "{of_several}": columns,
        "{of_none}": "".join(map(_none_is_null, sorted(lists))) if tells else "",
        "{of_prompt}": prompts + no_kind + _parts_of(lists if tells else ()),
    }


def _all_of(lists: str) -> str:
    """The list of an hour of a task; '' stands for an hour whose calls have none."""
    return f"list_distinct({_known(lists)}) AS {lists},"


def _families_of(lists: str) -> str:
    """The same of models as families, each once."""
    return f"list_distinct(list_transform({_known(lists)}, lambda one: {families.DIMENSION}(one))) AS {lists},"


def _known(lists: str) -> str:
    return f"CASE WHEN spans > 0 THEN coalesce({lists}, CASE WHEN calls > 0 THEN [''] END) END"


def _all_together(lists: str) -> str:
    """Those of all hours of a task."""
    return f"list_distinct(flatten(list({lists}) FILTER ({lists} IS NOT NULL))) AS {lists},"


def _each_of(lists: str) -> str:
    """A row for each value of a list, '' among them, and one of a list without any."""
    return f", unnest(if(array_length({lists}) > 0, {lists}, [NULL])) AS {_one_of(lists)}"


def _parts_of(lists: Collection[str]) -> str:
    """Which part of what a task has once is a row's, and of how many."""
    for name in lists:
        are_several = f"coalesce(array_length({name}), 0) > 1"
        nth = f"if({are_several}, array_position(list_sort({name}), {_one_of(name)}), 1)"
        return f", {nth}::HUGEINT AS nth_, if({are_several}, array_length({name}), 1)::HUGEINT AS of_"
    return ", 1::HUGEINT AS nth_, 1::HUGEINT AS of_"


def _none_is_null(lists: str) -> str:
    return f" REPLACE (nullif({_one_of(lists)}, '') AS {_one_of(lists)})"


def _one_of(lists: str) -> str:
    return next((name for name, names in SEVERAL.items() if names == lists), "prompt_")


def _column_of(name: str) -> str:
    """What the expression of a dimension reads."""
    return {families.DIMENSION: families.OF}.get(name, "tags" if name.startswith("tags.") else name)


def _none_of(name: str) -> str:
    """A column that stands for a dimension which tasks do not tell; no row is made of it."""
    kind = "MAP(VARCHAR, VARCHAR)" if name == "tags" else "VARCHAR"
    return f", NULL::{kind} AS {identifier(name)}"

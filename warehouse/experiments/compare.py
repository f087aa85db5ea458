"""The report ``experiment``: a baseline and a candidate by measure, and a score of what has a weight."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from warehouse.errors import BadQuestion
from warehouse.experiments.estimates import Estimate, difference, relative, weighted
from warehouse.experiments.measures import MEASURES, Judged, Row
from warehouse.questions import load_question
from warehouse.questions.dimensions import Level
from warehouse.reader import Scope, WarehouseSnapshot

NAME = "experiment"
Ask = Callable[..., Sequence[Row]]
"""Rows of a named question with its parameters."""
ARMS = ("model_family", "model", "prompt_version", "route")
NOT_ENOUGH = "not enough"
ENDS = ("n", "value", "low", "high")
_NUMBERS = {"n": pa.int64(), "value": pa.float64(), "low": pa.float64(), "high": pa.float64()}
SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("measure", "unit", "better", "baseline", "candidate")),
        *(pa.field(f"{side}_{end}", _NUMBERS[end]) for side in ("baseline", "candidate") for end in ENDS),
        *(pa.field(f"difference{end}", pa.float64()) for end in ("", "_low", "_high")),
        pa.field("verdict", pa.string()),
    ]
)


def compare(snapshot: WarehouseSnapshot, scope: Scope, **params: object) -> pa.Table:
    """The answer; nothing where there are no two of them. Raises BadQuestion and what ``ask`` does."""

    def ask(question: str, **asked: object) -> Sequence[Row]:
        rows: list[Row] = snapshot.ask(question, scope, **asked).to_pylist()
        return rows

    return compare_by(ask, snapshot.levels, **params)


def compare_by(ask: Ask, levels: tuple[Level, ...], **params: object) -> pa.Table:
    """The same of answers that may be known already: weights are no part of what is asked."""
    values: dict[str, Any] = load_question(NAME).knowing(levels).parse(params)
    by = values["by"]
    if len(by) != 1 or by[0] not in ARMS:
        raise BadQuestion(f"by = {','.join(by)!r}: must be one of {', '.join(ARMS)}")
    asked = {name: values[name] for name in ("start", "end", "as_of_settlement")} | {"by": by}
    where = {name: _in_order(some) for name, some in dict(values["where"]).items()}
    names = _named(values, [row[by[0]] for row in ask(NAME, **asked, where=where)])
    if names is None:
        return SCHEMA.empty_table()
    told = asked | {"where": where | {by[0]: _in_order(names)}}
    rows = {row[by[0]]: row for row in ask(NAME, **told)}
    del told["as_of_settlement"]
    judged: dict[str, dict[str, Row]] = {name: {} for name in names}
    for row in ask("evaluations", **told):
        judged[row[by[0]]][row["judged"]] = row
    return pa.Table.from_pylist(_rows(names, rows, judged, values), schema=SCHEMA)


def _in_order(names: Iterable[str | None]) -> tuple[str | None, ...]:
    """The same names asked for in the same words, whichever way round they are compared."""
    return tuple(sorted(names, key=repr))


def _named(values: Mapping[str, Any], found: Sequence[str | None]) -> tuple[str, str] | None:
    """Baseline and candidate: as asked for, else those with the most tasks. Raises BadQuestion where both are one."""
    baseline, candidate = values["baseline"], values["candidate"]
    if baseline is not None and baseline == candidate:
        raise BadQuestion(f"candidate = {candidate!r}: must be another than the baseline")
    others = (name for name in found if name is not None and name not in (baseline, candidate))
    names = [next(others, None) if name is None else name for name in (baseline, candidate)]
    return None if names[0] is None or names[1] is None else (names[0], names[1])


def _rows(
    names: tuple[str, str], rows: Mapping[str, Row], judged: Mapping[str, Judged], values: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """A row for each measure, and the score."""
    found, parts = [], []
    for measure in MEASURES:
        one, other = (measure.of(rows[name], judged[name]) if name in rows else Estimate(n=0) for name in names)
        change = difference(one, other)
        lower = measure.better == "lower"
        if measure.weight:
            parts.append((float(values[measure.weight] or 0), relative(change, one.value, lower_is_better=lower)))
        names_of = {"measure": measure.name, "unit": measure.unit, "better": measure.better}
        verdict = verdict_of(change, enough=one.suffices() and other.suffices(), lower_is_better=lower)
        sides = _side("baseline", one) | _side("candidate", other)
        found.append(names_of | sides | _difference(change) | {"verdict": verdict})
    score = weighted(parts)
    names_of = {"measure": "score", "unit": "share", "better": "higher"}
    found.append(names_of | _difference(score) | {"verdict": verdict_of(score, enough=score.suffices())})
    return [row | {"baseline": names[0], "candidate": names[1]} for row in found]


def verdict_of(change: Estimate, *, enough: bool, lower_is_better: bool = False) -> str:
    """What an interval of a difference says of the candidate."""
    if not enough or change.low is None or change.high is None:
        return NOT_ENOUGH
    if change.low <= 0 <= change.high:
        return "no difference shown"
    return "better" if (change.low > 0) is not lower_is_better else "worse"


def _side(side: str, found: Estimate) -> dict[str, Any]:
    return {f"{side}_{end}": getattr(found, end) for end in ENDS}


def _difference(found: Estimate) -> dict[str, Any]:
    return {"difference": found.value, "difference_low": found.low, "difference_high": found.high}

"""What was blocked, redacted, flagged or let through, and why.

Evidence: guardrail attributes, provider filter results (``decode.verdicts``), finish reasons, error classes and the
results in error bodies, safety evaluations, our own look at the content (``processors.pii``). Of several the strongest
counts: blocked, redacted, flagged, allowed. An enforced action goes before a guard's verdict; where it let through what
the verdict had found, that is ``flagged``.

``safety_category`` is what was found or, beside ``allowed``, what was looked for; NULL: nobody says. ``pii_detected``
and ``injection_detected`` are NULL where nobody looked: unknown is not false. An injection is *contained* where it was
detected and what is told of it is ``blocked``.

A span has one ``safety_category``, that of the strongest action, and may tell of more: ``safety_findings`` has a pair
``category=action`` for each piece of evidence that names a category, in the words of ``decode.verdicts``. Who acted
decides of what: a provider's filter blocks what its own result names, a guard acts on what it looks for or says that it
found; what an evaluation judged or our own look saw beside it has no part in that.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from processors.conventions.rules import words
from processors.decode import Decoded
from processors.normalise.distinct import Answers
from processors.normalise.finish import FINISH_SPEAKS, finished_category
from processors.normalise.frame import told_in
from processors.normalise.judged import in_words, judge_safety
from processors.normalise.words import closed
from warehouse.schemas import SAFETY_ACTIONS

_FILTERED = ("content_filter", "guardrail_blocked")
_TRIGGERED = ("blocked", "redacted", "flagged")
_ENFORCED = ("blocked", "redacted")
_ANY_FOUND = "blocked|redacted|flagged|"
_VERDICTS = ("safety_verdicts", "evaluated")
_FLAGS = {
    "prompt_injection": ("injection_detected", "injection_told"),
    "pii": ("pii_detected", "pii_told"),
}
"""Categories with a column of their own that says whether it was there, and what attributes told of it."""
_BODY_KEYS = {
    "jailbreak": "prompt_injection",
    "indirect_attack": "prompt_injection",
    "self_harm": "self_harm",
    "sexual": "sexual",
    "violence": "violence",
    "hate": "hate",
    "profanity": "toxicity",
    "protected_material_text": "protected_material",
    "protected_material_code": "protected_material",
}
"""Members of Azure's ``content_filter_result`` in the body of a refused request, and their categories."""


_TOLD = (
    *("guardrail_action", "guardrail_verdict", "guardrail_output", "guardrail_triggered", "guardrail_passed"),
    "guardrail_denied",
    *("guardrail_name", "masked_entities", "safety_verdicts", "pii_scanned", "pii_detected"),
    "injection_detected",
)
_READ = (*_TOLD, "evaluated", "operation", "_role", "finish_reason", "finish_word", "error_class", "error_text")
"""Of what is noted."""
_NOTED = {
    "guardrail_action": pl.String,
    "safety_category": pl.String,
    "pii_detected": pl.Boolean,
    "injection_detected": pl.Boolean,
    "safety_findings": pl.String,
}


def note_safety(frame: pl.DataFrame, decoded: Decoded) -> pl.DataFrame:
    """Replaces ``guardrail_action safety_category pii_detected injection_detected``; adds ``safety_findings``.

    Most spans say nothing of safety: only the others are looked at.
    """
    spoken = _speaks(frame, decoded)
    if not spoken.any():
        return frame.with_columns(pl.lit(None, kind).alias(name) for name, kind in _NOTED.items())
    told = frame.hstack([judge_safety(decoded, len(frame))]).filter(spoken)
    noted = _notes.ask(told)
    nothing = [pl.Series(name, [None], dtype=kind).new_from_index(0, len(frame)) for name, kind in _NOTED.items()]
    return frame.with_columns(one.scatter(told["_row"], noted[one.name]) for one in nothing)


def _speaks(frame: pl.DataFrame, decoded: Decoded) -> NDArray[np.bool_]:
    """(n,) whether anything of a span is about safety; others come to nothing."""
    speaks = frame[FINISH_SPEAKS].to_numpy().copy()
    speaks[decoded.evaluations["row"].to_numpy()] = True
    for name in told_in(frame, (*_TOLD, "error_class")):
        told = frame[name].is_in(_FILTERED) if name == "error_class" else frame[name].is_not_null()
        speaks |= told.fill_null(value=False).to_numpy()
    return speaks


def _note(frame: pl.DataFrame) -> pl.DataFrame:
    told = frame.with_columns(
        _is_guard().alias("is_guard"),
        _looked_for().alias("looked_for"),
        *[pl.col(column).alias(told) for column, told in _FLAGS.values()],
    ).with_columns(_own_action().alias("own_action"))
    known = told.with_columns(
        _strongest(_evidence()).alias("guardrail_action"),
        pl.coalesce(_found("blocked"), _in_body(), finished_category(), _beside_filter(), _found_by_filter()).alias(
            "safety_category"
        ),
    ).with_columns(
        _seen("pii", "pii_detected", pl.col("masked_entities") > 0, "pii_scanned").alias("pii_detected"),
        _seen("prompt_injection", "injection_detected").alias("injection_detected"),
    )
    return known.with_columns(_category().alias("safety_category"), _all_told().alias("safety_findings")).select(
        *_NOTED
    )


_notes = Answers(_READ, _note)


def _is_guard() -> pl.Expr:
    return (pl.col("operation") == "guardrail").fill_null(value=False)


def _looked_for() -> pl.Expr:
    """The category that a guard's name speaks of; not of what wraps a guard and repeats its result."""
    wraps = pl.col("_role") == "aggregate"
    name = in_words("guardrail_name")
    patterns = words("guard_name").items()
    told = pl.coalesce(*[pl.when(name.str.contains(pattern)).then(pl.lit(word)) for pattern, word in patterns])
    return pl.when(~wraps).then(told)


def _own_action() -> pl.Expr:
    """What was done, by the guard's own words: the enforced action, its verdict, a tripwire, a validation."""
    output = pl.when("is_guard").then(closed("guardrail_action", pl.col("guardrail_output")))
    verdict = pl.coalesce(closed("guardrail_action", pl.col("guardrail_verdict")), output)
    action = closed("guardrail_action")
    tripped = pl.when("is_guard").then(_choose("guardrail_triggered", "blocked", "allowed"))
    passed = pl.when("is_guard").then(_choose("guardrail_passed", "allowed", "flagged"))
    denied = _choose("guardrail_denied", "blocked", "allowed")
    overruled = (action == "allowed") & verdict.is_in(_TRIGGERED)
    return pl.coalesce(pl.when(overruled).then(pl.lit("flagged")), action, verdict, denied, tripped, passed)


def _choose(column: str, if_true: str, if_false: str) -> pl.Expr:
    told = pl.when(pl.col(column)).then(pl.lit(if_true)).otherwise(pl.lit(if_false))
    return pl.when(pl.col(column).is_not_null()).then(told)


def _filtered() -> pl.Expr:
    return (pl.col("finish_reason") == "content_filter") | pl.col("error_class").is_in(_FILTERED)


def _evidence() -> list[pl.Expr]:
    masked = pl.when(pl.col("masked_entities") > 0).then(pl.lit("redacted"))
    blocked = pl.when(_filtered()).then(pl.lit("blocked"))
    return [pl.col("own_action"), _of_verdicts("safety_verdicts"), _of_verdicts("evaluated"), masked, blocked]


def _of_verdicts(column: str) -> pl.Expr:
    """The strongest action of a verdict; the first, as ``decode.verdicts`` writes them."""
    action = pl.col(column).str.extract(r"^\w+=(\w*)")
    return pl.when(action != "").then(action)


def _strongest(evidence: list[pl.Expr]) -> pl.Expr:
    any_says = [
        pl.any_horizontal(*[(one == action).fill_null(value=False) for one in evidence]) for action in SAFETY_ACTIONS
    ]
    said = zip(any_says, SAFETY_ACTIONS, strict=True)
    return pl.coalesce(*[pl.when(says).then(pl.lit(action)) for says, action in said if action])


def _found(actions: str, verdicts: Sequence[str] = _VERDICTS) -> pl.Expr:
    """What a verdict names first, where it has one of these actions."""
    return pl.coalesce(*[pl.col(name).str.extract(rf"^(\w+)=(?:{actions})(?: |$)") for name in verdicts])


def _found_by_filter() -> pl.Expr:
    """What a filter's or guard's result names first: what it blocked, where all that it says is that it did."""
    return _found(_ANY_FOUND, ("safety_verdicts",))


def _beside_filter() -> pl.Expr:
    """What a guard looked for that acted on a call, whatever a filter only noted there."""
    enforced = pl.col("own_action").is_in(_ENFORCED) & ~pl.col("is_guard")
    return pl.when(enforced & ~_filtered().fill_null(value=False)).then("looked_for")


def _is_own(category: str) -> pl.Expr:
    """Whether the action of a guard is about what it says that it found; not what our own look saw."""
    about = pl.col("looked_for").is_null() | (pl.col("looked_for") == category)
    return pl.col(_FLAGS[category][1]) & pl.col("own_action").is_not_null() & about


def _in_body() -> pl.Expr:
    """The first member that is ``filtered`` in the body of an error."""
    return pl.coalesce(*[pl.when(holds).then(pl.lit(category)) for category, holds in _filtered_in_body()])


def _filtered_in_body() -> list[tuple[str, pl.Expr]]:
    """Categories, and whether the body of an error says that they were filtered."""
    body = pl.when(pl.col("error_class") == "content_filter").then(pl.col("error_text"))
    quote = r"""\\*["']"""
    patterns = {key: rf"{quote}{key}{quote}\s*:\s*\{{[^}}]*{quote}filtered{quote}\s*:\s*[tT]rue" for key in _BODY_KEYS}
    return [(category, body.str.contains(patterns[key])) for key, category in _BODY_KEYS.items()]


def _all_told() -> pl.Expr:
    """Every category that anything names, with its action; what a guard as a whole enforced holds for all it found."""
    verdicts, own = pl.col("safety_verdicts"), pl.col("is_guard") | pl.col("looked_for").is_null()
    for action in _ENFORCED:
        enforced = verdicts.str.replace_all(r"=(?:flagged)?( |$)", f"={action}${{1}}")
        verdicts = pl.when(own & (pl.col("own_action") == action)).then(enforced).otherwise(verdicts)
    pairs = [
        verdicts,
        pl.col("evaluated"),
        pl.concat_str("looked_for", "own_action", separator="="),
        *(pl.when(_is_own(category)).then(pl.lit(f"{category}=") + pl.col("own_action")) for category in _FLAGS),
        pl.when(pl.col("masked_entities") > 0).then(pl.lit("pii=redacted")),
        *(pl.when(holds).then(pl.lit(f"{category}=blocked")) for category, holds in _filtered_in_body()),
        finished_category() + "=blocked",
    ]
    told = pl.concat_str(*pairs, separator=" ", ignore_nulls=True)
    return pl.when(told != "").then(told)


def _seen(category: str, told: str, *more: pl.Expr | str) -> pl.Expr:
    """True where anything found it; False where somebody looked and found nothing; NULL where nobody looked."""
    yes = [
        (pl.col("safety_category") == category),
        pl.col(told),
        *(pl.col(m) if isinstance(m, str) else m for m in more),
    ]
    yes += [pl.col(name).str.contains(rf"\b{category}=(?:blocked|redacted|flagged| |$)") for name in _VERDICTS]
    yes.append((pl.col("looked_for") == category) & pl.col("own_action").is_in(_TRIGGERED))
    no = [pl.col(told).is_not_null(), *(pl.col(m).is_not_null() for m in more if isinstance(m, str))]
    no += [pl.col(name).str.contains(rf"\b{category}=allowed") for name in _VERDICTS]
    no.append((pl.col("looked_for") == category) & (pl.col("own_action") == "allowed"))
    return pl.when(_any(yes)).then(pl.lit(value=True)).when(_any(no)).then(pl.lit(value=False))


def _any(conditions: list[pl.Expr]) -> pl.Expr:
    return pl.any_horizontal(*[condition.fill_null(value=False) for condition in conditions])


def _category() -> pl.Expr:
    """What the strongest action was about, by the best evidence; of what was only seen, that."""
    action = pl.col("guardrail_action")
    is_own = pl.col("own_action") == action
    judged = pl.col("evaluated").str.extract(r"^\w+=(\w*)") == action
    return pl.coalesce(
        "safety_category",
        pl.when(is_own).then("looked_for"),
        *(pl.when(is_own & _is_own(category)).then(pl.lit(category)) for category in _FLAGS),
        pl.when(judged).then(_found(_ANY_FOUND, ("evaluated",))),
        pl.when((pl.col("masked_entities") > 0) & (action == "redacted")).then(pl.lit("pii")),
        pl.when(pl.col("error_class") == "guardrail_blocked").then(pl.lit("guardrail")),
        pl.when(_filtered()).then(pl.lit("content_filter")),
        pl.when(pl.col("is_guard") & action.is_in(_TRIGGERED)).then(pl.lit("guardrail")),
        _found(_ANY_FOUND, ("evaluated",)),
        *(pl.when(column).then(pl.lit(category)) for category, (column, _) in _FLAGS.items()),
        pl.when(pl.col("own_action").is_not_null()).then("looked_for"),
    )

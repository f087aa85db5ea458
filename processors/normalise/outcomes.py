"""Outcomes: evaluations (events and attributes), user feedback, task outcomes, human review.

A row is the same whichever way it came: as attributes or event of a span, as a log record, or through the gateway's
``POST /v1/outcomes`` (docs/outcomes.md). Rules, in order:

* a text that is a number or a yes-or-no word is a score (1 and 0), beside the label that it may be; ``NaN`` and
  infinities are neither;
* the names ``success`` and ``safe``, in any case, have the labels success, failure and safe, unsafe, scores 1 and 0:
  each tells the other, and what tells neither says nothing;
* a label or name is a word: longer text is content and is not kept, nor is what says neither label, score nor minutes;
* what a guard's event says is no outcome but safety (``normalise.judged``);
* a task or session is called as spans are: what they hide is hidden here by the same hash;
* who judged: as told; else by the name, else by the event's (``judge_by_name`` in ``conventions/values.csv``); else an
  evaluator;
* feedback that is a span of its own (logfire's annotations) is about its parent.

``outcome_id`` names what is told, not the record that tells it: the same span or record sent again has the same ids. It
is made of the producer's own id and its tenant, where there is one, else of all that the outcome says.
"""

from __future__ import annotations

import hashlib
from collections import Counter

import polars as pl
import pyarrow as pa

from ingest.words import LABELS
from processors.decode import Decoded
from processors.messages import Drop, Tally
from processors.normalise.distinct import ask_each
from processors.normalise.frame import to_polars, told_in
from processors.normalise.judged import is_guards
from processors.normalise.namesakes import USERS
from processors.normalise.secrets import hide_ids, public
from processors.normalise.times import SKEW
from processors.normalise.words import closed
from warehouse.schemas import OUTCOMES

LABEL_CHARACTERS = 64
"""A label is a word; longer text is content and is not kept."""
MOST_MINUTES = 366 * 24 * 60.0
"""No review takes longer than a year."""

_KEPT = (
    *("trace_id", "span_id", "response_id", "task_id", "session_id", "tenant", "feature"),
    *("topic", "partition", "offset", "received_at", "ended_at", "ended_ns", "message_index"),
)
_SAID = (  # what tells outcomes apart; the tenant first
    *("tenant", "trace_id", "span_id", "response_id", "task_id", "session_id"),
    *("name", "label", "score", "source", "review_minutes", "observed_ns"),
)
_WORDS_OF = {"success": "task_outcome", "safe": "task_safe"}
"""What is judged -> the field of ``values.csv`` that has the words of its labels."""
_TOLD_BY_SPANS = ("task_outcome", "task_safe", "review_minutes")
_NOTHING = OUTCOMES.empty_table().append_column("_message_index", pa.array([], pa.int32()))
_TIME = pl.Datetime("us", "UTC")


def find_outcomes(decoded: Decoded, frame: pl.DataFrame, user_key: bytes) -> pa.Table:
    """One row per outcome: ``OUTCOMES`` and ``_message_index``; ``frame`` has a row for each span, with ``USERS``."""
    if not may_tell(decoded, frame):
        return _NOTHING
    about = pl.when(pl.col("span_type") == "annotation").then(pl.col("parent_span_id"))
    spans = frame.with_columns(pl.coalesce(about, "span_id").alias("span_id")).select(
        "_row", "span_type", *_TOLD_BY_SPANS, *_KEPT, *USERS
    )
    told = pl.concat(
        [_evaluations(decoded, spans, user_key), _tasks(spans), _safety(spans), _reviews(spans)], how="diagonal"
    )
    found = told.filter(pl.col("name").is_not_null()).sort("_row", maintain_order=True)
    return _in_schema(found.pipe(_canonical))


def may_tell(decoded: Decoded, frame: pl.DataFrame) -> bool:
    """Whether any span tells of an outcome; most ranges have none."""
    return decoded.evaluations.num_rows > 0 or bool(told_in(frame, _TOLD_BY_SPANS))


def count_empty(decoded: Decoded) -> Tally:
    """Outcomes that say nothing because nobody knows what was judged, or how, by message."""
    rows: list[int] = []
    if decoded.evaluations.num_rows:
        unnamed = _short("evaluation_name").is_null()
        rows += _judged(decoded).filter(~is_guards() & (unnamed | _is_empty()))["row"].to_list()
    if decoded.spans["task_outcome"].null_count < decoded.spans.num_rows:
        tasks = to_polars(decoded.spans.select(["task_outcome"])).with_row_index("row")
        rows += tasks.filter(pl.col("task_outcome").is_not_null() & _ended().is_null())["row"].to_list()
    messages = decoded.spans["message_index"].take(pa.array(rows, pa.int64())).to_pylist() if rows else []
    return Counter((index, Drop.BAD_OUTCOME.value) for index in messages)


def _evaluations(decoded: Decoded, spans: pl.DataFrame, user_key: bytes) -> pl.DataFrame:
    given = _judged(decoded)
    users = spans.select(USERS)[given["row"]]
    ids = {name: hide_ids(given[f"evaluation_{name}"], users, user_key) for name in ("task_id", "session_id")}
    late = pl.col("observed_us") > pl.col("received_at").dt.epoch("us") + int(SKEW.total_seconds() * 1_000_000)
    return (
        given.hstack(spans[given["row"]])
        .with_columns(*[pl.coalesce(told, name).alias(name) for name, told in ids.items()])
        .filter(~is_guards() & ~_is_empty())
        .with_columns((pl.col("observed_ns") // 1000).cast(pl.Int64).alias("observed_us"))
        .select(
            "_row",
            *_KEPT,
            "observed_ns",
            pl.col("evaluation_id").alias("given_id"),
            _name().alias("name"),
            _short("evaluation_label").alias("label"),
            pl.col("evaluation_score").alias("score"),
            _minutes("evaluation_minutes").alias("review_minutes"),
            pl.coalesce(
                closed("evaluation_source"),
                pl.when(pl.col("span_type") == "annotation").then(pl.lit("human")),
            ).alias("source"),
            pl.when(~late).then(pl.col("observed_us").cast(_TIME)).alias("observed_at"),
        )
    )


def _judged(decoded: Decoded) -> pl.DataFrame:
    """The evaluations; a label that is a number which is none (``NaN``) is told by nobody."""
    number = pl.col("evaluation_label").str.strip_chars().cast(pl.Float64, strict=False)
    label = pl.when(number.is_finite().fill_null(value=True)).then("evaluation_label").alias("evaluation_label")
    return to_polars(decoded.evaluations).with_columns(label)


def _is_empty() -> pl.Expr:
    """Whether an evaluation tells no verdict; a label that is not kept is one, but not of success and safe."""
    label, score, minutes = (pl.col(f"evaluation_{name}") for name in ("label", "score", "minutes"))
    said = pl.when(_name().is_in(list(LABELS))).then(_meant(_name(), label, score).is_not_null())
    return ~said.otherwise(label.is_not_null() | score.is_not_null()) & minutes.is_null()


def _name() -> pl.Expr:
    """What was judged; success and safe are meant in any case."""
    name = _short("evaluation_name")
    lower = name.str.to_lowercase()
    return pl.when(lower.is_in(list(LABELS))).then(lower).otherwise(name)


def _meant(name: pl.Expr, label: pl.Expr, score: pl.Expr) -> pl.Expr:
    """The label of success and safe, by its words or by 1 and 0; NULL of other names and where neither is told."""
    number = pl.coalesce(score, label.cast(pl.Float64, strict=False))
    told = []
    for judged, means in LABELS.items():
        good, bad = means
        counted = pl.when(number == 1).then(pl.lit(good)).when(number == 0).then(pl.lit(bad))
        told.append(pl.when(name == judged).then(pl.coalesce(closed(_WORDS_OF[judged], label), counted)))
    return pl.coalesce(*told)


def _ended() -> pl.Expr:
    """How a task ended, by what its span says."""
    return _meant(pl.lit("success"), pl.col("task_outcome"), pl.lit(None, pl.Float64))


def _tasks(spans: pl.DataFrame) -> pl.DataFrame:
    label = _ended()
    return spans.select(
        "_row", *_KEPT, pl.when(label.is_not_null()).then(pl.lit("success")).alias("name"), label.alias("label")
    )


def _safety(spans: pl.DataFrame) -> pl.DataFrame:
    safe = pl.col("task_safe")
    return spans.select(
        "_row",
        *_KEPT,
        pl.when(safe.is_not_null()).then(pl.lit("safe")).alias("name"),
        pl.when(safe).then(pl.lit("safe")).otherwise(pl.lit("unsafe")).alias("label"),
    )


def _reviews(spans: pl.DataFrame) -> pl.DataFrame:
    minutes = _minutes("review_minutes")
    return spans.select(
        "_row",
        *_KEPT,
        pl.when(minutes.is_not_null()).then(pl.lit("review")).alias("name"),
        minutes.alias("review_minutes"),
    )


def _minutes(column: str) -> pl.Expr:
    return pl.when(pl.col(column).is_between(0, MOST_MINUTES)).then(pl.col(column))


def _short(column: str) -> pl.Expr:
    text = public(pl.col(column).str.strip_chars())
    return pl.when(text.str.len_chars().is_between(1, LABEL_CHARACTERS)).then(text)


def _canonical(found: pl.DataFrame) -> pl.DataFrame:
    """Names, labels and scores of one meaning; needs ``name label score source``."""
    number = pl.col("label").cast(pl.Float64, strict=False)
    word = closed("yes_or_no", pl.col("label"))
    told = pl.when(number.is_finite()).then(number).when(word.is_not_null()).then((word == "yes").cast(pl.Float64))
    judged = pl.col("name").is_in(list(LABELS))
    meant = _meant(pl.col("name"), pl.col("label"), pl.col("score"))
    is_number = number.is_finite().fill_null(value=False)
    goods = [good for good, _ in LABELS.values()]
    return found.with_columns(
        pl.when(judged).then(meant).when(~is_number).then("label").alias("label"),
        pl.when(judged).then(meant.is_in(goods).cast(pl.Float64)).otherwise(pl.coalesce("score", told)).alias("score"),
        pl.coalesce("source", closed("judge_by_name", pl.col("name")), pl.lit("evaluator")).alias("source"),
    )


def _in_schema(found: pl.DataFrame) -> pa.Table:
    numbered = found.with_columns(
        pl.coalesce("observed_ns", "ended_ns").alias("observed_ns"),
        pl.coalesce("observed_at", "ended_at").alias("observed_at"),
        pl.col("topic").alias("source_topic"),
        pl.col("partition").alias("source_partition"),
        pl.col("offset").alias("source_offset"),
    )
    ordinal = pl.int_range(pl.len()).over("_row", *_SAID).alias("ordinal")
    named = numbered.with_columns(
        _ids(numbered.select("given_id", *_SAID, ordinal)).alias("outcome_id"),
        pl.col("observed_at").dt.date().alias("day"),
    )
    rows = named.select(OUTCOMES.names).to_arrow().cast(OUTCOMES)
    return rows.append_column("_message_index", named["message_index"].cast(pl.Int32).to_arrow())


def _ids(outcomes: pl.DataFrame) -> pl.Series:
    """Two outcomes are the same where their producer says so, or where all that they say is the same."""
    given = pl.concat_str(pl.lit("'given'"), "tenant", "given_id", separator="\0")
    said = pl.concat_str(pl.lit("'said'"), *_SAID, "ordinal", separator="\0")
    told = outcomes.with_columns(_written(outcomes, name) for name in outcomes.columns).select(
        pl.when(outcomes["given_id"].is_not_null()).then(given).otherwise(said)
    )
    hashes = [hashlib.sha256(text.encode()).hexdigest()[:32] for text in told.to_series().to_list()]
    return pl.Series(hashes, dtype=pl.String)


def _written(frame: pl.DataFrame, name: str) -> pl.Series:
    """A column as Python writes its values."""
    return ask_each(
        frame,
        [name],
        lambda each: pl.DataFrame({name: pl.Series(list(map(repr, each[name].to_list())), dtype=pl.String)}),
    )[name]

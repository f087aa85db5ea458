"""What rows say by few words is asked once of each combination."""

from __future__ import annotations

import polars as pl

from processors.normalise.distinct import Answers, ask_each

_ROWS = pl.DataFrame({"word": ["a", None, "a", "b", None], "flag": [True, None, True, True, None], "other": range(5)})


def _spelled(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(pl.col("word").str.to_uppercase().alias("spelled"), "flag")


def test_each_row_has_the_answer_to_its_combination() -> None:
    assert ask_each(_ROWS, ["word", "flag"], _spelled).equals(_spelled(_ROWS))


def test_zeros_of_both_signs_are_told_apart() -> None:
    rows = pl.DataFrame({"score": [0.0, -0.0, None, 0.0]})

    told = ask_each(rows, ["score"], lambda each: pl.DataFrame({"text": list(map(repr, each["score"].to_list()))}))

    assert told["text"].to_list() == ["0.0", "-0.0", "None", "0.0"]


def test_a_combination_is_asked_once_whichever_range_it_is_in() -> None:
    asked: list[int] = []
    answers = Answers(["word", "flag"], lambda rows: (asked.append(len(rows)), _spelled(rows))[1])

    told = [answers.ask(rows) for rows in (_ROWS.head(3), _ROWS)]

    assert [one.equals(_spelled(rows)) for one, rows in zip(told, (_ROWS.head(3), _ROWS), strict=True)] == [True, True]
    assert asked == [2, 1]


def test_of_what_was_asked_nothing_is_kept_but_a_hash() -> None:
    answers = Answers(["word"], lambda rows: rows.select(pl.lit("class").alias("class")))

    answers.ask(pl.DataFrame({"word": ["a secret " * 100_000]}))

    assert [(len(key), answer) for key, answer in answers._kept.items()] == [(16, ("class",))]

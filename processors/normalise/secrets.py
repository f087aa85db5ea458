"""Names are kept, credentials, addresses and texts are not: what looks like one is replaced before it is stored.

A tenant, a feature, a session or a tool is called whatever its producer says. Where that is an e-mail address, a
telephone number or a credential, or where a session or task is called after its end user (``namesakes``), the column
holds ``hidden-`` and the value's keyed hash: the same value has the same name everywhere, so it can still be counted
and compared, and nobody can read it. So does what is too long for a name, of several lines or with control characters:
a prompt in a feature's place is content. How many were hidden is counted by rule (``RULES``); the spans, outcomes and
samples stand. What the gateway's key says is never touched.

===============  ====================================================================================================
``api_key``      ``sk-``, ``pk-`` or ``rk-`` with a long random part (OpenAI, Anthropic, Stripe, LiteLLM, Langfuse)
``cloud_key``    AWS access key ids, Google API keys
``token``        GitHub, Slack, Hugging Face
``jwt``          three base64 parts of which the first is a JSON header
``bearer``       the value of an ``Authorization`` header
``private_key``  PEM
``phone``        an international telephone number, which begins with ``+``; a word may stand before it, no version
``dialled``      one that begins with ``00`` and sets its country apart: without that it is a number as any other
``email``        an e-mail address
===============  ====================================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TypeAlias, cast

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from ingest.words import ANY_SECRET, SECRETS, holds_secret
from processors.conventions.table import TAG
from processors.messages import Tally
from processors.normalise.namesakes import PERSONAL, USERS, are_called_after
from processors.normalise.scan import suspects
from processors.users import HIDDEN, hide

__all__ = ["HIDDEN", "RULES", "SECRETS", "hide", "hide_ids", "hide_secrets", "holds_secret", "is_hidden", "is_secret"]

Rows: TypeAlias = NDArray[np.int64]

NAME_CHARACTERS = 128
"""Most characters of a name that people give: longer ones are texts."""
ID_CHARACTERS = 256
"""Most characters of a name that machines make: ids, models, hosts."""
RULES = {"hidden_value": "_secrets", "long_name": "_long_names"}
"""Why a name is hidden -> column of how many a row has: a credential or e-mail address; a text."""

_SAMPLE = 1024
_BEGINNINGS = (
    *(f"{letter}k{sign}" for letter in "spr" for sign in "-_"),
    *("akia", "asia", "agpa", "aida", "aroa", "aiza"),
    *(*(f"gh{letter}_" for letter in "pousr"), "github_pat_", "xox", "hf_", "eyj", "bearer", "basic", "-----begin"),
)
_SIGNS = "@+ (/"
"""One of these, or a sign of these or none of ASCII, is in whatever ``SECRETS`` find."""
_VERSION = r"^[\w.+!-]*\d[\w.+!-]*$"
_LINES = r"[\x00-\x1f\x7f-\x9f\u2028\u2029]"
"""What stands in no name: control characters and what else ends a line."""
_BROKEN = re.compile(_LINES)
_VERSION_CHARACTERS = 64
_GIVEN = (
    *("feature", "environment", "service", "provider", "prompt_name", "prompt_version", "route", "tool_name"),
    *("agent_name", "service_version", "service_tier", "principal", "scope_name"),
)
_MADE = (
    *("tenant", "session_id", "task_id", "request_model", "response_model", "response_id"),
    *("server_address", "host", "pod", "namespace", "provider_account"),
)
_NAMES = (*_GIVEN, *_MADE)
_STAMPED = {"tenant": "header_tenant", "principal": "header_principal"}


_harmless: set[str] = set()
"""Names that have been looked at."""
_MOST_KEPT = 100_000


def is_secret(value: pl.Expr) -> pl.Expr:
    """Whether a text holds a credential or an e-mail address; NULL where there is none."""
    return value.str.contains(ANY_SECRET)


def public(value: pl.Expr, most: int = ID_CHARACTERS) -> pl.Expr:
    """The text, unless it holds a secret or is too long for a name: then nothing."""
    return pl.when(~is_secret(value) & ~_is_long(value, most)).then(value)


def look_at(name: str, values: pa.Array) -> tuple[Rows, Rows]:
    """Rows, ascending, of a column in which most values differ that hold a secret; and those that are texts."""
    doubtful = suspects(values, _most(name), _BEGINNINGS, _SIGNS)
    if not len(doubtful):
        return doubtful, doubtful
    told = pl.DataFrame({"value": cast("pl.Series", pl.from_arrow(values.take(pa.array(doubtful))))})
    found = told.select(
        is_secret(pl.col("value")).alias("secret"), _is_long(pl.col("value"), _most(name)).alias("long")
    )
    return doubtful[found["secret"].to_numpy()], doubtful[found["long"].to_numpy()]


def are_harmless(words: Iterable[str | None]) -> bool:
    """Whether none of these would be hidden as a name of any kind; names come again, so what is found is kept."""
    new = [word for word in words if word is not None and word not in _harmless]
    if not new:
        return True
    told = pl.DataFrame({"word": new})
    sound = told.select(~is_secret(pl.col("word")) & ~_is_long(pl.col("word"), NAME_CHARACTERS)).to_series()
    if len(_harmless) + len(new) > _MOST_KEPT:
        _harmless.clear()
    _harmless.update(told.filter(sound)["word"])
    return bool(sound.all())


@lru_cache(maxsize=256)
def are_versions(texts: tuple[str | None, ...]) -> bool:
    """Whether all of these are versions."""
    told = pl.Series([text for text in texts if text is not None], dtype=pl.String).to_frame("text")
    return bool(told.select(_is_version(pl.col("text")).all()).item())


def is_hidden(field: str, text: str) -> bool:
    """Whether a name of this field is replaced."""
    return holds_secret(text) or len(text) > _most(field) or _BROKEN.search(text) is not None


def count_hidden(frame: pl.DataFrame) -> Tally:
    """How many names were replaced, by message and rule; of a frame that ``hide_secrets`` has seen."""
    counted: dict[tuple[int, str], int] = {}
    for rule, column in RULES.items():
        if (frame[column] > 0).any():
            each = frame.group_by("message_index").agg(pl.col(column).sum()).filter(pl.col(column) > 0)
            counted |= {(index, rule): count for index, count in each.iter_rows()}
    return counted


def hide_secrets(frame: pl.DataFrame, key: bytes) -> pl.DataFrame:
    """Replaces names that are secrets, texts or users, and scope versions that are none; adds the columns of RULES."""
    names = [name for name in frame.columns if name in _NAMES or name.startswith(TAG)]
    distinct = {name: _distinct(frame[name]) for name in names}
    secret = frame.select(_unless_stamped(name, is_secret(pl.col(name))) for name in _worth(distinct, _may_hide))
    long = frame.select(
        _unless_stamped(name, _is_long(pl.col(name), _most(name))) for name in _worth(distinct, _may_be_long)
    )
    user = [_tells_any(frame[name], frame) for name in PERSONAL if name in frame.columns]
    reasons = [*secret.iter_columns(), *long.iter_columns(), *user]
    hidden: dict[str, pl.Series] = {}
    for reason in reasons:
        hidden[reason.name] = hidden[reason.name] | reason if reason.name in hidden else reason
    text_alone = [one & ~secret[one.name] if one.name in secret.columns else one for one in long.iter_columns()]
    return frame.with_columns(
        *[hide(frame[name], rows, key) for name, rows in hidden.items() if rows.any()],
        _in_each_row(secret.get_columns(), len(frame)).alias(RULES["hidden_value"]),
        _in_each_row(text_alone, len(frame)).alias(RULES["long_name"]),
        *_versions(frame),
    )


def _versions(frame: pl.DataFrame) -> list[pl.Expr]:
    """``scope_version`` without what is none."""
    version = pl.col("scope_version")
    is_sound = frame["scope_version"].unique().to_frame().select(_is_version(version).all()).item()
    return [] if is_sound else [pl.when(_is_version(version)).then(version).alias("scope_version")]


def _tells_any(names: pl.Series, users: pl.DataFrame) -> pl.Series:
    """Which of them are called after a user (USERS) of their row."""
    best, worst = (are_called_after(names, users[user]) for user in USERS)
    return (best | worst).alias(names.name)


def _is_version(text: pl.Expr) -> pl.Expr:
    return text.str.contains(_VERSION) & (text.str.len_chars() <= _VERSION_CHARACTERS)


def _worth(distinct: Mapping[str, pl.Series], may: Callable[[pl.Series], bool]) -> list[str]:
    """The columns in which a row may have to be hidden; most ranges have none, which one look at all values shows."""
    return [name for name, values in distinct.items() if may(values)] if may(pl.concat(distinct.values())) else []


def _distinct(values: pl.Series) -> pl.Series:
    """The values without repeats, where that is quick to find out."""
    if values.null_count() == len(values):
        return values.head(0)
    repeats = values.head(_SAMPLE).n_unique() < _SAMPLE // 4
    return values.unique() if repeats else values


def _may_hide(values: pl.Series) -> bool:
    return bool(values.to_frame("value").select(is_secret(pl.col("value")).any()).item())


def _may_be_long(values: pl.Series) -> bool:
    return bool(values.to_frame("value").select(_is_long(pl.col("value"), NAME_CHARACTERS).any()).item())


def _unless_stamped(name: str, holds: pl.Expr) -> pl.Expr:
    told = holds & pl.col(_STAMPED[name]).is_null() if name in _STAMPED else holds
    return told.fill_null(value=False).alias(name)


def _is_long(value: pl.Expr, most: int) -> pl.Expr:
    return (value.str.len_chars() > most) | value.str.contains(_LINES)


def _most(name: str) -> int:
    return ID_CHARACTERS if name in _MADE else NAME_CHARACTERS


def _in_each_row(held: list[pl.Series], rows: int) -> pl.Series:
    if not held:
        return pl.zeros(rows, pl.Int32, eager=True)
    return pl.DataFrame(held).select(pl.sum_horizontal(pl.all().cast(pl.Int32))).to_series()


def hide_ids(ids: pl.Series, users: pl.DataFrame, key: bytes) -> pl.Series:
    """Ids that stand beside a span's columns, as those are: secrets, texts and names of ``users`` (USERS) hidden."""
    found = is_secret(pl.col("id")) | _is_long(pl.col("id"), ID_CHARACTERS)
    rows = ids.to_frame("id").select(found.fill_null(value=False)).to_series() | _tells_any(ids, users)
    return hide(ids, rows, key) if rows.any() else ids

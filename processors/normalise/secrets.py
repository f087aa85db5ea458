"""Names are kept, credentials and addresses are not: values that look like one are replaced before they are stored.

A tenant, a feature, a session or a tool is called whatever its producer says. Where that is an e-mail address or a
credential, or where a session or task is called after its end user, the column holds ``hidden-`` and the value's keyed
hash: the same value has the same name everywhere, so it can still be counted and compared, and nobody can read it.
How many secrets were hidden is counted (``Drop.HIDDEN_VALUE``). What the gateway's key says is never touched.

===============  ====================================================================================================
``api_key``      ``sk-``, ``pk-`` or ``rk-`` with a long random part (OpenAI, Anthropic, Stripe, LiteLLM, Langfuse)
``cloud_key``    AWS access key ids, Google API keys
``token``        GitHub, Slack, Hugging Face
``jwt``          three base64 parts of which the first is a JSON header
``bearer``       the value of an ``Authorization`` header
``private_key``  PEM
``email``        an e-mail address
===============  ====================================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

import polars as pl
import pyarrow as pa

from processors.conventions.table import TAG
from processors.users import hash_users

SECRETS: Mapping[str, str] = {
    "api_key": r"\b(?:sk|pk|rk)[-_](?:[a-z0-9]+[-_])*[a-z0-9]{16,}",
    "cloud_key": r"\b(?:akia|asia|agpa|aida|aroa)[a-z0-9]{16}\b|\baiza[a-z0-9_-]{35}",
    "token": r"\b(?:gh[pousr]_[a-z0-9]{20,}|github_pat_\w{20,}|xox[abprs]-[a-z0-9-]{10,}|hf_[a-z0-9]{20,})",
    "jwt": r"\beyj[a-z0-9_-]{8,}\.[a-z0-9_-]{8,}\.[a-z0-9_-]*",
    "bearer": r"\bbearer\s+[a-z0-9._~+/=-]{16,}|\bbasic\s+[a-z0-9+/]{16,}={1,2}",
    "private_key": r"-----begin [a-z ]*private key",
    "email": r"[a-z0-9._%+-]{1,64}@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,24}",
}
"""What no name is; read in any case, by an engine without look-around."""

HIDDEN = "hidden-"
_DIGITS = 16
_ANY = "(?i)" + "|".join(f"(?:{pattern})" for pattern in SECRETS.values())
_READ = re.compile(_ANY, re.ASCII)
_VERSION = r"^[\w.+!-]{1,64}$"
_NAMES = (
    *("tenant", "feature", "principal", "environment", "service", "session_id", "task_id", "provider"),
    *("request_model", "response_model", "response_id", "prompt_name", "prompt_version", "route", "tool_name"),
    *("agent_name", "service_version", "service_tier", "host", "pod", "provider_account"),
)
_STAMPED = {"tenant": "header_tenant", "principal": "header_principal"}
_PERSONAL = ("session_id", "task_id")


def is_secret(value: pl.Expr) -> pl.Expr:
    """Whether a text holds a credential or an e-mail address; NULL where there is none."""
    return value.str.contains(_ANY)


def holds_secret(text: str) -> bool:
    """Likewise of one text."""
    return _READ.search(text) is not None


def public(value: pl.Expr) -> pl.Expr:
    """The text, unless it holds a secret: then nothing."""
    return pl.when(~is_secret(value)).then(value)


def hide_secrets(frame: pl.DataFrame, key: bytes) -> pl.DataFrame:
    """Replaces names that are secrets or users, and scope versions that are none; adds ``_hidden``: secrets a row."""
    names = [name for name in frame.columns if name in _NAMES or name.startswith(TAG)]
    secret = frame.select(_is_secret_name(name).fill_null(value=False).alias(name) for name in names)
    user = frame.select((pl.col(name) == pl.col("_user")).fill_null(value=False) for name in _PERSONAL)
    replaced = secret.with_columns((secret[name] | user[name]).alias(name) for name in _PERSONAL)
    hidden = [_hide(frame[name], replaced[name], key) for name in names if replaced[name].any()]
    return frame.with_columns(
        *hidden,
        secret.select(pl.sum_horizontal(pl.all().cast(pl.Int32)).alias("_hidden")).to_series(),
        pl.when(pl.col("scope_version").str.contains(_VERSION)).then(pl.col("scope_version")).alias("scope_version"),
    )


def _is_secret_name(name: str) -> pl.Expr:
    secret = is_secret(pl.col(name))
    return secret & pl.col(_STAMPED[name]).is_null() if name in _STAMPED else secret


def _hide(values: pl.Series, secret: pl.Series, key: bytes) -> pl.Series:
    """``hidden-`` and the start of the keyed hash; a tenant is no part of it, so that names agree between columns."""
    rows = secret.arg_true()
    given = values.gather(rows).to_arrow().cast(pa.string())
    hashed = cast("pl.Series", pl.from_arrow(hash_users(pa.nulls(len(given), pa.string()), given, key)))
    return values.scatter(rows, HIDDEN + hashed.str.head(_DIGITS))

"""Who: tenant, feature, principal, user.

The tenant is a question of authority. A header holds for the whole message; a header with a list lets a span name one
of the list; else a span is believed where its topic is trusted. What nobody may say is NULL: ``unattributed``.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import cast

import polars as pl

from processors.normalise.rules import Rules
from processors.normalise.secrets import hide_secrets
from processors.users import hash_users

_HEADER = 0
_NAMELESS_SERVICE = "unknown_service"
_CREDENTIAL = r"^(sk|pk)-"


def identify(frame: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Replaces ``tenant service principal user_id``; adds ``tenant_rank feature_rank _user _other_user``."""
    named = place(frame, rules).with_columns(_user="user_id", _other_user="other_user_id")
    return named.pipe(_hash, rules).pipe(hide_secrets, rules.user_key)


def place(frame: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Replaces ``tenant service principal``; adds ``tenant_rank feature_rank``."""
    return frame.with_columns(_tenant(rules).alias("tenant"), _service()).with_columns(_ranks())


@cache
def _service() -> pl.Expr:
    return pl.when(~pl.col("service").str.starts_with(_NAMELESS_SERVICE)).then(pl.col("service")).alias("service")


@cache
def _ranks() -> list[pl.Expr]:
    return [
        pl.when(pl.col("header_tenant").is_not_null())
        .then(pl.lit(_HEADER, dtype=pl.Int8))
        .when(pl.col("tenant").is_not_null())
        .then(pl.col("tenant_class"))
        .alias("tenant_rank"),
        pl.col("feature_class").alias("feature_rank"),
        pl.coalesce("header_principal", _alias(), "service").alias("principal"),
    ]


@lru_cache(maxsize=16)
def _tenant(rules: Rules) -> pl.Expr:
    own = pl.col("tenant").str.strip_chars()
    allowed = pl.col("header_tenants").list.contains(own).fill_null(value=False)
    trusted = pl.lit(value=True) if rules.trusted_topics is None else pl.col("topic").is_in(list(rules.trusted_topics))
    return (
        pl.when(pl.col("header_tenant").is_not_null())
        .then(pl.col("header_tenant"))
        .when(pl.col("header_tenants").is_not_null())
        .then(pl.when(allowed).then(own))
        .when(trusted)
        .then(own)
    )


def _alias() -> pl.Expr:
    """Alias or hash of the credential; never the credential itself, should it stand in their place."""
    return pl.when(~pl.col("principal").str.contains(_CREDENTIAL)).then(pl.col("principal"))


def _hash(frame: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    hashed = hash_users(frame["_user"].to_arrow(), rules.user_key)
    return frame.with_columns(cast("pl.Series", pl.from_arrow(hashed)).alias("user_id"))

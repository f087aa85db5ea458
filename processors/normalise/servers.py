"""Who serves a call, and where: the provider by name and by server, host and port of what was reached."""

from __future__ import annotations

from functools import cache

import polars as pl

from processors.conventions.rules import NONE, ProviderRule, provider_rules
from processors.normalise.frame import host_ends, is_of_scope
from processors.normalise.words import MEMBER, closed, opened

_SERVER = r"^(?:\w+://)?(?:[^/@]*@)?"
_IPV6 = r"[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*"
_HOST = rf"{_SERVER}(\[[^\]]+\]|{_IPV6}|[^/:?#]+)"
_PORT = rf"{_SERVER}(?:\[[^\]]+\]|[^/:?#]+):(\d{{1,5}})(?:[/?#]|$)"

PORT_IN_ADDRESS = "_port_in_address"
"""Column of shapes: the port in what told the server's address."""


def read_address() -> tuple[pl.Expr, pl.Expr]:
    """``server_address``, the host in what told it, and ``PORT_IN_ADDRESS``."""
    told = pl.col("server_address")
    return told.str.extract(_HOST), told.str.extract(_PORT).cast(pl.Int32).alias(PORT_IN_ADDRESS)


def told_provider() -> pl.Expr:
    """``openai.chat`` is openai, ``google.vertex.chat`` google.vertex; ``openai/gpt-4o`` names its provider too.

    So does the key ``llm.openai.usage`` of LiteLLM's raw copies.
    """
    whole, other = pl.col("provider"), pl.col("other_provider")
    in_model = pl.col("provider_model").str.extract(r"^([^/]+)/")
    cut = [whole.str.extract(pattern) for pattern in (r"^\s*(.+)\.[^.]+$", r"^\s*([^.]+)\.", MEMBER)]
    in_key = pl.col("input_key").str.extract(r"^llm\.(\w+)\.usage")
    told = [closed("provider", word) for word in (whole, *cut, in_model, in_key)]
    return pl.coalesce(*told, opened("provider"), opened("provider", other))


def name_servers(frame: pl.DataFrame) -> pl.DataFrame:
    """``provider`` is who serves the call: by ``conventions/providers.csv``, else as reported; asked once a mixture."""
    about, server = _servers()
    combinations = frame.select(about).unique().with_columns(server)
    named = frame.join(combinations, on=about, how="left", nulls_equal=True, maintain_order="left")
    return named.with_columns(pl.col("server").alias("provider")).drop("server")


@cache
def _servers() -> tuple[list[str], pl.Expr]:
    """What tells who serves a call, and how."""
    rules = provider_rules()
    fields = sorted({rule.field for rule in rules} - {""})
    told = [pl.when(_serves(rule)).then(pl.lit(rule.provider)) for rule in rules]
    about = ["provider", "scope_name", "server_address", "request_model", "response_model", *fields]
    return about, pl.coalesce(*told, "provider").alias("server")


def _serves(rule: ProviderRule) -> pl.Expr:
    serves = is_of_scope(rule.scope)
    if rule.reported == NONE:
        serves &= pl.col("provider").is_null()
    elif rule.reported:
        serves &= pl.col("provider") == rule.reported
    if rule.field:
        serves &= pl.col(rule.field).is_not_null()
    if rule.host:
        serves &= host_ends(rule.host)
    if rule.model:
        serves &= pl.coalesce("request_model", "response_model").str.contains(rule.model)
    return serves.fill_null(value=False)

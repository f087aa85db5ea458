"""At whose account of the provider a call is billed: project, workspace, subscription.

A span's own word stands first (``spanledger.provider.account``, keys that only one provider's client writes). What a
whole process says of itself, its project at OpenAI or the account of the cloud that it runs in, is that of calls to
this provider alone: ``conventions/accounts.csv`` says which.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from processors.conventions.rules import NONE, account_rules
from warehouse.once.facts import one_piece

CLOUD = "cloud_provider"
"""Decoded column: which cloud ``cloud_account`` is an account of."""
TOLD = (*dict.fromkeys(rule.field for rule in account_rules()), CLOUD)
"""Decoded columns that are asked for an account, and read by nothing else."""


def billed_accounts(spans: pa.Table, provider: pa.Array) -> pa.Array:
    """(n,) ``provider_account`` of decoded spans, whose canonical providers these are; as it came, or a text column."""
    account = one_piece(spans["provider_account"])
    rules = [rule for rule in account_rules() if spans[rule.field].null_count < len(spans)]
    if not rules:
        return account
    account, provider = account.cast(pa.string()), provider.cast(pa.string())
    clouds = pc.utf8_lower(one_piece(spans[CLOUD]).cast(pa.string()))
    for rule in rules:
        serves = pc.is_null(provider) if rule.provider == NONE else pc.equal(provider, pa.scalar(rule.provider))
        if rule.cloud:
            serves = pc.and_(serves, pc.equal(clouds, pa.scalar(rule.cloud)))
        told = one_piece(spans[rule.field]).cast(pa.string())
        account = pc.coalesce(account, pc.if_else(pc.fill_null(serves, False), told, None))
    return account

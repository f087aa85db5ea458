"""Anthropic's default workspace, which has an id in the console and in spans, and none in the reports."""

from __future__ import annotations

from collections import Counter

from warehouse.invoices.anthropic import DEFAULT_WORKSPACE, PROVIDER
from warehouse.invoices.gather import Rows
from warehouse.invoices.line import TOKENS
from warehouse.invoices.split import split_tokens


def name_default(ours: Rows, theirs: Rows) -> Rows:
    """The bill with the id that our calls have for the default workspace.

    That is the only account of ours that the bill does not have, where at least half of its counts of tokens (of a day,
    model and kind) are those of the default workspace.
    """
    called, billed = ({row["account"] for row in rows} for rows in (ours, theirs))
    unknown = called - billed
    if DEFAULT_WORKSPACE not in billed - called or len(unknown) != 1 or None in called:
        return theirs
    account = unknown.pop()
    if not _is_one(
        [row for row in ours if row["account"] == account],
        [row for row in theirs if row["account"] == DEFAULT_WORKSPACE],
    ):
        return theirs
    return [row | {"account": account} if row["account"] == DEFAULT_WORKSPACE else row for row in theirs]


def _is_one(ours: Rows, theirs: Rows) -> bool:
    if any(row["provider"] != PROVIDER for row in theirs):
        return False
    counts: tuple[Counter[object], Counter[object]] = (Counter(), Counter())
    for row in ours:
        for kind, tokens in split_tokens(row).items():
            counts[0][row["day"], row["model"], kind] += tokens
    for row in theirs:
        if row["unit"] == TOKENS and row["quantity"] is not None:
            counts[1][row["day"], row["model"], row["kind"]] += int(row["quantity"])
    keys = [key for key in counts[0] | counts[1] if counts[0][key] or counts[1][key]]
    return 2 * sum(counts[0][key] == counts[1][key] for key in keys) >= len(keys)

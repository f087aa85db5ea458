"""The chores of a worker: the lake's upkeep, and settlements that leave flushes their memory."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from processors.agents.chores import Chore, Stop
from processors.pricing.book import PriceBook
from processors.pricing.settled import pricing_of
from warehouse.errors import WarehouseError
from warehouse.lake import Lake
from warehouse.lake.upkeep import Upkeep
from warehouse.settings import LakeSettings, SettleSettings
from warehouse.settle import settle

log = logging.getLogger("spanledger.settle")

SETTLE_MIB, SETTLE_SPANS = 512, 200_000
"""What a settlement in a worker may use, and how many spans it looks at in one step."""


def chores(lake: LakeSettings, how: SettleSettings, book: Callable[[], PriceBook], actor: str) -> list[Chore]:
    """Those that the settings ask for; ``book``: the prices of now."""
    upkeep = Upkeep(lake)
    sparing = replace(how, memory_mib=min(how.memory_mib, SETTLE_MIB), chunk_spans=min(how.chunk_spans, SETTLE_SPANS))

    def keep(now: datetime, stop: Stop) -> None:
        upkeep.stop = stop
        upkeep.step(now)

    def close(now: datetime, stop: Stop) -> None:
        def go_on(_: str) -> None:
            if stop():
                raise WarehouseError("the worker stops")

        done = settle(Lake.open(lake), lake, sparing, pricing_of(book()), now=now, actor=actor, on_step=go_on)
        if done.number:
            log.info(
                "settlement=%d closed_to=%s hours=%d reopened=%d corrected=%d",
                done.number, done.closed_to, done.hours, len(done.reopened), done.corrected,
            )  # fmt: skip

    every = [
        Chore(what="look after the lake", every_s=lake.upkeep_seconds, do=keep),
        Chore(what="settle", every_s=how.every_seconds, do=close),
    ]
    return [chore for chore in every if chore.every_s]

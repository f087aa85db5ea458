"""The watcher that a worker runs: a lookout over the real lake and the channels that the settings name."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.channels import Channel
from alerts.lake_ledger import NO_PLANS, LakeLedger
from alerts.lookout import Lookout, StepReport
from alerts.routing.file import open_channels
from alerts.routing.routes import to_all
from alerts.settings import AlertSettings
from warehouse.lake import Lake
from warehouse.planning import Plans
from warehouse.reader import Warehouse

__all__ = ["StepReport", "Watcher"]


class Watcher(Lookout):
    """``step(now)`` whenever something may have changed; ``channels`` are told besides those of the settings."""

    def __init__(
        self,
        settings: AlertSettings,
        lake: Lake,
        warehouse: Warehouse,
        channels: Sequence[Channel] = (),
        plans: Plans = NO_PLANS,
    ) -> None:
        told = (*open_channels(settings), *to_all(*channels))
        super().__init__(settings, LakeLedger(lake, warehouse, plans), told)

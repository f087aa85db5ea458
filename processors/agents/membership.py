"""Watches that Kafka lets the worker into its group: a worker that is refused for good must end, not idle.

Kafka's refusals (no right to the group, a session timeout that the cluster does not allow) come to aiokafka's
coordinator, which keeps them for whoever polls the consumer next. Faust 0.15.3 fetches past that check, and its app
waits for an assignment that never comes: a refused worker would run for ever and read nothing.
"""

from __future__ import annotations

from typing import Any

import faust
from mode import Service

LOOK_EVERY_S = 1.0


class GroupRefused(Exception):
    """Kafka does not let this worker into its consumer group; the text is Kafka's."""


class MembershipWatch(Service):
    """Runs beside the app, because the app's own tasks wait for an assignment; raises GroupRefused, which ends both."""

    def __init__(self, app: faust.App) -> None:
        self._app = app
        super().__init__()

    @Service.task
    async def _watch(self) -> None:
        while not self.should_stop:
            error = _refusal(self._app.consumer)
            if error is not None:
                raise GroupRefused(
                    f"Kafka refuses the consumer group {self._app.conf.id}: {error}; "
                    "check the user's rights to the group and worker.session_seconds"
                ) from error
            await self.sleep(LOOK_EVERY_S)


def _refusal(consumer: Any) -> BaseException | None:
    """What the coordinator keeps; None while there is no client yet."""
    client = consumer._thread._consumer  # noqa: SLF001 -- Faust shows its client nowhere
    coordinator = client and client._coordinator  # noqa: SLF001
    error: BaseException | None = coordinator and coordinator._pending_exception  # noqa: SLF001 -- its getter clears it
    return error

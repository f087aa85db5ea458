"""What a step is called on the wire: as one of three instrumentation families would write it.

``otel`` follows the current OpenTelemetry GenAI conventions, ``openinference`` and ``openllmetry`` their libraries.
Tenant, feature, user and session travel the way each family carries them; prompts and answers stand where its library
puts them by default.
"""

from __future__ import annotations

from collections.abc import Callable

from ingest.simulator.naming import openinference, openllmetry, otel
from ingest.simulator.naming.wire import Event, Written
from ingest.simulator.tasks import Task

__all__ = ["Event", "Written", "write"]

_FAMILIES: dict[str, Callable[[Task, int], Written]] = {
    "otel": otel.write,
    "openinference": openinference.write,
    "openllmetry": openllmetry.write,
}


def write(task: Task, index: int) -> Written:
    """Step ``index`` of ``task`` in the words of its service."""
    return _FAMILIES[task.steps[index].service.naming](task, index)

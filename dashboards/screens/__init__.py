"""The pages by whom they are for, in the order in which they are listed; one module each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from dashboards.answers import Source
from dashboards.controls import COMPARE, CONTROLS
from dashboards.period import Period, whole_hours, whole_months
from dashboards.screens import (
    adoption,
    calls,
    change,
    chargeback,
    close,
    errors,
    experiments,
    gpu,
    incidents,
    invoice,
    latency,
    pipeline,
    quality,
    safety,
    slo,
    spend,
    successes,
    trace,
)
from dashboards.view import DIMENSIONS, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """A page: its name, the path of its address (of the first one: nothing), what draws it.

    ``reach``: of a page that shows the settled books, what of them it shows in a period at a moment; None = it shows
    what the stream tells, ``is_final``: but the books where these have all of it. ``filters``: the controls that bear
    on it.
    """

    title: str
    path: str
    show: Callable[[Source, View], None]
    reach: Callable[[Period, datetime], Period] | None = None
    is_final: bool = False
    filters: Collection[str] = DIMENSIONS


def hours(period: Period, _: datetime) -> Period:
    """What pages of the books show: whole hours."""
    return whole_hours(period)


WHOSE = ("tenant", "feature")
"""The filters that people and tasks know."""

PAGES: Mapping[str, tuple[Screen, ...]] = {
    "Finance": (
        Screen(title="Spend", path="", show=spend.show, is_final=True, filters=CONTROLS),
        Screen(
            title="Cost per successful task",
            path="successful-tasks",
            show=successes.show,
            reach=hours,
            filters=CONTROLS,
        ),
        Screen(title="Invoice", path="invoice", show=invoice.show, reach=hours, filters=()),
        Screen(title="Chargeback", path="chargeback", show=chargeback.show, reach=whole_months, filters=("tenant",)),
        Screen(title="Close", path="close", show=close.show, reach=hours, filters=("tenant",)),
    ),
    "SRE": (
        Screen(title="Incidents", path="incidents", show=incidents.show),
        Screen(title="Latency", path="latency", show=latency.show, filters=CONTROLS),
        Screen(title="Errors", path="errors", show=errors.show, filters=CONTROLS),
        Screen(title="Safety", path="safety", show=safety.show, filters=CONTROLS),
        Screen(title="SLO", path="slo", show=slo.show),
        Screen(title="GPU", path="gpu", show=gpu.show, reach=hours, filters=CONTROLS),
        Screen(title="Pipeline", path="pipeline", show=pipeline.show, filters=()),
    ),
    "Product": (
        Screen(title="Adoption", path="adoption", show=adoption.show, reach=hours, filters=(*WHOSE, COMPARE)),
        Screen(title="Experiments", path="experiments", show=experiments.show, reach=hours, filters=WHOSE),
        Screen(title="Quality", path="quality", show=quality.show, reach=hours, filters=(*WHOSE, COMPARE)),
        Screen(title="Change", path="change", show=change.show, filters=WHOSE),
    ),
    "Everyone": (
        Screen(title="Calls", path="calls", show=calls.show),
        Screen(title="Trace", path="trace", show=trace.show),
    ),
}

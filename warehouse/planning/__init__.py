"""What was planned and what will be: budgets, forecasts, why spend came otherwise, and service-level objectives.

================  ==================================================================================================
``file.py``       the TOML file of budgets and launches; what is wrong in it is refused by name
``entries.py``    what one entry of such a file may say
``periods.py``    months, quarters and weeks, and the period before
``series.py``     spend of the ledger by day, and what the stream has of hours that are not settled
``launches.py``   what launches of the calendar do to a day
``weekdays.py``   what weekdays have of a mean day, as far as it shows above the noise
``levels.py``     how high spend is and where it goes: one level, another since a day, or a line
``model.py``      days to come: such levels x weekdays x what days were off before
``gaps.py``       which days spend at all, where days without spend come between others
``backtest.py``   the same from days of the past, against what came
``forecast.py``   the report ``forecast``
``standing.py``   how budgets stand now, as alerts watch them
``budgets.py``    the report ``budgets``
``causes.py``     a difference in parts that add up to it: volume, mix, price
``variance.py``   the report ``variance``
``objectives.py`` the TOML file of service-level objectives
``burning.py``    how fast their error budgets burn now, as alerts watch them
``slo.py``        the report ``slo``: what they attain, error budgets and how fast they burn
================  ==================================================================================================

``docs/finance.md`` and ``docs/slo.md`` show such files and say what each number means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa

from warehouse.planning.budgets import hold
from warehouse.planning.file import Plans, read_plans
from warehouse.planning.forecast import forecast
from warehouse.planning.slo import attain
from warehouse.planning.variance import vary

__all__ = ["REPORTS", "Plans", "read_plans"]

REPORTS: Mapping[str, Callable[..., pa.Table]] = {
    "variance": vary,
    "forecast": forecast,
    "budgets": hold,
    "slo": attain,
}
"""By the name of the question: what answers ``(snapshot, scope, plans, **params)``."""

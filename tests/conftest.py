"""Fixtures that every test may take; what all processes of the tests are started with; which modules go first."""

import gc
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("fixed", derandomize=True, database=None, deadline=None)
settings.register_profile("search", print_blob=True)
settings.load_profile("fixed")  # the same examples in every run; --hypothesis-profile=search looks for others

sys.dont_write_bytecode = False  # of hundreds of processes one compiles a module, not each
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.setdefault("POLARS_MAX_THREADS", "1")  # of a few rows nothing is worth sharing out: a fifth of the time

pytest_plugins = ["tests.kafka", "tests.secured"]

LONGEST_FIRST = (
    *("warehouse/test_spark", "flows/test_torture", "warehouse/test_settle_laws", "spanledger/test_focus_validator"),
    *("flows/test_crashes", "warehouse/test_settle_doubt", "alerts/test_health_watch", "warehouse/test_focus"),
    *("warehouse/test_reader", "flows/test_redelivery", "processors/test_wire", "warehouse/test_reprice"),
    *("flows/test_faults", "dashboards/test_pages", "flows/test_outcomes", "warehouse/test_reconcile"),
    *("dashboards/test_finance_pages", "dashboards/test_sign_in", "dashboards/test_sre_pages"),
    *("flows/test_privacy", "flows/test_demo", "ingest/test_broker_verb", "warehouse/test_settle"),
    *("flows/test_freshness", "warehouse/test_once_doubt", "ingest/gateway/test_faults", "warehouse/test_commit"),
    *("ingest/test_delivery", "processors/test_explain", "flows/test_backpressure", "warehouse/test_once_providers"),
    *("flows/test_secured", "warehouse/test_settled_questions", "flows/test_up", "spanledger/test_reconcile"),
    *("ingest/test_broker", "warehouse/test_upkeep_faults", "flows/test_collector", "warehouse/test_forecast"),
    *("flows/test_captures", "alerts/test_lookout", "flows/test_stopping", "spanledger/test_inspect"),
    *("flows/test_settling", "flows/test_live", "live/test_live", "flows/test_drain", "processors/test_laws"),
    *("dashboards/test_gpu_page", "alerts/test_loops", "processors/test_told_twice", "dashboards/test_slo_page"),
    *("dashboards/test_product_pages", "alerts/test_history", "warehouse/test_settle_outcomes", "alerts/test_burns"),
    *("ingest/test_broker_secured", "warehouse/test_gpu_questions", "alerts/test_people", "alerts/test_backtest"),
)
"""A module is run by one process: a long one that starts last is waited for by all others.

Those that wait for processes and those that compute take turns.
"""


def pytest_configure(config: pytest.Config) -> None:
    """One broker serves all processes of the tests, and what one of them compiled."""
    from tests.kafka import SharedBroker  # after pytest has prepared its assertions

    if config.getoption("numprocesses", None):
        subprocess.run([sys.executable, "-m", "processors.prepare"], check=True)
    config.pluginmanager.register(SharedBroker())


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is collected stays to the end: nobody looks through it for garbage, neither now nor later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_unconfigure() -> None:
    """What was left out of the collector's looks is given back, or libraries call it leaked."""
    gc.unfreeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long modules first; the others, and the tests of a module, in their order."""
    places = {f"tests/{module}.py": place for place, module in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.location[0], len(places)))

"""Fixtures that every test may take; what all processes of the tests are started with; which modules go first."""

import os

import pytest

os.environ.setdefault("POLARS_MAX_THREADS", "1")  # of a few rows nothing is worth sharing out: a fifth of the time

pytest_plugins = ["tests.kafka", "tests.secured"]

LONGEST_FIRST = (
    *("flows/test_crashes", "processors/test_wire", "flows/test_torture", "flows/test_redelivery", "flows/test_faults"),
    *("flows/test_privacy", "dashboards/test_pages", "flows/test_freshness", "flows/test_demo", "flows/test_outcomes"),
    *("ingest/gateway/test_faults", "ingest/test_broker", "ingest/test_broker_verb", "warehouse/test_spark"),
    *("flows/test_collector", "flows/test_captures", "flows/test_up", "flows/test_secured", "flows/test_stopping"),
    *("flows/test_settling", "flows/test_backpressure", "flows/test_drain", "flows/test_live", "live/test_live"),
    *("warehouse/test_reader", "ingest/test_delivery", "processors/test_explain", "processors/test_providers"),
    *("spanledger/test_report", "warehouse/test_reconcile", "processors/test_guardrails", "warehouse/test_settle_laws"),
    *("spanledger/test_focus_validator", "processors/test_outcomes_ways", "processors/test_outcomes_flush"),
    *("warehouse/test_forecast", "processors/test_usage_objects", "processors/test_normalise", "warehouse/test_settle"),
    *("warehouse/test_focus", "warehouse/test_focus_laws", "processors/test_more_libraries", "warehouse/test_upkeep"),
    *("processors/test_normalise_laws", "processors/test_laws", "processors/test_errors", "warehouse/test_once"),
    *("warehouse/test_upkeep_faults", "processors/test_named_calls", "spanledger/test_inspect"),
)
"""A module is run by one process: a long one that starts last is waited for by all others."""


def pytest_configure(config: pytest.Config) -> None:
    """One broker serves all processes of the tests."""
    from tests.kafka import SharedBroker  # after pytest has prepared its assertions

    config.pluginmanager.register(SharedBroker())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long modules first; the others, and the tests of a module, in their order."""
    places = {f"tests/{module}.py": place for place, module in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.location[0], len(places)))

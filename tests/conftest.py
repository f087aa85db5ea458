"""Fixtures that every test may take; what all processes of the tests are started with; which modules go first."""

import pytest

pytest_plugins = ["tests.kafka", "tests.secured"]

LONGEST_FIRST = (
    *("flows/test_crashes", "flows/test_torture", "flows/test_redelivery", "flows/test_faults", "flows/test_privacy"),
    *("processors/test_wire", "ingest/test_broker", "flows/test_freshness", "flows/test_demo", "flows/test_outcomes"),
    *("ingest/gateway/test_faults", "dashboards/test_pages", "processors/test_explain", "ingest/test_broker_verb"),
    *("flows/test_collector", "flows/test_captures", "flows/test_up", "flows/test_secured", "flows/test_stopping"),
    *("warehouse/test_reader", "ingest/test_delivery", "warehouse/test_upkeep", "warehouse/test_upkeep_faults"),
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

"""Views and the addresses that stand for them."""

from datetime import date
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from dashboards.period import BETWEEN
from dashboards.view import View

UTC = ZoneInfo("UTC")


def test_only_chosen_dimensions_narrow_a_question():
    view = View(period="Today", zone=UTC, chosen={"tenant": ["acme", "unattributed"], "feature": [], "model": []})

    assert view.where() == {"tenant": ("acme", None)}


def test_a_link_narrows_one_dimension_and_keeps_the_rest():
    view = View(period="Last hour", zone=UTC, chosen={"tenant": ["a", "b"], "feature": ["chat&search"], "model": []})

    query = parse_qs(view.narrowed("tenant", "acme").removeprefix("?"))

    assert query == {"period": ["Last hour"], "tenant": ["acme"], "feature": ["chat&search"], "zone": ["UTC"]}


def test_a_link_keeps_the_days():
    view = View(period=BETWEEN, zone=UTC, days=(date(2026, 3, 1), date(2026, 3, 2)), chosen={})

    query = parse_qs(view.narrowed("model", None).removeprefix("?"))

    assert (query["from"], query["to"], query["model"]) == (["2026-03-01"], ["2026-03-02"], ["unattributed"])


def test_calls_behind_a_row_are_found_where_the_address_can_say_which():
    view = View(period="Today", zone=UTC, chosen={"tenant": [], "feature": ["chat"], "model": []})

    leads = view.calls_of(("tenant", "provider", "status", "error_class"))

    assert leads is not None
    assert view.calls_of(("service",)) is None
    row = {"tenant": None, "provider": "openai", "status": "error", "error_class": None}
    address, _, query = leads(row).partition("?")
    told = parse_qs(query)
    assert address == "calls"
    assert {name: told[name] for name in ("tenant", "feature", *row)} == {
        "tenant": ["unattributed"],
        "feature": ["chat"],
        "provider": ["openai"],
        "status": ["error"],
        "error_class": ["unattributed"],
    }

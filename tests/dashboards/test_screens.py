"""What is true of all pages."""

from dashboards.screens import PAGES, close

SCREENS = [screen for screens in PAGES.values() for screen in screens]


def test_every_page_has_an_address_and_a_name_of_its_own():
    assert len({screen.path for screen in SCREENS}) == len({screen.title for screen in SCREENS}) == len(SCREENS)


def test_close_names_a_month_only_where_one_waits_to_be_locked():
    over = {"month": "2026-10", "state": close.OVER}

    assert "--close-month 2026-10</code>" in close.how_to_lock([over])
    assert "No month waits to be locked" in close.how_to_lock([over | {"state": close.LOCKED}])


def test_no_page_adds_sql_of_its_own():
    from pathlib import Path

    import dashboards

    for file in Path(dashboards.__file__).parent.rglob("*.py"):
        assert "SELECT " not in file.read_text(), file

"""What is true of all pages."""

from dashboards.screens import PAGES

SCREENS = [screen for screens in PAGES.values() for screen in screens]


def test_every_page_has_an_address_and_a_name_of_its_own():
    assert len({screen.path for screen in SCREENS}) == len({screen.title for screen in SCREENS}) == len(SCREENS)


def test_no_page_adds_sql_of_its_own():
    from pathlib import Path

    import dashboards

    for file in Path(dashboards.__file__).parent.rglob("*.py"):
        assert "SELECT " not in file.read_text(), file

"""The controls, run by Streamlit's own harness."""

from typing import Any

from streamlit.testing.v1 import AppTest

from dashboards.controls import KEPT


def _page() -> None:
    from datetime import UTC, datetime

    import streamlit as st

    from dashboards.controls import choose, keep_choice
    from dashboards.view import DIMENSIONS

    keep_choice(st.navigation([st.Page(lambda: None, title="Here", url_path="here")]))
    st.write(choose(datetime(2026, 11, 22, tzinfo=UTC), lambda _: dict.fromkeys(DIMENSIONS, ())).period)


def _opened(address: dict[str, str], kept: tuple[str, dict[str, list[str]]] | None) -> AppTest:
    app = AppTest.from_function(_page)
    for name, value in address.items():
        app.query_params[name] = value
    if kept:
        app.session_state[KEPT] = kept
    return app.run()


def _shown(app: AppTest) -> Any:
    assert not app.exception
    return app.markdown[0].value, dict(app.query_params)


def test_a_click_that_comes_before_a_page_is_drawn_keeps_what_its_address_chose():
    app = _opened({}, ("elsewhere", {"period": ["All time"]}))

    assert _shown(app) == ("All time", {"period": "All time"})


def test_an_address_that_chooses_something_is_not_overruled_by_the_page_before():
    app = _opened({"period": "Today"}, ("elsewhere", {"period": ["All time"]}))

    assert _shown(app)[0] == "Today"


def test_a_choice_taken_back_on_the_same_page_stays_taken_back():
    app = _opened({}, ("", {"period": ["All time"]}))

    assert _shown(app)[0] != "All time"

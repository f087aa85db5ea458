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


def _books() -> None:
    from datetime import UTC, datetime

    import streamlit as st

    from dashboards.controls import choose, choose_one, choose_some

    view = choose(
        datetime(2026, 11, 22, tzinfo=UTC), lambda _: {"tenant": ["acme"], "feature": [], "model": []}, ("tenant",)
    )
    st.write(repr((view.where(), view.compared)))
    st.write(choose_one("Which", {"a": "first", "b": "second"}, key="which"))
    st.write(repr(choose_some("Split", {"a": "first", "b": "second"}, key="split", default=("b",))))


def _run(**address: str) -> AppTest:
    app = AppTest.from_function(_books)
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def test_what_a_page_has_no_use_for_stands_still_and_does_not_narrow_it():
    app = _run(tenant="acme", model="gpt-4o", compare="true")

    assert app.markdown[0].value == repr(({"tenant": ("acme",)}, False))
    assert [one.disabled for one in app.multiselect] == [False, True, True]
    assert app.multiselect[2].value == ["gpt-4o"]  # kept for the page that has one


def test_one_of_some_words_is_always_chosen():
    assert _run().markdown[1].value == "a"
    assert _run(which="second").markdown[1].value == "b"


def test_some_of_some_words_are_the_default_where_none_is_chosen():
    app = _run()
    assert app.markdown[2].value == "['b']"

    app.pills(key="split").set_value(["b", "a"]).run()
    assert app.markdown[2].value == "['a', 'b']"
    app.pills(key="split").set_value([]).run()
    assert app.markdown[2].value == "['b']"

"""The order in which spans of a trace are shown."""

from typing import Any

from dashboards.screens.trace import DEEPEST, in_order, timeline


def _span(number: int, parent: int | None = None, **values: Any) -> dict[str, Any]:
    told = dict.fromkeys(
        ("name", "tenant", "feature", "ttft_ms", "input_tokens", "output_tokens", "cost_usd", "stream", "error_class",
         "guardrail_action", "safety_category", "suppressed_by", "price_status")
    )  # fmt: skip
    return {
        **told,
        "span_id": number.to_bytes(8),
        "parent_span_id": None if parent is None else parent.to_bytes(8),
        "operation": "chat",
        "status": "ok",
        "billable": True,
        "offset_ms": float(number),
        "duration_ms": 1.0,
        **values,
    }


def _placed(*rows: dict[str, Any]) -> list[tuple[int, int]]:
    return [(int.from_bytes(row["span_id"]), depth) for row, depth in in_order(rows)]


def test_children_stand_below_their_parents():
    assert _placed(_span(1), _span(2), _span(3, 1), _span(4, 3), _span(5, 1)) == [
        (1, 0),
        (3, 1),
        (4, 2),
        (5, 1),
        (2, 0),
    ]


def test_a_span_whose_parent_is_not_there_is_a_root_and_rings_are_shown_once():
    assert _placed(_span(1, 9), _span(2, 3), _span(3, 2), _span(4, 4)) == [(1, 0), (4, 0), (2, 0), (3, 1)]


def test_a_span_that_came_twice_is_shown_twice():
    assert _placed(_span(1), _span(2, 1), _span(2, 1)) == [(1, 0), (2, 1), (2, 1)]


def test_a_long_chain_is_shown_and_not_indented_out_of_sight():
    placed = _placed(_span(0), *(_span(n, n - 1) for n in range(1, 3000)))

    assert (len(placed), max(depth for _, depth in placed)) == (3000, DEEPEST)


def test_names_of_others_are_escaped():
    assert "<img" not in timeline([_span(1, name="<img src=x>", tenant="<b>")])

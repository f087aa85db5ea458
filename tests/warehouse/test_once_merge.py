"""What a span takes from others: dimensions from its ancestors, gaps from spans that tell of the same call."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any, TypeVar

from tests.warehouse.told import in_ledgers, span, table, told_once, tool
from warehouse import once

Rows = list[dict[str, Any]]
Case = TypeVar("Case")

DETAILS = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens")


def merged(*rows: dict[str, Any]) -> dict[str, Any]:
    """The one billed call."""
    (billed,) = [row for row in told_once(*rows).values() if row["billable"]]
    return billed


def merged_each(scenes: Mapping[Case, Rows]) -> dict[Case, dict[str, Any]]:
    """The one billed call of each case, all of them judged at once, each in a ledger of its own."""
    judged = once.apply(table(*in_ledgers(scenes.values()))).to_pylist()
    billed = [row for row in judged if row["billable"]]
    assert sorted(row[once.LEDGER] for row in billed) == list(range(len(scenes)))
    cases = list(scenes)
    return {cases[row[once.LEDGER]]: row for row in billed}


def tokens(row: dict[str, Any]) -> tuple[int | None, ...]:
    return tuple(row[name] for name in DETAILS)


def test_each_dimension_comes_from_the_nearest_ancestor_that_has_it():
    rows = [
        tool("root", tenant="acme", feature="checkout", session_id="far", user_id="u", task_id="T"),
        tool("http", "root", operation=None, session_id="near", prompt_name="greet", prompt_version="3"),
        span("call", "http"),
    ]

    call = told_once(*rows)["call"]

    names = ("tenant", "feature", "session_id", "user_id", "task_id", "prompt_name", "prompt_version")
    assert [call[name] for name in names] == ["acme", "checkout", "near", "u", "T", "greet", "3"]


def test_what_a_span_says_of_itself_stands():
    rows = [tool("root", tenant="acme", session_id="far", prompt_name="greet", prompt_version="3")]
    rows += [span("call", "root", tenant="globex", session_id="own", prompt_name="farewell")]

    call = told_once(*rows)["call"]

    assert [call[name] for name in ("tenant", "session_id", "prompt_name", "prompt_version")] == [
        "globex",
        "own",
        "farewell",
        None,
    ]


RANKS = {
    "explicit before namespace": (1, 3, "ancestor"),
    "equal": (1, 1, "own"),
    "worse": (3, 1, "own"),
    "header of another message": (0, 3, "own"),
    "own header": (1, 0, "own"),
    "team before namespace": (2, 3, "ancestor"),
}
"""Ranks of an ancestor's tenant and of the span's own, and whose stands."""


def test_an_ancestor_s_better_kind_of_name_goes_before_the_span_s_own():
    billed = merged_each({
        case: [
            tool("root", tenant="ancestor", tenant_rank=ancestor_rank),
            span("call", "root", tenant="own", tenant_rank=own_rank),
        ]
        for case, (ancestor_rank, own_rank, _) in RANKS.items()
    })  # fmt: skip

    assert {case: row["tenant"] for case, row in billed.items()} == {case: whose for case, (*_, whose) in RANKS.items()}


def test_a_tenant_of_a_header_is_inherited_where_a_span_has_none():
    rows = [tool("root", tenant="stamped", tenant_rank=0), span("call", "root")]

    assert told_once(*rows)["call"]["tenant"] == "stamped"


def test_nothing_is_handed_down_from_one_stamped_tenant_to_another():
    rows = [
        tool("root", tenant="acme", tenant_rank=0, session_id="S", feature="chat", user_id="u", task_id="T"),
        tool("between", "root"),
        span("own", "between", tenant="acme", tenant_rank=0),
        span("foreign", "between", tenant="globex", tenant_rank=0),
    ]

    told = told_once(*rows)

    names = ("tenant", "session_id", "feature", "user_id", "task_id")
    assert [told["own"][name] for name in names] == ["acme", "S", "chat", "u", "T"]
    assert [told["foreign"][name] for name in names] == ["globex", None, None, None, None]


def test_of_two_stamped_tenants_the_client_s_is_taken_with_all_that_it_says():
    stamped = {"tenant_rank": 0, "response_id": "chatcmpl-12345678"}
    billed = merged(
        span("client", at=0, tenant="acme", session_id="S", **stamped),
        span(
            "gateway",
            trace="u",
            at=3,
            tenant="platform",
            user_id="proxy",
            input_tokens=5,
            output_tokens=1,
            **stamped,
        ),
    )

    assert [billed[name] for name in ("tenant", "session_id", "user_id", "input_tokens")] == ["acme", "S", None, 5]


def test_a_fetched_response_lends_what_was_used():
    billed = merged(
        span("create", response_id="resp_12345678", tenant="acme"),
        tool("fetch", trace="u", at=900, operation="task", _role="fetch", response_id="resp_12345678",
             input_tokens=9, output_tokens=3),
    )  # fmt: skip

    assert (billed["tenant"], billed["input_tokens"], billed["output_tokens"]) == ("acme", 9, 3)


def test_of_repeated_records_the_one_that_says_most_is_billed():
    said = told_once(span("a", source_offset=1), span("a", source_offset=2, input_tokens=9, output_tokens=3))

    assert (said["a"]["billable"], said["a"]["input_tokens"]) == (True, 9)


def test_another_trace_and_a_circle_of_parents_lend_nothing():
    rows = [tool("root", tenant="acme"), span("call", "root", trace="u"), span("a", "b", tenant="x"), span("b", "a")]

    told = told_once(*rows)

    assert [told[name]["tenant"] for name in ("call", "b")] == [None, None]


def test_a_leaf_without_usage_takes_it_from_its_wrapper():
    billed = merged(
        span("outer", input_tokens=9, cached_input_tokens=4, output_tokens=3, reasoning_tokens=2, tenant="acme"),
        span("leaf", "outer", response_id="chatcmpl-12345678"),
    )

    assert tokens(billed) == (9, 4, 3, 2)
    assert (billed["tenant"], billed["response_id"]) == ("acme", "chatcmpl-12345678")


def test_details_of_tokens_come_only_from_a_span_that_agrees_on_their_sum():
    leaf = {"input_tokens": 9, "output_tokens": 3}

    agrees = merged(span("outer", **leaf, cached_input_tokens=4, reasoning_tokens=2), span("leaf", "outer", **leaf))
    differs = merged(
        span("outer", input_tokens=5, cached_input_tokens=4, output_tokens=3, reasoning_tokens=2),
        span("leaf", "outer", **leaf),
    )

    assert tokens(agrees) == (9, 4, 3, 2)
    assert tokens(differs) == (9, None, 3, 2)


def test_a_count_of_zero_gives_way_to_a_positive_one():
    billed = merged(
        span("outer", input_tokens=9, output_tokens=3), span("leaf", "outer", input_tokens=0, output_tokens=0)
    )

    assert tokens(billed) == (9, None, 3, None)


SHORN = {"input_tokens": 594, "output_tokens": 613, "usage_semantics": "exclusive", "convention": "otel_genai"}
WHOLE = {
    "input_tokens": 3025,
    "cached_input_tokens": 2251,
    "cache_write_tokens": 180,
    "cache_write_1h_tokens": 60,
    "output_tokens": 613,
    "usage_semantics": "inclusive",
    "convention": "openinference",
}
INPUT = ("input_tokens", "cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens", "usage_semantics")


def told_inputs(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in INPUT)


def shorn(case: tuple[str, bool, bool]) -> Rows:
    """A wrapper and its call, of which one has left the cache out of its input."""
    semantics, whole_outside, turned = case
    outer, inner = (WHOLE, SHORN) if whole_outside else (SHORN, WHOLE)
    rows = [span("outer", **outer), span("inner", "outer", at=1, ms=90, **inner)]
    rows = [row | ({"usage_semantics": semantics} if row["input_tokens"] == 3025 else {}) for row in rows]
    return rows[::-1] if turned else rows


def test_an_input_without_its_cache_gives_way_to_the_one_with_it():
    cases = list(product(["inclusive", "exclusive"], [True, False], [False, True]))

    billed = merged_each({case: shorn(case) for case in cases})

    assert {row["span_id"].rstrip(b"\0") for row in billed.values()} == {b"inner"}
    assert {case: told_inputs(row) for case, row in billed.items()} == {
        case: (3025, 2251, 180, 60, case[0]) for case in cases
    }
    assert {row["output_tokens"] for row in billed.values()} == {613}


OTHERS = {
    "another sum": (WHOLE | {"input_tokens": 3026}, SHORN),
    "another output": (WHOLE | {"output_tokens": 700}, SHORN),
    "a cache of its own": (WHOLE, SHORN | {"cached_input_tokens": 200}),
    "one number read in two ways": (WHOLE | {"usage_semantics": "exclusive"}, SHORN | {"usage_semantics": "inclusive"}),
}


def test_an_input_that_is_not_the_other_without_its_cache_stands():
    billed = merged_each(
        {
            case: [span("outer", **outer), span("inner", "outer", at=1, ms=90, **inner)]
            for case, (outer, inner) in OTHERS.items()
        }
    )

    assert {case: told_inputs(row) for case, row in billed.items()} == {
        case: (594, inner.get("cached_input_tokens"), None, None, inner["usage_semantics"])
        for case, (_, inner) in OTHERS.items()
    }


def test_a_cache_that_an_agreeing_span_tells_goes_before_one_that_is_added():
    rows = [
        span("outer", **WHOLE),
        span("middle", "outer", **SHORN | {"cached_input_tokens": 200}),
        span("inner", "middle", **SHORN),
    ]

    assert told_inputs(merged(*rows)) == (594, 200, None, None, "exclusive")


def test_a_gateway_that_tells_the_cache_lends_it_to_the_client_that_does_not():
    rows = [
        span("client", response_id="msg_12345678", **SHORN | {"_usage_rank": 0}),
        span("gateway", trace="u", response_id="msg_12345678", **WHOLE),
    ]

    assert told_inputs(merged(*rows)) == (3025, 2251, 180, 60, "inclusive")


COPIES: dict[str, tuple[dict[str, Any], tuple[int | None, ...], str]] = {
    "sound": (
        {"input_tokens": 9, "cached_input_tokens": 4, "output_tokens": 3, "reasoning_tokens": 1},
        (9, 4, 3, 1),
        "exclusive",
    ),
    "repaired": (
        {"input_tokens": 9, "output_tokens": 3, "usage_semantics": "inclusive+total_disagrees"},
        (7, 2, 2, None),
        "inclusive",
    ),
    "empty": ({"input_tokens": 0, "output_tokens": 0}, (7, 2, 2, None), "inclusive"),
    "none": ({}, (7, 2, 2, None), "inclusive"),
}


def test_sound_counts_of_a_wire_copy_go_before_all_others():
    call = span("call", input_tokens=7, cached_input_tokens=2, output_tokens=2, usage_semantics="inclusive")
    copy = {"_role": "repeat", "usage_semantics": "exclusive"}

    billed = merged_each({case: [call, tool("copy", "call", **copy | copied)] for case, (copied, *_) in COPIES.items()})

    assert {case: (tokens(row), row["usage_semantics"]) for case, row in billed.items()} == {
        case: (counts, semantics) for case, (_, counts, semantics) in COPIES.items()
    }


def test_a_server_and_its_port_are_told_within_a_service_and_not_by_who_asked_a_proxy():
    outer = span("outer", server_address="litellm.internal", server_port=4000, input_tokens=9, output_tokens=3)
    inner = {"parent": "outer", "at": 10, "ms": 80, "input_tokens": 9, "output_tokens": 3}

    within = merged(outer, span("inner", **inner))
    behind = merged(outer, span("inner", **inner, service="vllm"))

    assert (within["server_address"], within["server_port"]) == ("litellm.internal", 4000)
    assert (behind["server_address"], behind["server_port"]) == (None, None)


def test_a_wrapper_of_several_calls_lends_them_no_tokens():
    told = told_once(span("outer", input_tokens=9), span("a", "outer"), span("b", "outer", at=50))

    assert [told[name]["input_tokens"] for name in ("a", "b")] == [None, None]


def test_the_attempt_that_worked_takes_the_wrapper_s_tokens_and_the_failed_one_none():
    told = told_once(
        span("outer", input_tokens=9),
        span("a", "outer", status="error", error_class="rate_limit"),
        span("b", "outer", at=50),
    )

    assert [told[name]["input_tokens"] for name in ("a", "b")] == [None, 9]


def test_the_billed_one_of_two_traces_takes_the_tenant_of_the_other():
    billed = merged(
        tool("web", tenant="acme", feature="chat"),
        span("client", "web", response_id="chatcmpl-12345678"),
        span("gateway", trace="u", response_id="chatcmpl-12345678", input_tokens=5, output_tokens=1),
    )

    assert (billed["tenant"], billed["feature"], billed["input_tokens"]) == ("acme", "chat", 5)


def test_a_better_kind_of_tenant_is_taken_from_the_span_that_has_it():
    billed = merged(
        span("client", tenant="acme", response_id="chatcmpl-12345678"),
        span(
            "gateway",
            trace="u",
            tenant="platform",
            tenant_rank=3,
            response_id="chatcmpl-12345678",
            input_tokens=5,
            output_tokens=1,
        ),
    )

    assert billed["tenant"] == "acme"


def test_a_copy_of_the_request_model_gives_way_to_the_model_that_answered():
    billed = merged(
        span("outer", request_model="gpt-4o", response_model="gpt-4o-2024-08-06"),
        span("leaf", "outer", request_model="gpt-4o", response_model="gpt-4o"),
    )

    assert billed["response_model"] == "gpt-4o-2024-08-06"


def test_what_a_failure_was_is_told_by_spans_that_failed_too():
    failed = {"status": "error", "error_class": "rate_limit", "http_status": 429}
    leaves = {"both": span("leaf", "outer", status="error", error_class="unknown"), "one": span("leaf", "outer")}

    billed = merged_each({case: [span("outer", **failed), leaf] for case, leaf in leaves.items()})

    assert {case: (row["error_class"], row["http_status"]) for case, row in billed.items()} == {
        "both": ("rate_limit", 429),
        "one": (None, None),
    }


def test_a_class_that_a_status_alone_tells_gives_way_to_one_that_says_more():
    leaf = {"status": "error", "error_class": "invalid_request", "http_status": 400}
    outer = leaf | {"error_class": "context_length_exceeded"}

    billed = merged_each(
        {
            "outside": [span("outer", **outer), span("leaf", "outer", **leaf)],
            "inside": [span("outer", **leaf), span("leaf", "outer", **outer)],
        }
    )

    assert {case: row["error_class"] for case, row in billed.items()} == dict.fromkeys(
        ("outside", "inside"), "context_length_exceeded"
    )


def test_a_stream_told_twice_lasts_from_its_request_to_its_usage():
    stream = {"convention": "logfire", "stream": True}
    rows = [
        span("request", trace="r", at=0, ms=2, ttft_ms=40.0, **stream),
        span("usage", trace="u", at=280, ms=0, _role="usage_record", duration_ms=277, input_tokens=5, **stream),
    ]

    billed = merged(*rows)

    assert (billed["started_at"], billed["ended_at"]) == (rows[0]["started_at"], rows[1]["ended_at"])
    assert (billed["input_tokens"], billed["ttft_ms"]) == (5, 40.0)


def test_values_of_any_kind_keep_their_type_and_spans_without_relatives_their_values():
    rows = [
        span("a", trace="x", tags=[("team", "red")], reported_cost_usd=3),
        span("outer", attempt=2),
        span("leaf", "outer"),
    ]

    told = told_once(*rows)

    assert told["a"]["tags"] == [("team", "red")]
    assert (told["a"]["reported_cost_usd"], told["leaf"]["attempt"]) == (3, 2)


def test_a_wrapper_at_another_provider_tells_of_another_call_and_lends_nothing():
    bedrock = {"provider": "aws.bedrock", "request_model": "us.anthropic.claude-sonnet-4-6"}
    over = {"provider": "anthropic", "request_model": "claude-sonnet-4-6", "response_id": "chatcmpl-e1607505-51ef"}
    used = {"input_tokens": 1000, "output_tokens": 50}

    told = {
        host: told_once(
            span("outer", ms=200, server_address=host, **over, **used),
            span("inner", "outer", at=10, **bedrock, **used),
        )
        for host in ("api.anthropic.com", None)
    }

    assert {host: [one["billable"] for one in rows.values()] for host, rows in told.items()} == {
        host: [False, True] for host in told
    }
    lent = {host: (rows["inner"]["provider"], rows["inner"]["response_id"]) for host, rows in told.items()}
    assert lent["api.anthropic.com"] == ("aws.bedrock", None)
    assert lent[None] == ("aws.bedrock", "chatcmpl-e1607505-51ef")  # the maker's word may be said of a call at Bedrock

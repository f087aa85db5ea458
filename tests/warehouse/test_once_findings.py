"""What is found of safety is told once: by who is billed, by who tells it first-hand; nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest

from tests.warehouse.told import span, table, told_once, tool
from warehouse import once

CALL = {"provider": "openai", "request_model": "gpt-4o-mini", "input_tokens": 1000, "output_tokens": 100}
WORDS = ("safety_category", "guardrail_action", "safety_findings", "pii_detected", "injection_detected")
SAFE = {"safety_category": "hate", "guardrail_action": "allowed", "safety_findings": "hate=allowed violence=allowed"}
FILTERED = {"safety_category": "content_filter", "guardrail_action": "blocked"}
HATE = {"safety_category": "hate", "guardrail_action": "flagged", "safety_findings": "hate=flagged"}
VIOLENCE = {"safety_category": "violence", "guardrail_action": "blocked", "safety_findings": "violence=blocked"}
REDACTED = {"safety_category": "pii", "guardrail_action": "redacted", "pii_detected": True}
INJECTED = {"safety_category": "prompt_injection", "injection_detected": True}
NOTHING = (None, None, None, None, None)


def words(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in WORDS)


@pytest.mark.parametrize(
    ("inner", "outer", "found"),
    [
        (
            SAFE,
            FILTERED,
            ("content_filter", "blocked", "content_filter=blocked hate=allowed violence=allowed", None, None),
        ),
        (HATE, VIOLENCE, ("violence", "blocked", "violence=blocked hate=flagged", None, None)),
        (HATE, REDACTED, ("pii", "redacted", "pii=redacted hate=flagged", True, None)),
        (INJECTED, FILTERED, ("content_filter", "blocked", "content_filter=blocked prompt_injection=-", None, True)),
        (VIOLENCE, FILTERED, ("violence", "blocked", "violence=blocked", None, None)),
        ({}, HATE, ("hate", "flagged", "hate=flagged", None, None)),
        ({"pii_detected": False}, {"pii_detected": True}, ("pii", None, "pii=", True, None)),
        ({"guardrail_action": "allowed"}, {"guardrail_action": "blocked"}, (None, "blocked", None, None, None)),
        ({"pii_detected": False}, {"guardrail_action": "blocked"}, (None, "blocked", None, False, None)),
    ],
)
def test_spans_that_tell_of_one_call_tell_together_what_they_found(
    inner: dict[str, Any], outer: dict[str, Any], found: tuple[Any, ...]
):
    told = told_once(
        span("inner", "outer", at=10, ms=80, **CALL, **inner),
        span("outer", convention="openinference", **CALL, **outer),
    )

    assert told["outer"]["suppressed_by"]
    assert words(told["inner"]) == found


def test_who_is_alone_tells_what_it_told():
    told = told_once(span("a", **CALL, **SAFE), span("b", trace="u", **CALL, **REDACTED))

    assert words(told["a"]) == (*SAFE.values(), None, None)
    assert words(told["b"]) == ("pii", "redacted", None, True, None)


@pytest.mark.parametrize("around", ["invoke_agent", "task", "execute_tool"])
def test_what_a_span_repeats_of_its_call_is_told_by_the_call_alone(around: str):
    told = told_once(
        tool("root", operation=around, _role="aggregate", ms=300, **FILTERED),
        tool("step", "root", operation=around, ms=200, **VIOLENCE),
        span("call", "step", at=10, **CALL, **VIOLENCE),
    )

    assert words(told["root"]) == words(told["step"]) == NOTHING
    assert words(told["call"])[:2] == ("violence", "blocked")


def test_what_a_span_around_knows_alone_it_tells():
    told = told_once(
        tool("agent", operation="invoke_agent", ms=300, safety_category="hate", guardrail_action="blocked")
        | {"safety_findings": "hate=blocked violence=flagged", "pii_detected": True},
        span("call", "agent", at=10, **CALL, **VIOLENCE, pii_detected=False),
        tool("alone", trace="u", operation="invoke_agent", **FILTERED),
        span("clean", "alone", trace="u", at=10, **CALL),
    )

    assert words(told["agent"]) == ("hate", "blocked", "hate=blocked pii=-", True, None)
    assert words(told["call"])[:2] == ("violence", "blocked")
    assert words(told["alone"])[:2] == ("content_filter", "blocked")


def test_a_guard_around_guards_tells_what_none_of_them_does():
    guard = {"operation": "guardrail"}
    told = told_once(
        tool("wrapper", **guard, ms=300, safety_category="guardrail", guardrail_action="blocked"),
        tool("pii", "wrapper", at=10, **guard, **REDACTED | {"guardrail_action": "blocked"}),
        tool("outer", trace="u", **guard, ms=300, safety_category="guardrail", guardrail_action="blocked"),
        tool("passed", "outer", trace="u", at=10, **guard, guardrail_action="allowed"),
        span("judge", "passed", trace="u", at=20, ms=10, **CALL, **FILTERED),
    )

    assert words(told["wrapper"]) == NOTHING
    assert words(told["pii"])[:2] == ("pii", "blocked")
    assert words(told["outer"])[:2] == ("guardrail", "blocked")
    assert words(told["passed"])[:2] == (None, "allowed")
    assert words(told["judge"])[:2] == ("content_filter", "blocked")


def test_spans_whose_parents_run_in_a_circle_are_looked_at_all_the_same():
    told = told_once(
        tool("a", "b", operation="invoke_agent", **FILTERED),
        tool("b", "a", operation="invoke_agent", **HATE),
        span("call", "a", at=10, **CALL, **FILTERED),
    )

    assert words(told["a"]) == NOTHING
    assert words(told["call"])[:2] == ("content_filter", "blocked")
    alone = told_once(*(tool(one, other, operation="invoke_agent", **FILTERED) for one, other in ("ab", "ba")))
    assert {words(row)[:2] for row in alone.values()} == {("content_filter", "blocked")}


AGENT = {"operation": "invoke_agent", "_role": "aggregate", "ms": 500}
ID = {"response_id": "chatcmpl-9f3c1b2a77d0"}


@pytest.mark.parametrize("id_", [{}, ID])
def test_what_is_around_any_teller_of_a_call_repeats_it(id_: dict[str, str]):
    """An agent, or a gateway's server span, around the span that is not billed: one call, one finding."""
    told = told_once(
        tool("agent", **AGENT, **FILTERED),
        span("framework", "agent", at=10, ms=200, **CALL, **HATE, **id_, convention="openinference"),
        span("sdk", trace="u", at=15, ms=190, **CALL, **FILTERED, **id_, _usage_rank=0),
    )

    assert [row["billable"] for row in told.values()] == [False, False, True]
    assert words(told["agent"]) == NOTHING
    assert words(told["sdk"])[:2] == ("content_filter", "blocked")


def test_a_span_around_is_the_record_that_stands():
    agent, call = tool("agent", **AGENT, **FILTERED), span("call", "agent", at=10, **CALL, **FILTERED)
    fuller = agent | {"input_tokens": 1000, "output_tokens": 100, "_has_usage": True, "source_offset": 7}
    for rows in ((agent, call, fuller), (fuller, call, agent)):
        found = [
            row
            for row in once.apply(table(*rows)).to_pylist()
            if row["suppressed_by"] is None and row["safety_category"]
        ]
        assert [row["operation"] for row in found] == ["chat"]


@pytest.mark.parametrize("kind", ["invoke_agent", "guardrail"])
def test_nobody_silences_what_was_stamped_for_another_tenant(kind: str):
    theirs, ours = ({"tenant": tenant, "tenant_rank": 0} for tenant in "ab")
    told = told_once(
        tool("outer", operation=kind, ms=300, **FILTERED, **theirs),
        tool("inner", "outer", operation="guardrail", at=5, ms=30, **FILTERED, **ours),
        tool("own", "outer", operation="guardrail", at=5, ms=30, guardrail_action="allowed", **theirs),
    )

    assert words(told["outer"])[:2] == words(told["inner"])[:2] == ("content_filter", "blocked")


def test_what_only_a_client_around_other_counts_found_is_told_by_its_leaf():
    client = {"ms": 400, "convention": "litellm_v1", "request_model": "gpt-4o-mini", "provider": "openai"}
    told = told_once(
        span("summed", **client, input_tokens=2000, output_tokens=200, **REDACTED),
        span("first", "summed", at=10, ms=50, **CALL),
        span("second", "summed", at=100, **CALL, **REDACTED),
        span("alone", trace="u", **client, input_tokens=700, output_tokens=55, **REDACTED),
        span("leaf", "alone", trace="u", at=10, **CALL, **HATE),
    )

    assert [row["billable"] for row in told.values()] == [False, True, True, False, True]
    assert words(told["first"])[:2] == (None, None)
    assert words(told["second"])[:2] == ("pii", "redacted")
    assert words(told["leaf"])[:3] == ("pii", "redacted", "pii=redacted hate=flagged")


SUMMED = {"ms": 400, "convention": "litellm_v1", "request_model": "gpt-4o-mini", "provider": "openai"} | {
    "input_tokens": 2000,
    "output_tokens": 200,
}


def test_what_others_told_of_a_client_s_block_blocks_no_other_call():
    told = told_once(
        span("summed", **SUMMED, **FILTERED, pii_detected=False),
        span("first", "summed", at=10, ms=50, **CALL),
        span("second", "summed", at=100, **CALL, **FILTERED),
    )

    assert words(told["first"]) == (None, None, None, False, None)
    assert words(told["second"])[:2] == ("content_filter", "blocked")


def test_what_a_leaf_has_heard_of_a_client_nobody_around_it_tells_again():
    told = told_once(
        tool("agent", trace="u", **AGENT, **REDACTED),
        span("sdk", "agent", trace="u", at=10, ms=200, **CALL, **ID, _usage_rank=0),
        span("client", at=5, **SUMMED, **REDACTED),
        span("leaf", "client", at=10, ms=200, **CALL, **ID),
    )

    assert [row["billable"] for row in told.values()] == [False, True, False, False]
    assert words(told["agent"]) == NOTHING
    assert words(told["sdk"])[:2] == ("pii", "redacted")


@pytest.mark.parametrize("billed", ["client", "gateway"])
def test_a_gateway_s_server_span_repeats_its_own_call_whichever_is_billed(billed: str):
    theirs, ours = ({"tenant": tenant, "tenant_rank": 0} for tenant in "ab")
    told = told_once(
        span("client", ms=400, **CALL, **FILTERED, **ID, **theirs, _usage_rank=1 - (billed == "client")),
        tool("server", trace="u", operation="task", at=5, ms=300, **FILTERED, **ours, service="gateway"),
        span("gateway", "server", trace="u", at=10, ms=200, **CALL, **FILTERED, **ID, **ours, service="gateway")
        | {"_usage_rank": 1 - (billed == "gateway")},
    )

    assert told[billed]["billable"]
    assert words(told["server"]) == NOTHING


def test_in_a_circle_nobody_is_silenced_by_another_tenant_either():
    theirs, ours = ({"tenant": tenant, "tenant_rank": 0} for tenant in "ab")
    told = told_once(
        tool("theirs", "p", operation="invoke_agent", ms=300, **FILTERED, **ours),
        tool("p", "q", operation="invoke_agent", ms=300, **theirs),
        tool("q", "theirs", operation="invoke_agent", ms=300, **theirs),
        tool("guard", "theirs", operation="guardrail", at=5, ms=30, **FILTERED, **theirs),
    )

    assert words(told["theirs"])[:2] == words(told["guard"])[:2] == ("content_filter", "blocked")

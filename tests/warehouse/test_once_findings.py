"""What is found of safety is told once: by who is billed, by who tells it first-hand; nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest

from tests.warehouse.told import span, told_once, tool

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

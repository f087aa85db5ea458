"""What guards, filters and safety evaluations say, convention by convention, comes to one small vocabulary."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from processors.conventions.rules import words
from processors.conventions.table import load_table
from processors.decode import decode, verdicts
from processors.engine import Engine, process_range
from processors.normalise import Rules, normalise
from processors.settings import WorkerSettings
from tests.processors.otlp import event, message, request, span

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 5}
GUARD = {"openinference.span.kind": "GUARDRAIL"}
OTEL_GUARD = {"gen_ai.operation.name": "run_guardrail"}
SECRET = "the secret words of a user"


def events(given: dict[str, Any], **fields: Any) -> dict[str, str]:
    """Category -> action of the rows of ``safety`` that a span with these attributes makes."""
    engine = Engine.of(WorkerSettings(), user_key=b"k")
    table = process_range([message(request(span(given, **fields)))], engine).tables["safety"]
    assert SECRET not in str(table.to_pylist())
    return {row["category"]: row["action"] for row in table.to_pylist() if row["events"]}


def noted(given: dict[str, Any], **fields: Any) -> tuple[Any, ...]:
    """Category, action, personal data, injection of a span with these attributes."""
    scope = fields.pop("scope", "")
    decoded = decode([message(request(span(given, **fields), scope=scope))], load_table())
    spans = normalise(decoded, Rules(user_key=b"k", trusted_topics=None)).spans
    assert SECRET not in str(spans.to_pylist())
    (row,) = spans.to_pylist()
    return tuple(row[name] for name in ("safety_category", "guardrail_action", "pii_detected", "injection_detected"))


# ---- finish reasons


@pytest.mark.parametrize(
    ("word", "category", "pii"),
    [
        ("content_filter", "content_filter", None),
        ("content-filter", "content_filter", None),
        ("SAFETY", "content_filter", None),
        ("RECITATION", "protected_material", None),
        ("IMAGE_RECITATION", "protected_material", None),
        ("BLOCKLIST", "topic", None),
        ("PROHIBITED_CONTENT", "content_filter", None),
        ("IMAGE_PROHIBITED_CONTENT", "content_filter", None),
        ("SPII", "pii", True),
        ("IMAGE_SAFETY", "content_filter", None),
        ("MODEL_ARMOR", "content_filter", None),
        ("LANGUAGE", "content_filter", None),
        ("guardrail_intervened", "content_filter", None),
        ("content_filtered", "content_filter", None),
        ("refusal", "content_filter", None),
    ],
)
def test_every_providers_word_for_a_filtered_answer_is_a_block(word: str, category: str, pii: bool | None):
    assert noted(CHAT | {"gen_ai.response.finish_reasons": [word]}) == (category, "blocked", pii, None)


@pytest.mark.parametrize("word", ["stop", "length", "tool_calls", "end_turn", "MAX_TOKENS"])
def test_an_answer_that_ended_otherwise_is_no_event(word: str):
    assert noted(CHAT | {"gen_ai.response.finish_reasons": [word]}) == (None, None, None, None)


# ---- results of providers' filters

SAFE = {"filtered": False, "severity": "safe"}
PROMPT_SAFE = [
    {"prompt_index": 0, "content_filter_results": {"hate": SAFE, "jailbreak": {"filtered": False, "detected": False}}}
]
ATTACK = [
    {"prompt_index": 0, "content_filter_results": {"hate": SAFE, "jailbreak": {"filtered": True, "detected": True}}}
]
ANSWER = {
    "sexual": {"filtered": True, "severity": "high"},
    "protected_material_text": {"filtered": False, "detected": False},
}
RATINGS = [
    {"category": "HARM_CATEGORY_HATE_SPEECH", "probability": "NEGLIGIBLE"},
    {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": True},
]
TRACE = {
    "guardrail": {
        "inputAssessment": {
            "gr-1": {
                "contentPolicy": {"filters": [{"type": "PROMPT_ATTACK", "confidence": "HIGH", "action": "BLOCKED"}]},
                "topicPolicy": {"topics": [{"name": SECRET, "type": "DENY", "action": "BLOCKED"}]},
            }
        },
        "outputAssessments": {
            "gr-1": [
                {
                    "sensitiveInformationPolicy": {
                        "piiEntities": [{"match": SECRET, "type": "EMAIL", "action": "ANONYMIZED"}]
                    }
                }
            ]
        },
    }
}
MODERATION = {
    "results": [
        {"flagged": True, "categories": {"hate": False, "self-harm/intent": True}, "category_scores": {"hate": 0.1}}
    ]
}
AZURE = {
    "id": "chatcmpl-9",
    "prompt_filter_results": ATTACK,
    "choices": [{"message": {"content": SECRET}, "content_filter_results": {"hate": SAFE}}],
}
GEMINI = {"candidates": [{"content": {"parts": [{"text": SECRET}]}, "safetyRatings": RATINGS}]}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"gen_ai.prompt.prompt_filter_results": json.dumps(PROMPT_SAFE)}, (None, "allowed", None, False)),
        ({"gen_ai.prompt.prompt_filter_results": json.dumps(ATTACK)}, ("prompt_injection", "blocked", None, True)),
        ({"gen_ai.completion.0.content_filter_results": json.dumps(ANSWER)}, ("sexual", "blocked", None, None)),
        ({"gen_ai.completion.3.content_filter_results": repr(ANSWER)}, ("sexual", "blocked", None, None)),
        (
            {
                "gen_ai.prompt.prompt_filter_results": json.dumps(PROMPT_SAFE),
                "gen_ai.completion.1.content_filter_results": json.dumps(ANSWER),
            },
            ("sexual", "blocked", None, False),
        ),
        (
            {
                "gen_ai.output.messages": json.dumps(
                    [{"role": "assistant", "parts": [], "content_filter_results": ANSWER}]
                )
            },
            ("sexual", "blocked", None, None),
        ),
        ({"output.value": json.dumps(AZURE)}, ("prompt_injection", "blocked", None, True)),
        ({"output.value": json.dumps(GEMINI)}, ("dangerous", "blocked", None, None)),
        (
            {"output.value": json.dumps({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}})},
            ("content_filter", "blocked", None, None),
        ),
        (
            {"output.value": json.dumps({"promptFeedback": {"blockReason": "BLOCKED_REASON_UNSPECIFIED"}})},
            (None, None, None, None),
        ),
        ({"output.value": json.dumps({"trace": TRACE})}, ("prompt_injection", "blocked", True, True)),
        (
            {"output.value": json.dumps({"output": "fine", "trace": {"guardrail": {"inputAssessment": {}}}})},
            (None, None, None, None),
        ),
        ({"llm.azure.choices": str(AZURE["choices"])}, (None, "allowed", None, None)),
        (
            {"ai.response.providerMetadata": json.dumps({"google": {"safetyRatings": RATINGS}})},
            ("dangerous", "blocked", None, None),
        ),
        (
            {"ai.response.providerMetadata": json.dumps({"bedrock": {"trace": TRACE}})},
            ("prompt_injection", "blocked", True, True),
        ),
        ({"langfuse.observation.output": json.dumps(MODERATION)}, ("self_harm", "flagged", None, None)),
        (
            {
                "gen_ai.bedrock.guardrail.input_filter": json.dumps(
                    {"sensitive": ["EMAIL"], "topic": [], "content": ["HATE"], "words": []}
                )
            },
            ("hate", None, True, None),
        ),
    ],
)
def test_filter_results_are_read_wherever_instrumentations_put_them(given: dict[str, Any], expected: tuple[Any, ...]):
    assert noted(CHAT | given) == expected


def test_a_structured_value_reads_like_its_json():
    plain = {"gen_ai.completion.0.content_filter_results": ANSWER}

    assert noted(CHAT | plain) == noted(CHAT | {"gen_ai.completion.0.content_filter_results": json.dumps(ANSWER)})


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"choices": [{"message": {"content": {"hate": True, "filtered": True}}}]}),
        json.dumps({"answer": {"prompt_filter_results": ATTACK}}),
        json.dumps({"hate": {"filtered": True}, "flagged": True, "guardrail": True}),
        "{'choices': [{'message': 'prompt_filter_results jailbreak filtered true'}]}",
        "prompt_filter_results: jailbreak filtered=true",
    ],
)
def test_what_an_answer_says_about_filters_is_content_and_no_result(text: str):
    assert noted(CHAT | {"output.value": text}) == (None, None, None, None)


def test_a_prompt_that_was_refused_says_why_in_the_body_of_the_error():
    body = {
        "code": "ResponsibleAIPolicyViolation",
        "content_filter_result": {"hate": SAFE, "jailbreak": {"detected": True, "filtered": True}},
    }
    text = f"Error code: 400 - {{'error': {{'code': 'content_filter', 'message': '{SECRET}', 'innererror': {body}}}}}"
    refused = event("exception", after_ms=1, exception__type="openai.BadRequestError", exception__message=text)

    assert noted(CHAT, status=2, message=text) == ("prompt_injection", "blocked", None, True)
    assert noted(CHAT, status=2, events=[refused]) == ("prompt_injection", "blocked", None, True)


# ---- several categories of one span


def test_a_call_that_was_filtered_for_two_reasons_is_an_event_of_both():
    bad = {"filtered": True, "severity": "high"}
    answer = {"choices": [{"content_filter_results": {"hate": bad, "violence": bad, "sexual": SAFE, "self_harm": {
        "filtered": False, "severity": "medium"}}}]}  # fmt: skip

    told = events(CHAT | {"gen_ai.completion.0.content_filter_results": json.dumps(answer)})

    assert told == {"hate": "blocked", "violence": "blocked", "self_harm": "flagged", "any": "blocked"}


def test_a_prompt_that_was_refused_for_two_reasons_is_an_event_of_both():
    body = {"content_filter_result": {name: {"filtered": True} for name in ("hate", "jailbreak")} | {"sexual": SAFE}}
    text = f"Error code: 400 - {{'error': {{'code': 'content_filter', 'message': '{SECRET}', 'innererror': {body}}}}}"

    told = events(CHAT, status=2, message=text)

    assert told == {"hate": "blocked", "prompt_injection": "blocked", "any": "blocked"}


def test_what_a_guard_enforced_holds_for_all_that_it_found():
    told = events(OTEL_GUARD | {"gen_ai.guardrail.verdict.type": "deny", "spanledger.safety.category": "hate,violence"})

    assert told == {"hate": "blocked", "violence": "blocked", "any": "blocked"}


def test_a_reason_to_finish_stands_beside_what_a_filter_said():
    given = {
        "gen_ai.response.finish_reasons": ["RECITATION"],
        "gen_ai.completion.0.content_filter_results": json.dumps({"hate": {"filtered": False, "severity": "high"}}),
    }

    assert events(CHAT | given) == {"hate": "flagged", "protected_material": "blocked", "any": "blocked"}


FILTERED = {**CHAT, "gen_ai.response.finish_reasons": ["content_filter"]}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"spanledger.pii.detected": True}, {"content_filter": "blocked", "pii": None}),
        ({"spanledger.injection.detected": True}, {"content_filter": "blocked", "prompt_injection": None}),
        ({"spanledger.pii.detected": False}, {"content_filter": "blocked"}),
        (
            {"spanledger.guardrail.action": "redacted", "spanledger.pii.detected": True},
            {"content_filter": "blocked", "pii": "redacted"},
        ),
        (
            {"gen_ai.evaluation.name": "toxicity", "gen_ai.evaluation.score.label": "toxic"},
            {"content_filter": "blocked", "toxicity": "flagged"},
        ),
        ({"spanledger.safety.category": "hate"}, {"hate": "blocked"}),
    ],
)
def test_a_filter_blocks_what_it_found_and_not_what_others_saw_beside_it(
    told: dict[str, Any], expected: dict[str, str | None]
):
    assert {name: action for name, action in events({**FILTERED, **told}).items() if name != "any"} == expected


def test_a_filter_s_block_is_the_event_of_a_call_in_whose_content_our_own_look_found_personal_data():
    written = {"gen_ai.input.messages": '[{"role": "user", "content": "write to jane.doe@example.com"}]'}
    engine = Engine.of(WorkerSettings(scan_pii=True), user_key=b"k")

    made = process_range([message(request(span({**FILTERED, **written})))], engine).tables

    [row] = made["spans"].to_pylist()
    assert (row["safety_category"], row["guardrail_action"], row["pii_detected"]) == ("content_filter", "blocked", True)
    told = {one["category"]: one["action"] for one in made["safety"].to_pylist() if one["events"]}
    assert told == {"content_filter": "blocked", "pii": None, "any": "blocked"}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"spanledger.guardrail.action": "blocked", "spanledger.injection.detected": True}, "blocked"),
        ({"spanledger.guardrail.action": "flagged", "spanledger.injection.detected": True}, "flagged"),
        ({"spanledger.injection.detected": True}, None),
    ],
)
def test_what_a_guard_did_is_about_what_it_says_that_it_found(told: dict[str, Any], expected: str | None):
    assert events({**CHAT, **told})["prompt_injection"] == expected


def test_a_guard_that_looks_for_one_thing_did_not_act_on_another():
    told = {"guardrail.name": "pii-masker", "spanledger.guardrail.action": "redacted"}

    assert events({**CHAT, **told, "spanledger.injection.detected": True}) == {
        "pii": "redacted",
        "prompt_injection": None,
        "any": "redacted",
    }


def test_the_categories_of_a_call_that_two_instrumentations_tell_of_count_once():
    bad = {"filtered": True, "severity": "high"}
    given = CHAT | {"gen_ai.response.id": "chatcmpl-0123456789abcdef"}
    told = given | {"gen_ai.completion.0.content_filter_results": json.dumps({"hate": bad, "violence": bad})}
    outer = span(told, span_id=b"\x01" * 8)
    inner = span(given, span_id=b"\x02" * 8, parent_span_id=b"\x01" * 8)
    engine = Engine.of(WorkerSettings(), user_key=b"k")

    rows = process_range([message(request(outer, inner))], engine).tables["safety"].to_pylist()

    assert {(row["category"], row["action"], row["events"]) for row in rows if row["events"]} == {
        ("hate", "blocked", 1), ("violence", "blocked", 1), ("any", "blocked", 1),
    }  # fmt: skip


# ---- guards


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # OpenTelemetry's proposal: the enforced action goes before the verdict
        ({"gen_ai.guardrail.verdict.type": "allow"}, (None, "allowed", None, None)),
        (
            {"gen_ai.guardrail.verdict.type": "warn", "gen_ai.guardrail.action.type": "block"},
            ("guardrail", "blocked", None, None),
        ),
        (
            {"gen_ai.guardrail.verdict.type": "deny", "gen_ai.guardrail.action.type": "allow"},
            ("guardrail", "flagged", None, None),
        ),
        (
            {
                "gen_ai.guardrail.verdict.type": "modify",
                "gen_ai.guardrail.security.risk.category": "sensitive_info_disclosure",
            },
            ("pii", "redacted", True, None),
        ),
        (
            {"gen_ai.guardrail.action.type": "block", "gen_ai.guardrail.security.risk.category": "jailbreak"},
            ("prompt_injection", "blocked", None, True),
        ),
        (
            {"gen_ai.guardrail.verdict.type": "allow", "gen_ai.guardrail.component.name": "Custom PII Filter"},
            ("pii", "allowed", False, None),
        ),
        (
            {"gen_ai.guardrail.verdict.type": "deny", "gen_ai.guardrail.security.risk.category": f"custom:{SECRET}"},
            ("other", "blocked", None, None),
        ),
        # the Agents SDK
        (
            {"gen_ai.guardrail.name": "jailbreak_guard", "gen_ai.guardrail.triggered": True},
            ("prompt_injection", "blocked", None, True),
        ),
        (
            {"gen_ai.guardrail.name": "jailbreak_guard", "gen_ai.guardrail.triggered": False},
            ("prompt_injection", "allowed", None, False),
        ),
        ({"guardrail.triggered": True}, ("guardrail", "blocked", None, None)),
        # litellm, both versions
        ({"litellm.guardrail.status": "success"}, (None, "allowed", None, None)),
        (
            {"litellm.guardrail.status": "success", "litellm.guardrail.masked_entity_count": 2},
            ("pii", "redacted", True, None),
        ),
        (
            {"guardrail_status": "success", "masked_entity_count": '{"CREDIT_CARD": 2, "PHONE": 1}'},
            ("pii", "redacted", True, None),
        ),
        (
            {"guardrail_status": "guardrail_intervened", "guardrail_violation_categories": '["VIOLENCE", "INSULTS"]'},
            ("harassment", "blocked", None, None),
        ),
        (
            {"litellm.guardrail.status": "guardrail_flagged", "litellm.guardrail.name": "toxicity-check"},
            ("toxicity", "flagged", None, None),
        ),
        (
            {"litellm.guardrail.status": "guardrail_failed_to_respond", "litellm.guardrail.name": "presidio-pii"},
            (None, None, None, None),
        ),
        ({"litellm.guardrail.status": "not_run"}, (None, None, None, None)),
        # OpenLLMetry's SDK
        ({"gen_ai.guardrail.status": "PASSED", "gen_ai.guardrail.name": "pii_guard"}, ("pii", "allowed", False, None)),
        (
            {"gen_ai.guardrail.status": "FAILED", "gen_ai.guardrail.name": "toxicity_guard"},
            ("toxicity", "flagged", None, None),
        ),
        # openlit
        (
            {"guard.action": "redact", "guard.classification": "EMAIL, PHONE", "guard.name": "pii"},
            ("pii", "redacted", True, None),
        ),
        # guardrails-ai, and what stands in the output of a guardrail span
        ({"validation_passed": False}, ("guardrail", "flagged", None, None)),
        ({"validation_passed": True}, (None, "allowed", None, None)),
        (
            {"output.value": json.dumps({"tripwire_triggered": True, "output_info": SECRET})},
            ("guardrail", "blocked", None, None),
        ),
        (
            {
                "output.value": json.dumps(
                    {"action": "GUARDRAIL_INTERVENED", "assessments": [TRACE["guardrail"]["inputAssessment"]["gr-1"]]}
                )
            },
            ("prompt_injection", "blocked", None, True),
        ),
        # Langfuse: the type alone says that a guard ran, not what came of it
        ({"langfuse.observation.type": "guardrail"}, (None, None, None, None)),
    ],
)
def test_guards_of_every_kind_tell_what_they_did(given: dict[str, Any], expected: tuple[Any, ...]):
    assert noted((OTEL_GUARD if any(key.startswith("gen_ai.") for key in given) else GUARD) | given) == expected


def test_rails_of_nemo_guardrails_and_guards_of_logfire_are_known_by_their_spans():
    rail = {"rail.type": "input", "rail.name": "jailbreak detection model"}

    assert noted(rail | {"rail.stop": True}, name="guardrails.rail") == ("prompt_injection", "blocked", None, True)
    assert noted(rail | {"rail.stop": False}, name="guardrails.rail")[1:] == ("allowed", None, False)
    named = "Guardrail {name!r} {triggered=}"
    assert noted({"triggered": True}, name=named, scope="logfire.openai_agents")[:2] == ("guardrail", "blocked")


@pytest.mark.parametrize("key", ["triggered", "validation_passed", "rail.stop", "output.value"])
def test_a_word_that_only_guards_use_says_nothing_elsewhere(key: str):
    value = json.dumps({"action": "block", "triggered": True}) if key == "output.value" else True

    assert noted(CHAT | {key: value}) == (None, None, None, None)


def test_a_finding_is_an_event_of_a_guardrail_span():
    findings = [
        event("gen_ai.guardrail.security.finding", after_ms=1, gen_ai__guardrail__security__risk__category=category)
        for category in ("toxicity", "prompt_injection")
    ]

    given = OTEL_GUARD | {"gen_ai.guardrail.action.type": "block"}

    assert noted(given, events=findings)[1:] == ("blocked", None, True)


# ---- evaluations


@pytest.mark.parametrize(
    ("name", "label", "expected"),
    [
        ("toxicity", "toxic", ("toxicity", "flagged", None, None)),
        ("Toxicity", "pass", (None, "allowed", None, None)),
        ("jailbreak", "detected", ("prompt_injection", "flagged", None, True)),
        ("prompt_injection_check", "no", (None, "allowed", None, False)),
        ("pii_detection", "yes", ("pii", "flagged", True, None)),
        ("PII", "false", (None, "allowed", False, None)),
        ("groundedness", "hallucinated", ("ungrounded", "flagged", None, None)),
        ("groundedness", "yes", (None, None, None, None)),
        ("hallucination", "factual", (None, "allowed", None, None)),
        ("helpfulness", "fail", (None, None, None, None)),
        ("toxicity", SECRET, (None, None, None, None)),
    ],
)
def test_a_safety_evaluation_flags_by_its_label(name: str, label: str, expected: tuple[Any, ...]):
    given = {"gen_ai__evaluation__name": name, "gen_ai__evaluation__score__label": label}
    evaluation = event("gen_ai.evaluation.result", after_ms=5, **given)

    assert noted(CHAT, events=[evaluation]) == expected


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("DetectPII", "pii"),
        ("PIIFilter", "pii"),
        ("ToxicLanguage", "toxicity"),
        ("detect-Jailbreak", "prompt_injection"),
    ],
)
def test_a_guard_s_name_is_read_however_its_words_are_parted(name: str, category: str):
    assert noted({"validator.name": name, "validation_passed": False})[:2] == (category, "flagged")


@pytest.mark.parametrize(
    ("result", "action"),
    [
        ("FailResult(outcome='fail', error_message='no', fix_value=None)", "flagged"),
        ("PassResult(outcome='pass', value_override=<class 'Any'>)", "allowed"),
        ("GuardrailFunctionOutput(output_info=None, tripwire_triggered=True)", "blocked"),
        ("tripwire_triggered=False output_info=Info(words=['a b=c'])", "allowed"),
    ],
)
def test_a_guard_s_result_is_read_from_the_repr_of_an_object(result: str, action: str):
    assert noted(GUARD | {"output.value": result})[1] == action


def test_bedrocks_own_guard_is_a_guardrail_by_its_method():
    given = span({"rpc.method": "ApplyGuardrail", "rpc.service": "Bedrock Runtime"}, kind=3)
    sent = request(given, scope="opentelemetry.instrumentation.botocore.bedrock-runtime")

    (row,) = normalise(
        decode([message(sent)], load_table()), Rules(user_key=b"k", trusted_topics=None)
    ).spans.to_pylist()

    assert (row["operation"], row["_model_call"]) == ("guardrail", False)


# ---- openlit


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"guard.denied": True}, ("guardrail", "blocked", None, None)),
        ({"guard.denied": "False"}, (None, "allowed", None, None)),
        ({"guard.denied": True, "guard.name": "pii"}, ("pii", "blocked", True, None)),
        ({"guard.denied": False, "guard.name": "prompt_injection"}, ("prompt_injection", "allowed", None, False)),
        ({"guard.denied": False, "guard.action": "warn", "guard.name": "pii"}, ("pii", "flagged", True, None)),
        ({"guard.name": "moderation"}, (None, None, None, None)),
    ],
)
@pytest.mark.parametrize("scope", ["", "openlit", "openlit.guard"])
def test_a_guard_of_openlit_is_a_guardrail_and_its_denial_is_a_block(
    given: dict[str, Any], expected: tuple[Any, ...], scope: str
):
    decoded = decode([message(request(span(given), scope=scope))], load_table())
    (row,) = normalise(decoded, Rules(user_key=b"k", trusted_topics=None)).spans.to_pylist()

    assert (row["operation"], row["convention"], row["_model_call"]) == ("guardrail", "openlit", False)
    assert noted(given, scope=scope) == expected


def test_what_a_call_says_of_a_guard_leaves_it_a_call():
    told = events(CHAT | {"guard.denied": True, "guard.name": "pii"})

    assert told["pii"] == "blocked"
    assert noted(CHAT | {"guard.denied": True})[1] == "blocked"


@pytest.mark.parametrize(
    ("actions", "strongest"),
    [
        (["allow"], "allowed"),
        (["redact", "allow"], "redacted"),
        (["warn", "redact", "deny"], "blocked"),
        (["allow", "warn", "allow"], "flagged"),
    ],
)
def test_of_openlits_guards_on_one_span_the_strongest_counts(actions: list[str], strongest: str):
    told = [
        event("guard.evaluation", after_ms=n, guard__name="pii", guard__action=action, guard__explanation=SECRET)
        for n, action in enumerate(actions)
    ]

    assert noted(CHAT, events=told)[1] == strongest
    assert noted({}, events=told)[1] == strongest


def _ran(name: str, action: str, phase: str = "preflight") -> dict[str, Any]:
    """What openlit 1.45 writes of a guard that ran, when a span was open."""
    written = {"guard.name": name, "guard.phase": phase, "guard.action": action, "guard.score": 0.9}
    return written | {"guard.classification": "found", "guard.explanation": SECRET, "guard.latency_ms": 1.5}


def test_each_guard_of_openlit_did_what_it_did_about_what_its_name_says():
    told = [
        _ran("pii", "redact"),
        _ran("prompt_injection", "allow"),
        _ran("moderation", "warn", "postflight"),
        _ran("custom", "deny"),
    ]
    events_told = [
        event("guard.evaluation", after_ms=n, **{k.replace(".", "__"): v for k, v in one.items()})
        for n, one in enumerate(told)
    ]
    engine = Engine.of(WorkerSettings(), user_key=b"k")

    made = process_range([message(request(span(CHAT, events=events_told)))], engine)

    [row] = made.tables["spans"].to_pylist()
    assert (row["safety_category"], row["guardrail_action"]) == ("guardrail", "blocked")
    assert (row["pii_detected"], row["injection_detected"]) == (True, False)
    found = {one["category"]: one["action"] for one in made.tables["safety"].to_pylist() if one["events"]}
    assert found == {"guardrail": "blocked", "pii": "redacted", "content_filter": "flagged", "any": "blocked"}
    assert made.tables["outcomes"].num_rows == 0
    assert made.dropped == {}


# ---- verdicts


def test_a_verdict_is_made_of_words_of_the_table_alone():
    known = {*words("safety_category").values(), *words("guard_name").values()} - {None}
    held = {
        "content_filter_results": {"hate": {"filtered": True, SECRET: SECRET}, SECRET: {"filtered": True}},
        SECRET: SECRET,
    }

    found = verdicts.read([held, {"categories": [SECRET, "violence"]}, SECRET])

    assert found is not None
    assert {pair.partition("=")[0] for pair in found.split(" ")} <= known
    assert {pair.partition("=")[2] for pair in found.split(" ")} <= set(verdicts.ACTIONS)


@pytest.mark.parametrize(
    "key",
    [
        *(f"llm.{name}.choices" for name in ("openai", "azure", "azure_ai", "gemini", "vertex_ai", "bedrock")),
        *("llm.gemini.candidates", "llm.vertex_ai.candidates", "llm.azure.prompt_filter_results", "llm.bedrock.trace"),
        *("gen_ai.response.content_filter_results", "gen_ai.prompt.prompt_filter_results", "content_filter_results"),
        *("gen_ai.response.safety_ratings", "gen_ai.response.prompt_feedback"),
    ],
)
@pytest.mark.parametrize(
    "value",
    [
        "[{'finish_reason': 'stop', 'index': 0, 'message': {'content': 'hello there my frie",
        '[{"finish_reason":"stop","message":{"content":"hello there, my hate, vio',
        "redacted-by-litellm",
        "hate; violence, and other words of a user",
        "<generator object at 0x7f>",
        ["[{'finish_reason': 'stop'}]"],
        "None",
        "",
    ],
)
def test_a_result_that_cannot_be_read_tells_nothing(key: str, value: Any):
    assert events(CHAT | {key: value}) == {}


def test_merging_is_the_same_in_any_order_and_keeps_the_stronger():
    one, other = "hate=flagged pii=allowed", "pii=redacted hate=allowed sexual="

    assert verdicts.merge(one, other) == verdicts.merge(other, one) == "pii=redacted hate=flagged sexual="


def test_a_value_nested_without_end_is_given_up():
    deep: Any = {"filtered": True, "severity": "high"}
    for _ in range(500):
        deep = {"content_filter_results": deep}

    assert verdicts.read(deep) is None


def test_every_category_and_action_is_documented():
    text = (Path(__file__).parent.parent.parent / "docs" / "safety.md").read_text(encoding="utf-8")
    categories = {word for word in words("safety_category").values() if word}
    documented = set(re.findall(r"[a-z_]+", " ".join(re.findall(r"`([^`]+)`", text))))

    assert categories | {*words("guardrail_action").values()} <= documented
    assert {*words("guard_name").values(), *words("safety_finish").values()} <= categories
    assert {*words("safety_label").values(), *words("safety_answer").values()} == {"flagged", "allowed"}

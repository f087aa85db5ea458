"""What guards, filters and safety evaluations say, convention by convention, comes to one small vocabulary."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from processors.conventions.rules import words
from processors.decode import verdicts
from processors.engine import Engine, process_range
from processors.settings import WorkerSettings
from tests.processors.flushes import processed_of, row_of
from tests.processors.otlp import event, message, request, span
from warehouse.schemas import SAFETY_ACTIONS

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 5}
GUARD = {"openinference.span.kind": "GUARDRAIL"}
OTEL_GUARD = {"gen_ai.operation.name": "run_guardrail"}
SECRET = "the secret words of a user"
NOTHING = (None, None, None, None)
NOTED = ("safety_category", "guardrail_action", "pii_detected", "injection_detected")
ENGINE = Engine.of(WorkerSettings(), user_key=b"k")


def said(given: dict[str, Any], scope: str = "", **fields: Any) -> ExportTraceServiceRequest:
    """A request of one span with these attributes."""
    return request(span(given, **fields), scope=scope)


def events(requests: Iterable[ExportTraceServiceRequest]) -> list[dict[str, str]]:
    """Category -> action of the rows of ``safety`` that each request makes, all in one flush."""
    made = processed_of({n: [message(sent)] for n, sent in enumerate(requests)}, ENGINE)
    tables = [one.tables["safety"].to_pylist() for one in made.values()]
    assert SECRET not in str(tables)
    return [{row["category"]: row["action"] for row in table if row["events"]} for table in tables]


def noted(requests: Iterable[ExportTraceServiceRequest]) -> list[tuple[Any, ...]]:
    """Category, action, personal data, injection of each request of one span, all in one flush."""
    rows = row_of(dict(enumerate(requests))).values()
    assert SECRET not in str(list(rows))
    return [tuple(row[name] for name in NOTED) for row in rows]


# ---- finish reasons


def test_every_providers_word_for_a_filtered_answer_is_a_block():
    table = [
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
    ]

    found = noted(said(CHAT | {"gen_ai.response.finish_reasons": [word]}) for word, _, _ in table)

    expected = [(word, (category, "blocked", pii, None)) for word, category, pii in table]
    assert list(zip([word for word, _, _ in table], found, strict=True)) == expected


def test_an_answer_that_ended_otherwise_is_no_event():
    reasons = ["stop", "length", "tool_calls", "end_turn", "MAX_TOKENS"]

    found = noted(said(CHAT | {"gen_ai.response.finish_reasons": [word]}) for word in reasons)

    assert dict(zip(reasons, found, strict=True)) == dict.fromkeys(reasons, NOTHING)


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


def test_filter_results_are_read_wherever_instrumentations_put_them():
    table = [
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
    ]

    givens = [given for given, _ in table]

    assert list(zip(givens, noted(said(CHAT | given) for given in givens), strict=True)) == table


def test_a_managed_list_of_words_says_of_what_they_are():
    lists = {
        "profanity": {"managedWordLists": [{"match": SECRET, "type": "PROFANITY", "action": "BLOCKED"}]},
        "own": {"customWords": [{"match": SECRET, "action": "BLOCKED"}]},
        "unknown": {"managedWordLists": [{"match": SECRET, "type": "NEW_LIST", "action": "BLOCKED"}]},
    }
    traces = [{"guardrail": {"inputAssessment": {"gr-1": {"wordPolicy": words}}}} for words in lists.values()]

    found = noted(said(CHAT | {"output.value": json.dumps({"trace": trace})}) for trace in traces)

    assert {case: verdict[:2] for case, verdict in zip(lists, found, strict=True)} == {
        "profanity": ("toxicity", "blocked"),
        "own": ("topic", "blocked"),
        "unknown": ("topic", "blocked"),
    }


def test_a_structured_value_reads_like_its_json():
    plain, in_json = noted(
        said(CHAT | {"gen_ai.completion.0.content_filter_results": answer}) for answer in (ANSWER, json.dumps(ANSWER))
    )

    assert plain == in_json


def test_what_an_answer_says_about_filters_is_content_and_no_result():
    texts = [
        json.dumps({"choices": [{"message": {"content": {"hate": True, "filtered": True}}}]}),
        json.dumps({"answer": {"prompt_filter_results": ATTACK}}),
        json.dumps({"hate": {"filtered": True}, "flagged": True, "guardrail": True}),
        "{'choices': [{'message': 'prompt_filter_results jailbreak filtered true'}]}",
        "prompt_filter_results: jailbreak filtered=true",
    ]

    found = noted(said(CHAT | {"output.value": text}) for text in texts)

    assert dict(zip(texts, found, strict=True)) == dict.fromkeys(texts, NOTHING)


def test_a_prompt_that_was_refused_says_why_in_the_body_of_the_error():
    body = {
        "code": "ResponsibleAIPolicyViolation",
        "content_filter_result": {"hate": SAFE, "jailbreak": {"detected": True, "filtered": True}},
    }
    text = f"Error code: 400 - {{'error': {{'code': 'content_filter', 'message': '{SECRET}', 'innererror': {body}}}}}"
    refused = event("exception", after_ms=1, exception__type="openai.BadRequestError", exception__message=text)

    found = noted([said(CHAT, status=2, message=text), said(CHAT, status=2, events=[refused])])

    assert found == [("prompt_injection", "blocked", None, True)] * 2


# ---- several categories of one span


def test_a_call_that_was_filtered_for_two_reasons_is_an_event_of_both():
    bad = {"filtered": True, "severity": "high"}
    answer = {"choices": [{"content_filter_results": {"hate": bad, "violence": bad, "sexual": SAFE, "self_harm": {
        "filtered": False, "severity": "medium"}}}]}  # fmt: skip

    [told] = events([said(CHAT | {"gen_ai.completion.0.content_filter_results": json.dumps(answer)})])

    assert told == {"hate": "blocked", "violence": "blocked", "self_harm": "flagged", "any": "blocked"}


def test_a_prompt_that_was_refused_for_two_reasons_is_an_event_of_both():
    body = {"content_filter_result": {name: {"filtered": True} for name in ("hate", "jailbreak")} | {"sexual": SAFE}}
    text = f"Error code: 400 - {{'error': {{'code': 'content_filter', 'message': '{SECRET}', 'innererror': {body}}}}}"

    [told] = events([said(CHAT, status=2, message=text)])

    assert told == {"hate": "blocked", "prompt_injection": "blocked", "any": "blocked"}


def test_what_a_guard_enforced_holds_for_all_that_it_found():
    given = {"gen_ai.guardrail.verdict.type": "deny", "spanledger.safety.category": "hate,violence"}

    [told] = events([said(OTEL_GUARD | given)])

    assert told == {"hate": "blocked", "violence": "blocked", "any": "blocked"}


def test_a_reason_to_finish_stands_beside_what_a_filter_said():
    given = {
        "gen_ai.response.finish_reasons": ["RECITATION"],
        "gen_ai.completion.0.content_filter_results": json.dumps({"hate": {"filtered": False, "severity": "high"}}),
    }

    [told] = events([said(CHAT | given)])

    assert told == {"hate": "flagged", "protected_material": "blocked", "any": "blocked"}


FILTERED = {**CHAT, "gen_ai.response.finish_reasons": ["content_filter"]}


def test_a_filter_blocks_what_it_found_and_not_what_others_saw_beside_it():
    table = [
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
    ]

    givens = [given for given, _ in table]

    found = [told | {"any": None} for told in events(said(FILTERED | given) for given in givens)]

    assert list(zip(givens, found, strict=True)) == [(given, told | {"any": None}) for given, told in table]


def test_a_filter_s_block_is_the_event_of_a_call_in_whose_content_our_own_look_found_personal_data():
    written = {"gen_ai.input.messages": '[{"role": "user", "content": "write to jane.doe@example.com"}]'}
    engine = Engine.of(WorkerSettings(scan_pii=True), user_key=b"k")

    made = process_range([message(request(span({**FILTERED, **written})))], engine).tables

    [row] = made["spans"].to_pylist()
    assert (row["safety_category"], row["guardrail_action"], row["pii_detected"]) == ("content_filter", "blocked", True)
    told = {one["category"]: one["action"] for one in made["safety"].to_pylist() if one["events"]}
    assert told == {"content_filter": "blocked", "pii": None, "any": "blocked"}


def test_what_a_guard_did_is_about_what_it_says_that_it_found():
    table = [
        ({"spanledger.guardrail.action": "blocked", "spanledger.injection.detected": True}, "blocked"),
        ({"spanledger.guardrail.action": "flagged", "spanledger.injection.detected": True}, "flagged"),
        ({"spanledger.injection.detected": True}, None),
    ]

    givens = [given for given, _ in table]

    found = [told["prompt_injection"] for told in events(said(CHAT | given) for given in givens)]

    assert list(zip(givens, found, strict=True)) == table


def test_a_guard_that_looks_for_one_thing_did_not_act_on_another():
    masker = {"guardrail.name": "pii-masker", "spanledger.guardrail.action": "redacted"}

    [told] = events([said({**CHAT, **masker, "spanledger.injection.detected": True})])

    assert told == {"pii": "redacted", "prompt_injection": None, "any": "redacted"}


def test_the_categories_of_a_call_that_two_instrumentations_tell_of_count_once():
    bad = {"filtered": True, "severity": "high"}
    given = CHAT | {"gen_ai.response.id": "chatcmpl-0123456789abcdef"}
    told = given | {"gen_ai.completion.0.content_filter_results": json.dumps({"hate": bad, "violence": bad})}
    outer = span(told, span_id=b"\x01" * 8)
    inner = span(given, span_id=b"\x02" * 8, parent_span_id=b"\x01" * 8)

    rows = process_range([message(request(outer, inner))], ENGINE).tables["safety"].to_pylist()

    assert {(row["category"], row["action"], row["events"]) for row in rows if row["events"]} == {
        ("hate", "blocked", 1), ("violence", "blocked", 1), ("any", "blocked", 1),
    }  # fmt: skip


# ---- guards


def test_guards_of_every_kind_tell_what_they_did():
    table = [
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
            {"guardrail_status": "success", "masked_entity_count": '{"A": 9223372036854775807, "B": 1}'},  # no count
            (None, "allowed", None, None),
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
    ]

    givens = [given for given, _ in table]
    guards = [OTEL_GUARD if any(key.startswith("gen_ai.") for key in given) else GUARD for given in givens]

    found = noted(said(guard | given) for guard, given in zip(guards, givens, strict=True))

    assert list(zip(givens, found, strict=True)) == table


def test_rails_of_nemo_guardrails_and_guards_of_logfire_are_known_by_their_spans():
    rail = {"rail.type": "input", "rail.name": "jailbreak detection model"}

    stopped, passed, logfire = noted(
        [
            said(rail | {"rail.stop": True}, name="guardrails.rail"),
            said(rail | {"rail.stop": False}, name="guardrails.rail"),
            said({"triggered": True}, name="Guardrail {name!r} {triggered=}", scope="logfire.openai_agents"),
        ]
    )

    assert stopped == ("prompt_injection", "blocked", None, True)
    assert passed[1:] == ("allowed", None, False)
    assert logfire[:2] == ("guardrail", "blocked")


def test_a_word_that_only_guards_use_says_nothing_elsewhere():
    keys = ["triggered", "validation_passed", "rail.stop", "output.value"]

    told = dict.fromkeys(keys, True) | {"output.value": json.dumps({"action": "block", "triggered": True})}

    found = noted(said(CHAT | {key: value}) for key, value in told.items())

    assert dict(zip(told, found, strict=True)) == dict.fromkeys(keys, NOTHING)


def test_a_finding_is_an_event_of_a_guardrail_span():
    findings = [
        event("gen_ai.guardrail.security.finding", after_ms=1, gen_ai__guardrail__security__risk__category=category)
        for category in ("toxicity", "prompt_injection")
    ]

    [found] = noted([said(OTEL_GUARD | {"gen_ai.guardrail.action.type": "block"}, events=findings)])

    assert found[1:] == ("blocked", None, True)


# ---- evaluations


def test_a_safety_evaluation_flags_by_its_label():
    table = [
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
    ]

    given = [{"gen_ai__evaluation__name": name, "gen_ai__evaluation__score__label": label} for name, label, _ in table]

    found = noted(said(CHAT, events=[event("gen_ai.evaluation.result", after_ms=5, **told)]) for told in given)

    assert [(name, label, made) for (name, label, _), made in zip(table, found, strict=True)] == table


def test_a_guard_s_name_is_read_however_its_words_are_parted():
    table = [
        ("DetectPII", "pii"),
        ("PIIFilter", "pii"),
        ("ToxicLanguage", "toxicity"),
        ("detect-Jailbreak", "prompt_injection"),
    ]

    found = noted(said({"validator.name": name, "validation_passed": False}) for name, _ in table)

    told = [(name, *made[:2]) for (name, _), made in zip(table, found, strict=True)]
    assert told == [(name, category, "flagged") for name, category in table]


def test_a_guard_s_result_is_read_from_the_repr_of_an_object():
    table = [
        ("FailResult(outcome='fail', error_message='no', fix_value=None)", "flagged"),
        ("PassResult(outcome='pass', value_override=<class 'Any'>)", "allowed"),
        ("GuardrailFunctionOutput(output_info=None, tripwire_triggered=True)", "blocked"),
        ("tripwire_triggered=False output_info=Info(words=['a b=c'])", "allowed"),
    ]

    found = noted(said(GUARD | {"output.value": result}) for result, _ in table)

    assert [(result, action) for (result, _), (_, action, *_) in zip(table, found, strict=True)] == table


def test_bedrocks_own_guard_is_a_guardrail_by_its_method():
    given = {"rpc.method": "ApplyGuardrail", "rpc.service": "Bedrock Runtime"}
    sent = said(given, kind=3, scope="opentelemetry.instrumentation.botocore.bedrock-runtime")

    row = row_of({"it": sent})["it"]

    assert (row["operation"], row["_model_call"]) == ("guardrail", False)


# ---- openlit


def test_a_guard_of_openlit_is_a_guardrail_and_its_denial_is_a_block():
    table = [
        ({"guard.denied": True}, ("guardrail", "blocked", None, None)),
        ({"guard.denied": "False"}, (None, "allowed", None, None)),
        ({"guard.denied": True, "guard.name": "pii"}, ("pii", "blocked", True, None)),
        ({"guard.denied": False, "guard.name": "prompt_injection"}, ("prompt_injection", "allowed", None, False)),
        ({"guard.denied": False, "guard.action": "warn", "guard.name": "pii"}, ("pii", "flagged", True, None)),
        ({"guard.name": "moderation"}, (None, None, None, None)),
    ]
    scopes = ["", "openlit", "openlit.guard"]

    cases = [(scope, given) for scope in scopes for given, _ in table]

    rows = row_of(dict(enumerate(said(given, scope) for scope, given in cases))).values()

    told = [tuple(row[name] for name in ("operation", "convention", "_model_call", *NOTED)) for row in rows]
    expected = [("guardrail", "openlit", False, *noted) for _ in scopes for _, noted in table]
    assert list(zip(cases, told, strict=True)) == list(zip(cases, expected, strict=True))


def test_what_a_call_says_of_a_guard_leaves_it_a_call():
    [told] = events([said(CHAT | {"guard.denied": True, "guard.name": "pii"})])
    [found] = noted([said(CHAT | {"guard.denied": True})])

    assert told["pii"] == "blocked"
    assert found[1] == "blocked"


def test_of_openlits_guards_on_one_span_the_strongest_counts():
    table = [
        (["allow"], "allowed"),
        (["redact", "allow"], "redacted"),
        (["warn", "redact", "deny"], "blocked"),
        (["allow", "warn", "allow"], "flagged"),
    ]

    def evaluations(actions: list[str]) -> list[Span.Event]:
        told = {"guard__name": "pii", "guard__explanation": SECRET}
        return [event("guard.evaluation", after_ms=n, guard__action=one, **told) for n, one in enumerate(actions)]

    cases = [(whose, actions) for whose in (CHAT, {}) for actions, _ in table]

    found = noted(said(whose, events=evaluations(actions)) for whose, actions in cases)

    told = [(actions, action) for (_, actions), (_, action, *_) in zip(cases, found, strict=True)]
    assert told == table * 2


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

    made = process_range([message(request(span(CHAT, events=events_told)))], ENGINE)

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
    assert {pair.partition("=")[2] for pair in found.split(" ")} <= set(SAFETY_ACTIONS)


def test_a_result_that_cannot_be_read_tells_nothing():
    keys = [
        *(f"llm.{name}.choices" for name in ("openai", "azure", "azure_ai", "gemini", "vertex_ai", "bedrock")),
        *("llm.gemini.candidates", "llm.vertex_ai.candidates", "llm.azure.prompt_filter_results", "llm.bedrock.trace"),
        *("gen_ai.response.content_filter_results", "gen_ai.prompt.prompt_filter_results", "content_filter_results"),
        *("gen_ai.response.safety_ratings", "gen_ai.response.prompt_feedback"),
    ]
    values = [
        "[{'finish_reason': 'stop', 'index': 0, 'message': {'content': 'hello there my frie",
        '[{"finish_reason":"stop","message":{"content":"hello there, my hate, vio',
        "redacted-by-litellm",
        "hate; violence, and other words of a user",
        "<generator object at 0x7f>",
        ["[{'finish_reason': 'stop'}]"],
        "None",
        "",
    ]

    cases = [(key, value) for key in keys for value in values]

    found = events(said(CHAT | {key: value}) for key, value in cases)

    assert [(key, value, told) for (key, value), told in zip(cases, found, strict=True) if told] == []


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

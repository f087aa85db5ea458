"""Providers as instrumentations report them: who serves, what the counts mean, how it failed.

Attributes as real libraries wrote them against a server on loopback that answered 176 input tokens, 924 from a cache,
100 to a cache, 345 output tokens of which 128 reasoning.
"""

from collections.abc import Iterable
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from processors.conventions.rules import NONE, provider_rules, server_by_name, words
from processors.conventions.table import load_table
from tests.processors.flushes import row_of
from tests.processors.otlp import event, request, span
from warehouse.schemas import BILLABLE_OPERATIONS

TABLE = load_table()
CLAUDE = "anthropic.claude-3-5-sonnet-20241022-v2:0"
TRACELOOP, OPENINFERENCE = "opentelemetry.instrumentation.", "openinference.instrumentation."


def _told(given: dict[str, Any], scope: str, version: str = "", **more: Any) -> ExportTraceServiceRequest:
    return request(span(given, **more), scope=scope, version=version)


def _rows(requests: Iterable[ExportTraceServiceRequest]) -> list[dict[str, Any]]:
    """The row of each request of one span, all taken by one flush."""
    return list(row_of(dict(enumerate(requests))).values())


def _row(given: dict[str, Any], scope: str, version: str = "", **more: Any) -> dict[str, Any]:
    """The one row of a span with these attributes."""
    [row] = _rows([_told(given, scope, version, **more)])
    return row


def _openinference(prompt: int, model: str = CLAUDE, **more: int) -> dict[str, Any]:
    details = {f"llm.token_count.prompt_details.{name}": count for name, count in more.items()}
    told = {"openinference.span.kind": "LLM", "llm.provider": "aws", "llm.model_name": model}
    return {**told, "llm.token_count.prompt": prompt, "llm.token_count.completion": 345, **details}


def _chat(provider: str | None = None, model: str = "m", **more: Any) -> dict[str, Any]:
    told = {"gen_ai.operation.name": "chat", "gen_ai.request.model": model}
    named = {"gen_ai.provider.name": provider} if provider else {}
    return {**told, **named, **{key.replace("__", "."): value for key, value in more.items()}}


# ---- what the counts mean


def test_openinference_bedrock_counts_input_by_version_method_and_model():
    expected = {
        ("bedrock.converse", "0.1.36", CLAUDE, 176): "exclusive",
        ("bedrock.converse_stream", "0.1.59", CLAUDE, 176): "exclusive",
        ("bedrock.converse", "0.1.60", CLAUDE, 1200): "inclusive",
        ("bedrock.converse", "0.2.0", CLAUDE, 1200): "inclusive",
        ("bedrock.invoke_model", "0.1.28", CLAUDE, 1200): "inclusive",
        ("bedrock.invoke_model", "0.1.61", CLAUDE, 1200): "inclusive",
        ("bedrock.invoke_model", "0.1.44", "amazon.nova-pro-v1:0", 176): "exclusive",
        ("bedrock.invoke_model_with_response_stream", "0.1.61", "us.amazon.nova-lite-v1:0", 176): "exclusive",
    }
    cases = {
        (name, version, model, prompt): _told(
            _openinference(prompt, model, cache_read=924, cache_write=100),
            OPENINFERENCE + "bedrock",
            version,
            name=name,
        )
        for name, version, model, prompt in expected
    }

    rows = row_of(cases)

    assert {case: (row["input_tokens"], row["usage_semantics"]) for case, row in rows.items()} == {
        case: (1200, semantics) for case, semantics in expected.items()
    }


def test_a_small_cache_is_no_reason_to_believe_a_wrong_semantics():
    rows = _rows(
        _told(_openinference(told, cache_read=30), OPENINFERENCE + "bedrock", version, name="bedrock.converse")
        for told, version in ((900, "0.1.57"), (930, "0.1.61"))
    )

    assert [row["input_tokens"] for row in rows] == [930, 930]


def test_bedrock_by_botocore_and_traceloop_leaves_the_cache_out():
    scopes = ["botocore.bedrock-runtime", "bedrock"]

    given = _chat("aws.bedrock", CLAUDE, gen_ai__usage__input_tokens=900, gen_ai__usage__cache_read__input_tokens=300)

    rows = row_of({scope: _told(given, TRACELOOP + scope, "0.62.4") for scope in scopes})

    assert {scope: (row["input_tokens"], row["usage_semantics"]) for scope, row in rows.items()} == dict.fromkeys(
        scopes, (1200, "exclusive")
    )


def test_gemini_by_traceloop_leaves_thoughts_out_and_the_total_has_them():
    given = _chat("gcp.gen_ai", gen_ai__usage__input_tokens=1100, gen_ai__usage__output_tokens=217)
    with_total, thoughtless = ({"gen_ai.usage.total_tokens": total} for total in (1445, 1317))

    rows = _rows(
        _told(given | total, TRACELOOP + "google_generativeai", "0.21.5") for total in (with_total, {}, thoughtless)
    )

    assert [row["output_tokens"] for row in rows] == [345, 217, 217]
    assert [row["reasoning_tokens"] for row in rows] == [None] * 3


def test_a_total_that_has_more_than_both_sides_tells_what_they_leave_out():
    table = [
        (1545, (900, 300, 345, 0), (1200, 345)),
        (1245, (900, 300, 345, 0), (900, 345)),
        (1245, (900, 0, 217, 128), (900, 345)),
        (1545, (900, 300, 217, 128), (1200, 345)),
        (1117, (900, 300, 217, 128), (900, 217)),
        (1237, (900, 120, 217, 120), (900, 217)),
    ]

    keys = ("input_tokens", "cache_read.input_tokens", "output_tokens", "reasoning.output_tokens", "total_tokens")
    cases = {}
    for total, counts, _ in table:
        given = {f"gen_ai.usage.{key}": count for key, count in zip(keys, (*counts, total), strict=True)}
        cases[total, counts] = _told({**_chat("any"), **given}, "an instrumentation of ours")

    rows = row_of(cases)

    found = [(*case, (row["input_tokens"], row["output_tokens"])) for case, row in rows.items()]
    assert found == table


def test_vercels_sdk_leaves_the_cache_out_before_version_6():
    table = [
        ("anthropic", {"gen_ai.usage.input_tokens": 900, "ai.usage.cachedInputTokens": 300}, "exclusive"),
        ("vertex.anthropic.messages", {"ai.usage.inputTokens": 900, "ai.usage.cachedInputTokens": 300}, "exclusive"),
        (
            "anthropic.messages",
            {
                "ai.usage.inputTokens": 1200,
                "ai.usage.cachedInputTokens": 300,
                "ai.usage.inputTokenDetails.noCacheTokens": 900,
            },
            "inclusive",
        ),
        (
            "anthropic.messages",
            {
                "ai.usage.promptTokens": 900,
                "ai.response.providerMetadata": '{"anthropic": {"cacheReadInputTokens": 300}}',
            },
            "exclusive",
        ),
        (
            "anthropic.messages",
            {
                "ai.usage.promptTokens": 1200,
                "ai.response.providerMetadata": (
                    '{"anthropic": {"usage": {"input_tokens": 900, "cache_read_input_tokens": 300}}}'
                ),
            },
            "inclusive",
        ),
        ("openai.chat", {"ai.usage.inputTokens": 1200, "ai.usage.cachedInputTokens": 300}, "inclusive"),
    ]

    call = {"ai.operationId": "ai.generateText.doGenerate", "ai.model.id": "claude-x"}

    rows = _rows(_told({**call, "ai.model.provider": provider, **counts}, "ai") for provider, counts, _ in table)

    assert [(*case[:2], row["usage_semantics"]) for case, row in zip(table, rows, strict=True)] == table
    assert [(row["input_tokens"], row["cached_input_tokens"]) for row in rows] == [(1200, 300)] * len(table)


def test_openlit_passes_on_what_each_provider_counts():
    table = [("anthropic", 1200, 217), ("aws.bedrock", 1200, 217), ("gcp.gemini", 900, 345), ("openai", 900, 217)]

    keys = ("input_tokens", "cache_read.input_tokens", "output_tokens", "reasoning_tokens", "total_tokens")
    counts = {f"gen_ai.usage.{key}": n for key, n in zip(keys, (900, 300, 217, 128, 1245), strict=True)}

    rows = row_of({provider: _told({**_chat(provider), **counts}, "openlit.otel.tracing") for provider, _, _ in table})

    assert [(provider, row["input_tokens"], row["output_tokens"]) for provider, row in rows.items()] == table


def test_a_stream_that_openlit_may_have_counted_itself_is_flagged():
    counts = {"gen_ai.usage.input_tokens": 8, "gen_ai.usage.output_tokens": 12}
    stream = {"gen_ai.request.is_stream": True}
    counted = {"gen_ai.usage.cache_read.input_tokens": 0}
    table: list[tuple[str, dict[str, Any], str]] = [
        ("openai", stream, "inclusive+guess_possible"),
        ("groq", stream, "inclusive+guess_possible"),
        ("openai", stream | counted, "inclusive"),
        ("openai", {"gen_ai.request.is_stream": False}, "inclusive"),
        ("anthropic", stream, "exclusive"),
    ]

    rows = row_of(
        {
            (provider, str(more)): _told({**_chat(provider), **counts, **more}, "openlit.otel.tracing")
            for provider, more, _ in table
        }
    )

    assert [row["usage_semantics"] for row in rows.values()] == [semantics for *_, semantics in table]
    assert {row["input_tokens"] for row in rows.values()} == {8}


def test_openlits_javascript_passes_on_what_each_library_counts():
    """As ``sdk/typescript`` of openlit/openlit@ad20b7b4 writes it; its scopes are all of version 1.0.0."""
    table = [
        ("anthropic", "anthropic", "claude-sonnet-4-5", 1200, 217, "exclusive"),
        ("bedrock", "aws.bedrock", CLAUDE, 1200, 217, "exclusive"),
        ("claude-agent-sdk", "anthropic", "claude-sonnet-4-5", 900, 217, "inclusive"),
        ("openai", "openai", "gpt-5", 900, 217, "inclusive"),
        ("azure-ai-inference", "azure.ai.inference", "gpt-5", 900, 217, "inclusive"),
        ("groq", "groq", "openai/gpt-oss-120b", 900, 217, "inclusive"),
        ("langchain", "openai", "gpt-5", 900, 217, "inclusive"),
        ("google-ai", "gcp.gemini", "gemini-2.5-pro", 900, 345, "inclusive"),
        ("google-adk", "gcp.gemini", "gemini-2.5-pro", 900, 345, "inclusive"),
        ("vertexai", "vertex_ai", "gemini-2.5-pro", 900, 345, "inclusive"),
    ]
    keys = ("input_tokens", "cache_read.input_tokens", "output_tokens", "reasoning_tokens")
    counts = {f"gen_ai.usage.{key}": n for key, n in zip(keys, (900, 300, 217, 128), strict=True)}

    rows = _rows(
        _told({**_chat(provider, model), **counts}, f"@openlit/instrumentation-{library}", "1.0.0")
        for library, provider, model, *_ in table
    )

    found = [tuple(row[name] for name in ("input_tokens", "output_tokens", "usage_semantics")) for row in rows]
    assert found == [case[3:] for case in table]


def test_langchains_input_in_openlits_javascript_has_its_cache_or_not():
    """It takes LangChain's own sum where the answer's metadata has no counts of Anthropic's or Bedrock's own."""
    table = [("anthropic", 200, 500), ("aws.bedrock", 200, 500), ("anthropic", 900, None), ("aws.bedrock", 900, None)]

    rows = _rows(
        _told(
            _chat(provider, gen_ai__usage__input_tokens=count, gen_ai__usage__cache_read__input_tokens=300),
            "@openlit/instrumentation-langchain",
            "1.0.0",
        )
        for provider, count, _ in table
    )

    assert [row["input_tokens"] for row in rows] == [expected for *_, expected in table]


def test_thoughts_that_openlits_javascript_does_not_tell_are_not_none():
    """Its streams of Gemini and all its spans of Vertex AI have no thoughts, which candidates leave out."""
    table = [("google-ai", "gemini-2.5-pro"), ("vertexai", "gemini-2.5-flash"), ("vertexai", "gemini-2.0-flash")]
    counts = {"gen_ai.usage.input_tokens": 900, "gen_ai.usage.output_tokens": 217}

    rows = _rows(
        _told({**_chat("gcp.vertex_ai", model), **counts}, f"@openlit/instrumentation-{library}", "1.0.0")
        for library, model in table
    )

    assert [row["output_tokens"] for row in rows] == [None, None, 217]


def test_a_stream_that_openlits_javascript_may_have_counted_itself_is_flagged():
    table = [
        ("openai", "openai", "inclusive+guess_possible"),
        ("mistral", "mistral_ai", "inclusive+guess_possible"),
        ("anthropic", "anthropic", "exclusive"),
        ("bedrock", "aws.bedrock", "exclusive"),
    ]
    counts = {"gen_ai.usage.input_tokens": 8, "gen_ai.usage.output_tokens": 12, "gen_ai.request.is_stream": True}

    rows = _rows(
        _told({**_chat(provider), **counts}, f"@openlit/instrumentation-{library}", "1.0.0")
        for library, provider, _ in table
    )

    assert [row["usage_semantics"] for row in rows] == [semantics for *_, semantics in table]


def test_openlits_javascript_of_early_2026_told_details_by_other_keys():
    details = {
        "prompt_tokens_details.cache_read": 300,
        "prompt_tokens_details.cache_write": 100,
        "completion_tokens_details.reasoning": 128,
        "completion_tokens_details.audio": 20,
    }
    counts = {"input_tokens": 900, "output_tokens": 217, **details}
    given = _chat("openai", "gpt-5") | {f"gen_ai.usage.{key}": count for key, count in counts.items()}

    row = _row(given, "@openlit/instrumentation-openai", "1.0.0")

    names = ("cached_input_tokens", "cache_write_tokens", "reasoning_tokens", "audio_output_tokens")
    assert [row[name] for name in names] == [300, 100, 128, 20]
    assert (row["input_tokens"], row["output_tokens"]) == (900, 217)


def test_langfuse_keeps_usage_as_it_was_given():
    table = [
        ('{"input": 276, "output": 217, "total": 1545, "input_cache_read": 924, "output_reasoning": 128}', (1200, 345)),
        ('{"input": 276, "output": 217, "total": 1545}', (276, 217)),
        ('{"input_tokens": 900, "output_tokens": 345, "cache_read_input_tokens": 300}', (1200, 345)),
        ('{"input_tokens": 1200, "output_tokens": 345, "input_tokens_details": {"cached_tokens": 300}}', (1200, 345)),
        ('{"prompt_tokens": 1200, "completion_tokens": 345, "cache_read_input_tokens": 300}', (1200, 345)),
    ]

    key = "langfuse.observation.usage_details"

    rows = row_of(
        {
            usage: _told({"langfuse.observation.type": "generation", key: usage}, "langfuse-sdk", "5.0.4")
            for usage, _ in table
        }
    )

    assert [(usage, (row["input_tokens"], row["output_tokens"])) for usage, row in rows.items()] == table


def test_langchain_names_provider_and_model_in_its_metadata():
    ways = [
        ("langfuse.observation.metadata.{}", '"{}"'),
        ("traceloop.association.properties.{}", "{}"),
    ]

    told = {"ls_provider": "amazon_bedrock", "ls_model_name": CLAUDE}
    cases = {}
    for key, value in ways:
        given = {key.format(name): value.format(word) for name, word in told.items()}
        cases[key] = _told({"gen_ai.operation.name": "chat", **given}, "langfuse-sdk")

    rows = row_of(cases)

    assert {key: (row["provider"], row["request_model"]) for key, row in rows.items()} == dict.fromkeys(
        cases, ("aws.bedrock", CLAUDE)
    )


def test_a_client_span_with_a_model_and_nothing_else_is_a_call_of_unknown_usage():
    table = [(TRACELOOP + "bedrock", 3, "chat"), (TRACELOOP + "bedrock", 1, None), ("ours", 3, None)]

    given = {"gen_ai.system": "mistral", "gen_ai.request.model": "mistral-large-2402-v1:0"}

    rows = _rows(_told(given, scope, "0.33.12", name="bedrock.completion", kind=kind) for scope, kind, _ in table)

    names = ("operation", "_model_call", "input_tokens")
    found = [(*case[:2], *(row[name] for name in names)) for case, row in zip(table, rows, strict=True)]
    assert found == [(*case, case[2] is not None, None) for case in table]


def test_openlits_old_failures_say_nothing_but_the_name():
    told = event("exception", after_ms=5, exception__type="openai.RateLimitError", exception__message="")
    row = _row({}, "openlit", name="openai.chat.completions", status=2, events=[told])

    assert (row["operation"], row["error_class"], row["_model_call"]) == ("chat", "rate_limit", True)


def test_old_failures_of_openlits_javascript_say_nothing_but_the_name():
    """Until it told model and operation when a span began (openlit/openlit@c1aa4cd1 does not)."""
    table = [
        ("openai", "openai.resources.chat.completions", "chat"),
        ("openai", "openai.resources.responses", "chat"),
        ("openai", "openai.resources.embeddings", "embeddings"),
        ("anthropic", "anthropic.resources.messages", "chat"),
        ("bedrock", "bedrock.converse_stream", "chat"),
        ("google-ai", "google.generativeai.models.generate_content", "chat"),
        ("mistral", "mistral.embeddings", "embeddings"),
        ("openai", "chat gpt-5", "chat"),
    ]

    rows = _rows(
        _told({}, f"@openlit/instrumentation-{library}", "1.0.0", name=name, kind=3, status=2)
        for library, name, _ in table
    )

    assert [(row["operation"], row["_model_call"]) for row in rows] == [(operation, True) for *_, operation in table]


def test_pydantic_ai_tells_geminis_thoughts_among_the_details():
    given = _chat("google", gen_ai__usage__output_tokens=345, gen_ai__usage__details__thoughts_tokens=128)

    row = _row(given, "pydantic-ai", "2.68.0")

    assert (row["provider"], row["output_tokens"], row["reasoning_tokens"]) == ("gcp.gemini", 345, 128)


def test_a_text_call_without_a_token_of_input_was_not_counted():
    langchain = _chat("anthropic", gen_ai__usage__input_tokens=0, gen_ai__usage__output_tokens=345)
    keys = ("prompt_tokens", "completion_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    zeros = {f"gen_ai.usage.{key}": 0 for key in keys}
    bedrock = _chat("aws.bedrock", gen_ai__usage__input_tokens=0, gen_ai__usage__cache_read__input_tokens=924)

    told, empty, cached = _rows(
        [
            _told({**langchain, "gen_ai.usage.total_tokens": 345}, TRACELOOP + "langchain", "0.62.4"),
            _told({**_chat(), **zeros}, TRACELOOP + "anthropic", "0.33.12"),
            _told(bedrock, TRACELOOP + "bedrock"),
        ]
    )

    assert (told["input_tokens"], told["output_tokens"], told["_repair"]) == (None, None, "nothing_counted")
    assert told["usage_semantics"] == "refused+nothing_counted"
    assert (empty["input_tokens"], empty["output_tokens"], empty["cached_input_tokens"]) == (None, None, None)
    assert (cached["input_tokens"], cached["_repair"]) == (924, None)


def test_a_call_of_any_kind_that_read_nothing_was_not_counted():
    zeros = {f"gen_ai.usage.{side}_tokens": 0 for side in ("input", "output", "total")}

    rows = row_of(
        {
            operation: _told({**_chat(), "gen_ai.operation.name": operation, **zeros}, "litellm")
            for operation in BILLABLE_OPERATIONS
        }
    )

    found = {name: (row["input_tokens"], row["output_tokens"], row["_repair"]) for name, row in rows.items()}
    assert found == dict.fromkeys(BILLABLE_OPERATIONS, (None, None, "nothing_counted"))


def test_embeddings_of_which_only_an_empty_total_is_told_were_not_counted():
    empty = {"openinference.span.kind": "EMBEDDING", "embedding.model_name": "m", "llm.token_count.total": 0}

    assert _row(empty, "openinference.instrumentation.openai")["input_tokens"] is None


def test_bedrock_by_an_old_traceloop_langchain_leaves_the_cache_out():
    table = [("0.47.3", 30, 930), ("0.62.4", 30, 900)]

    cases = {}
    for version, cached, _ in table:
        given = _chat("AWS", gen_ai__usage__prompt_tokens=900, gen_ai__usage__cache_read_input_tokens=cached)
        cases[version, cached] = _told(given, TRACELOOP + "langchain", version)

    assert [(*case, row["input_tokens"]) for case, row in row_of(cases).items()] == table


# ---- who serves


def test_the_provider_is_who_serves_the_model():
    table = [
        (_chat("anthropic", "claude-3-5-sonnet-20241022-v2:0"), TRACELOOP + "bedrock", "aws.bedrock"),
        (_chat("meta", "llama3-70b-instruct-v1:0"), TRACELOOP + "bedrock", "aws.bedrock"),
        (_chat("Anthropic", CLAUDE), TRACELOOP + "anthropic", "aws.bedrock"),
        (_chat("Anthropic", "us." + CLAUDE), TRACELOOP + "anthropic", "aws.bedrock"),
        (_chat("anthropic", "claude-sonnet-4@20250514"), TRACELOOP + "anthropic", "gcp.vertex_ai"),
        (_chat("anthropic", "claude-sonnet-4-20250514"), TRACELOOP + "anthropic", "anthropic"),
        (_chat(None, "err-429"), OPENINFERENCE + "mistralai", "mistral_ai"),
        (_chat(None, "m"), OPENINFERENCE + "vertexai", "gcp.vertex_ai"),
        (_chat("amazon_bedrock"), OPENINFERENCE + "langchain", "aws.bedrock"),
        (_chat("google.vertex.chat"), "ai", "gcp.vertex_ai"),
        (_chat("googleVertex.chat"), "ai", "gcp.vertex_ai"),
        (_chat("googleVertex.anthropic.messages"), "ai", "gcp.vertex_ai"),
        (_chat("googleVertex.xai.chat"), "ai", "gcp.vertex_ai"),
        (_chat("vertex.maas.chat"), "ai", "gcp.vertex_ai"),
        (_chat("google.vertex.anthropic.messages"), "ai", "gcp.vertex_ai"),
        (_chat("deepinfra.chat"), "ai", "deepinfra"),
        (_chat("alibaba.chat"), "ai", "alibaba"),
        (_chat("vertex.anthropic.messages"), "ai", "gcp.vertex_ai"),
        (_chat("azure-openai.responses"), "ai", "azure.ai.openai"),
        (_chat(None), "ours", None),
    ]

    rows = _rows(_told(given, scope) for given, scope, _ in table)

    assert [(*case[:2], row["provider"]) for case, row in zip(table, rows, strict=True)] == table


def test_a_compatible_server_is_named_by_its_address():
    table = [
        ("server.address", "api.openai.com", "openai"),
        ("server.address", "127.0.0.1", "openai"),
        ("server.address", "api.groq.com", "groq"),
        ("server.address", "API.DeepSeek.com", "deepseek"),
        ("server.address", "notapi.groq.company", "openai"),
        ("gen_ai.openai.api_base", "https://openrouter.ai/api/v1", "openrouter"),
        ("gen_ai.openai.api_base", "https://acme.openai.azure.com/openai/", "azure.ai.openai"),
        ("gen_ai.openai.api_base", "https://us-east5-aiplatform.googleapis.com/v1/x", "gcp.vertex_ai"),
        ("server.address", "bedrock-runtime.us-west-2.amazonaws.com", "aws.bedrock"),
        ("gen_ai.openai.api_version", "2024-10-21", "azure.ai.openai"),
    ]

    rows = _rows(_told({**_chat("openai"), key: address}, TRACELOOP + "openai.v1") for key, address, _ in table)

    assert [(*case[:2], row["provider"]) for case, row in zip(table, rows, strict=True)] == table


def test_an_address_names_nobody_who_is_named_already():
    assert _row(_chat("litellm_proxy", server__address="api.groq.com"), "ours")["provider"] == "litellm_proxy"


def test_provider_rules_speak_of_fields_and_words_that_there_are():
    fields, known = {field.name for field in TABLE.fields}, set(words("provider").values())

    assert {rule.field for rule in provider_rules()} - {""} <= fields
    assert {rule.reported for rule in provider_rules()} - {"", NONE} <= known
    assert all(rule.scope or rule.field or rule.host or rule.model for rule in provider_rules())


# ---- which model, which stream, which end


def test_one_model_name_only_on_a_failed_call_is_the_one_that_was_asked_for():
    langfuse = {"langfuse.observation.type": "generation", "langfuse.observation.model.name": "m"}

    worked, failed, answered, refused = _rows(
        [
            _told(_openinference(10), OPENINFERENCE + "bedrock"),
            _told(_openinference(10), OPENINFERENCE + "bedrock", status=2),
            _told(langfuse, "langfuse-sdk"),
            _told(langfuse, "langfuse-sdk", status=2),
        ]
    )

    assert (worked["request_model"], worked["response_model"]) == (CLAUDE, CLAUDE)
    assert (failed["request_model"], failed["response_model"]) == (CLAUDE, None)
    assert (answered["request_model"], answered["response_model"]) == (None, "m")
    assert (refused["request_model"], refused["response_model"]) == ("m", None)


def test_litellm_writes_the_provider_before_the_model():
    table = [
        (OPENINFERENCE + "litellm", "google", "gemini/gemini-2.5-flash", "gemini-2.5-flash"),
        (OPENINFERENCE + "litellm", "aws", "bedrock/" + CLAUDE, CLAUDE),
        (OPENINFERENCE + "litellm", "openrouter", "anthropic/claude-sonnet-4", "anthropic/claude-sonnet-4"),
        (OPENINFERENCE + "openai", "openai", "openai/gpt-oss-20b", "openai/gpt-oss-20b"),
        ("litellm", "ollama", "ollama_chat/llama3.2", "llama3.2"),
    ]

    kind = {"openinference.span.kind": "LLM"}

    rows = _rows(
        _told({**kind, "llm.provider": provider, "llm.model_name": model}, scope) for scope, provider, model, _ in table
    )

    assert [(*case[:3], row["request_model"]) for case, row in zip(table, rows, strict=True)] == table
    assert [(*case[:3], row["response_model"]) for case, row in zip(table, rows, strict=True)] == table


def test_an_embedding_by_litellm_names_its_provider_in_its_parameters():
    given = {
        "openinference.span.kind": "EMBEDDING",
        "embedding.model_name": "text-embedding-3-small",
        "embedding.invocation_parameters": '{"model": "openai/text-embedding-3-small"}',
    }

    row = _row(given, OPENINFERENCE + "litellm", "0.1.51")

    assert (row["provider"], row["request_model"]) == ("openai", "text-embedding-3-small")


def test_a_streaming_method_is_a_stream():
    ways = [
        ("GenerateContentStream", {}, OPENINFERENCE + "google_genai"),
        ("AsyncGenerateContentStream", {}, OPENINFERENCE + "google_genai"),
        ("bedrock.converse_stream", {}, OPENINFERENCE + "bedrock"),
        ("chat m", {"rpc.method": "ConverseStream"}, TRACELOOP + "botocore.bedrock-runtime"),
        ("chat m", {"rpc.method": "InvokeModelWithResponseStream"}, TRACELOOP + "botocore.bedrock-runtime"),
    ]

    rows = _rows(_told({**_chat(), **given}, scope, name=name) for name, given, scope in ways)

    assert [(way, row["stream"]) for way, row in zip(ways, rows, strict=True)] == [(way, True) for way in ways]


def test_a_client_that_is_not_set_to_stream_may_stream_all_the_same():
    given = _chat(llm__invocation_parameters='{"model": "gpt-4o-mini", "stream": false}')

    assert _row(given, OPENINFERENCE + "langchain", "0.1.80", name="ChatOpenAI")["stream"] is None


def test_a_stream_that_openinference_groq_does_not_follow_was_not_cancelled():
    given = {"openinference.span.kind": "LLM", "llm.invocation_parameters": '{"model": "m", "stream": true}'}

    row = _row(given, OPENINFERENCE + "groq", "0.1.33")

    assert (row["stream"], row["status"]) == (True, "ok")


def test_anthropic_messages_are_a_chat_even_where_an_old_traceloop_says_completion():
    told = {"llm.request.type": "completion", "gen_ai.request.model": "m"}

    row, chat = _rows(
        [
            _told({**_chat(), "gen_ai.operation.name": None, **told}, TRACELOOP + "anthropic"),
            _told(told, TRACELOOP + "anthropic", name="anthropic.chat"),
        ]
    )

    assert (row["operation"], chat["operation"]) == ("text_completion", "chat")


def test_finish_reasons_of_every_provider_get_one_word():
    table = [
        ("FinishReason.MAX_TOKENS", "length"),
        ("STOP", "stop"),
        ("FINISH", "stop"),
        ("COMPLETE", "stop"),
        ("ERROR_TOXIC", "content_filter"),
        ("ERROR_LIMIT", "length"),
        ("endoftext", "stop"),
        ("MALFORMED_FUNCTION_CALL", "error"),
        ("insufficient_system_resource", "error"),
        ("other", None),
        ("in_progress", None),
    ]

    rows = row_of({reason: _told(_chat(gen_ai__response__finish_reasons=[reason]), "ours") for reason, _ in table})

    assert [(reason, row["finish_reason"]) for reason, row in rows.items()] == table


def test_botocore_tells_how_often_it_sent_again():
    assert _row(_chat(retry_attempts=2), TRACELOOP + "botocore.bedrock-runtime")["attempt"] == 3


# ---- how it failed


def test_every_clients_errors_get_their_class():
    table = [
        (
            "botocore.errorfactory.AccessDeniedException",
            "An error occurred (AccessDeniedException) when calling the Converse operation: no",
            "permission",
            None,
        ),
        (
            "botocore.exceptions.ClientError",
            "An error occurred (ThrottlingException) when calling the InvokeModel operation: slow down",
            "rate_limit",
            None,
        ),
        ("botocore.errorfactory.ModelTimeoutException", "", "timeout", None),
        ("botocore.errorfactory.ModelErrorException", "", "server_error", None),
        (
            "botocore.errorfactory.ValidationException",
            "An error occurred (ValidationException): Input is too long for requested model.",
            "context_length_exceeded",
            None,
        ),
        ("google.genai.errors.ServerError", "503 UNAVAILABLE. {'error': {'code': 503}}", "overloaded", 503),
        ("google.genai.errors.ClientError", "429 RESOURCE_EXHAUSTED. {'error': {'code': 429}}", "rate_limit", 429),
        (
            "google.genai.errors.ClientError",
            "400 INVALID_ARGUMENT. {'error': {'code': 400, 'details': [{'reason': 'API_KEY_INVALID'}]}}",
            "auth",
            400,
        ),
        ("google.api_core.exceptions.ResourceExhausted", "429 Resource has been exhausted", "rate_limit", 429),
        (
            "mistralai.client.errors.sdkerror.SDKError",
            'API error occurred: Status 401. Body: {"error": {}}',
            "auth",
            401,
        ),
        ("cohere.errors.TooManyRequestsError", "status_code: 429, body: {'message': 'x'}", "rate_limit", 429),
        ("cohere.errors.UnauthorizedError", "", "auth", None),
        ("ollama._types.ResponseError", "model not there (status code: 404)", "not_found", 404),
        ("langchain_openai.chat_models.base.OpenAIRateLimitError", "Error code: 429 - x", "rate_limit", 429),
        (
            "langchain_anthropic.chat_models.AnthropicContextOverflowError",
            "Error code: 400 - {'error': {'type': 'invalid_request_error'}}",
            "context_length_exceeded",
            400,
        ),
        ("pydantic_ai.exceptions.ModelQuotaExceededError", "status_code: 429, x", "quota_exceeded", 429),
        ("pydantic_ai.exceptions.ModelUnavailableError", "status_code: 503, x", "overloaded", 503),
        ("httpx.HTTPStatusError", "Client error '429 Too Many Requests' for url 'http://x/'", "rate_limit", 429),
        ("AI_APICallError", "404 Not here", "not_found", 404),
        ("APIConnectionTimeoutError", "Request timed out.", "timeout", None),
        ("APIUserAbortError", "Request was aborted.", "cancelled", None),
        ("aiohttp.client_exceptions.ClientConnectorError", "Cannot connect to host x:443", "network", None),
        ("TypeError", "fetch failed", "network", None),
        ("openai.BadRequestError", "Your prompt had 500 Tokens and 400 words", "invalid_request", None),
        ("builtins.Exception", "exit code 137", "unknown", None),
    ]

    requests = []
    for exception, text, _, _ in table:
        told = event("exception", after_ms=5, exception__type=exception, exception__message=text)
        requests.append(_told(_chat(), "ours", status=2, message=text, events=[told]))

    rows = _rows(requests)

    names = ("error_class", "http_status", "status")
    found = [(*case[:2], *(row[name] for name in names)) for case, row in zip(table, rows, strict=True)]
    assert found == [(*case, "cancelled" if case[2] == "cancelled" else "error") for case in table]


THROTTLED = {
    "status": 2,
    "events": [
        event("exception", after_ms=5, exception__type="ThrottlingException", exception__message="Too many requests")
    ],
}


def test_a_failed_call_that_tells_nothing_but_who_made_it_is_a_call_with_its_error_and_without_counts():
    table = [
        (TRACELOOP + "bedrock", "bedrock.completion", 3, "chat"),
        (TRACELOOP + "bedrock", "bedrock.converse", 3, "chat"),
        (TRACELOOP + "bedrock", "a name of tomorrow", 3, "chat"),
        (TRACELOOP + "bedrock", "bedrock.completion", 1, None),
        (TRACELOOP + "sagemaker", "sagemaker.completion", 3, "text_completion"),
        (TRACELOOP + "openai", "openai.chat", 3, "chat"),
        (TRACELOOP + "openai.v1", "openai.embeddings", 3, "embeddings"),
        (TRACELOOP + "openai_agents", "Agent workflow", 3, None),
        (TRACELOOP + "cohere", "cohere.rerank", 3, "rerank"),
        (TRACELOOP + "cohere", "cohere.chat", 3, "chat"),
        (TRACELOOP + "mistralai", "mistralai.embeddings", 3, "embeddings"),
        (TRACELOOP + "ollama", "ollama.completion", 3, "text_completion"),
        (TRACELOOP + "voyageai", "voyageai.embed", 3, "embeddings"),
        ("openlit.instrumentation.openai.openai", "image dall-e-3", 3, "image"),
        ("litellm", "litellm_request", 1, "chat"),
        ("litellm", "Received Proxy Server Request", 2, None),
        (TRACELOOP + "botocore", "Bedrock Runtime.InvokeModel", 3, None),
        (TRACELOOP + "chromadb", "chroma.query", 3, None),
    ]

    rows = _rows(_told({}, scope, "0.55.0", name=name, kind=kind, **THROTTLED) for scope, name, kind, _ in table)

    names = ("operation", "_model_call", "status", "error_class", "input_tokens", "output_tokens")
    found = [(*case[:3], *(row[name] for name in names)) for case, row in zip(table, rows, strict=True)]
    assert found == [(*case, case[3] is not None, "error", "rate_limit", None, None) for case in table]


def test_what_a_client_says_that_it_does_goes_before_what_its_kind_would_say():
    table = [("embedding", "embeddings"), ("completion", "text_completion")]

    rows = row_of(
        {
            told: _told({"llm.request.type": told}, TRACELOOP + "bedrock", name="bedrock.completion", kind=3)
            for told, _ in table
        }
    )

    assert [(told, row["operation"]) for told, row in rows.items()] == table


def test_the_two_conventions_of_litellms_one_scope_are_told_apart_by_their_keys():
    table = [
        ({"metadata.usage_object": "{'prompt_tokens': 5}", "litellm.call_id": "c"}, "litellm_v1"),
        ({"gen_ai.cost.total_cost": 0.5, "litellm.provider.model": "openai/gpt-4o"}, "litellm_v1"),
        ({"litellm.call_type": "acompletion", "litellm.call_id": "c"}, "litellm_v2"),
        ({"litellm.cost.total": 0.5}, "litellm_v2"),
        ({"litellm.request.streaming": True}, "litellm_v2"),
        ({"litellm.guardrail.name": "pii", "litellm.guardrail.status": "success"}, "litellm_v2"),
    ]

    rows = _rows(_told({**_chat("openai"), **given}, "litellm") for given, _ in table)

    assert [(given, row["convention"]) for (given, _), row in zip(table, rows, strict=True)] == table


def test_a_call_that_only_names_its_model_does_what_such_models_do():
    table = [
        ("cohere.embed-english-v3", "embeddings"),
        ("text-embedding-3-small", "embeddings"),
        ("voyage-3.5", "embeddings"),
        ("cohere.rerank-v3-5:0", "rerank"),
        ("whisper-1", "transcription"),
        ("tts-1-hd", "speech"),
        ("gpt-image-1", "image"),
        ("gpt-4o", "chat"),
        ("claude-3-5-sonnet-20241022", "chat"),
    ]

    bedrock = {"gen_ai.system": "aws.bedrock"}
    scope = TRACELOOP + "botocore.bedrock-runtime"

    rows = row_of({model: _told({**bedrock, "gen_ai.request.model": model}, scope, kind=3) for model, _ in table})

    assert [(model, row["operation"]) for model, row in rows.items()] == table


def test_who_serves_a_model_is_one_answer_for_a_span_and_for_its_bare_name():
    providers = [None, "anthropic", "openai"]
    models = [
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "amazon.nova-pro-v1:0",
        "models/gemini-2.5-flash",
        "claude-sonnet-4-5@20250929",
        "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0",
        "gpt-4o",
    ]

    cases = [(provider, model) for provider in providers for model in models]

    rows = row_of({case: _told(_chat(*case), "an instrumentation of ours") for case in cases})

    assert {case: row["provider"] for case, row in rows.items()} == {case: server_by_name(*case) for case in cases}

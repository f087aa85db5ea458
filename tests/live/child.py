"""An application as people write them: the real OpenAI client, one instrumentation, the stock OTLP exporter.

    python -m tests.live.child INSTRUMENTATION OPENAI_BASE_URL OTLP_ENDPOINT TENANT

Makes one call per case, each under an application span that carries the feature; the tenant stands on the resource. All
spans leave in one export at the end, so an instrumentation's spans and their application's are never parted.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import openai
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from tests.live.cases import CASES, EMBEDDING_MODEL, MODEL, Case

INSTRUMENTATIONS = ("genai-openai", "openinference-openai")
KEEP_MILLIS = 600_000
TOOL = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def main(instrumentation: str, base_url: str, otlp_endpoint: str, tenant: str) -> None:
    """Make all calls and export their spans."""
    provider = TracerProvider(
        resource=Resource.create({"service.name": f"live-{instrumentation}", "tenant.id": tenant})
    )
    exporter = OTLPSpanExporter(endpoint=f"{otlp_endpoint}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=KEEP_MILLIS))
    trace.set_tracer_provider(provider)
    instrument(instrumentation, provider)
    tracer = trace.get_tracer("live.application")
    for case in CASES:
        with tracer.start_as_current_span("handle request", attributes={"feature.name": case.name}):
            make(case, base_url)
    provider.shutdown()


def instrument(name: str, provider: TracerProvider) -> None:
    """Switch one instrumentation on."""
    if name == "genai-openai":
        from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
    else:
        from openinference.instrumentation.openai import OpenAIInstrumentor
    OpenAIInstrumentor().instrument(tracer_provider=provider)


def make(case: Case, base_url: str) -> None:
    """Make the call of one case; an error that the case wants is no failure."""
    try:
        if case.asynchronous:
            asyncio.run(_make_async(case, base_url))
        else:
            _make(case, base_url)
    except openai.APIStatusError as error:
        if not case.fails or error.status_code != case.status:
            raise
        return
    if case.fails:
        raise AssertionError(f"{case.name} should have failed")


def _make(case: Case, base_url: str) -> None:
    with openai.OpenAI(base_url=base_url, api_key="sk-live-secret", max_retries=case.refusals or 0) as client:
        if case.operation == "embeddings":
            client.embeddings.create(model=EMBEDDING_MODEL, input=_content(case), encoding_format="float")
            return
        answer = client.chat.completions.create(**_arguments(case))
        if case.stream:
            for _ in answer:
                pass


async def _make_async(case: Case, base_url: str) -> None:
    async with openai.AsyncOpenAI(base_url=base_url, api_key="sk-live-secret", max_retries=0) as client:
        answer = await client.chat.completions.create(**_arguments(case))
        if case.stream:
            async for _ in answer:
                pass


def _arguments(case: Case) -> dict[str, Any]:
    arguments: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": _content(case)}]}
    if case.tools:
        arguments["tools"] = [TOOL]
    if case.stream:
        arguments["stream"] = True
        if case.include_usage:
            arguments["stream_options"] = {"include_usage": True}
    return arguments


def _content(case: Case) -> str:
    return f"{case.name}: my e-mail is jane.doe@example.com"


if __name__ == "__main__":
    main(*sys.argv[1:])

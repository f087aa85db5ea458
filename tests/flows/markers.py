"""Spans full of words that must not get out: a marker in every place of a span that can hold content or a secret."""

from __future__ import annotations

import csv
import itertools
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from tests.processors.otlp import any_value, attributes

LIST = Path(__file__).parent.parent / "data" / "conventions" / "attributes.csv"
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
    "tenant.id": "acme",
    "feature": "privacy",
}
MARKER = re.compile(r"zqx\d{4,}vyw")
DETAILS = "gen_ai.client.inference.operation.details"
_numbers = itertools.count(1)


class Markers:
    """Hands out markers, each with the place where it is put."""

    def __init__(self) -> None:
        self.places: dict[str, str] = {}

    def __call__(self, place: str) -> str:
        """A word that stands nowhere else, in lower case and without anything that a file would escape."""
        marker = f"zqx{len(self.places):04d}vyw"
        self.places[marker] = place
        return marker


def content_keys() -> list[str]:
    """Every key of content, with its wildcards filled in."""
    with LIST.open(encoding="utf-8", newline="") as file:
        rows = [row["attribute_key"] for row in csv.DictReader(file) if row["canonical_field"] == "content"]
    parts = {part.split(" (")[0].strip() for row in rows for part in row.split("|")}
    return sorted({_concrete(part) for part in parts})


def _concrete(key: str) -> str:
    key = key.replace("{provider}", "openai").replace("{i}", "0")
    return key[:-1] + "0.message.content" if key.endswith(".*") else key.replace("*", "0")


def _shapes(mark: Markers, key: str) -> Iterator[Any]:
    """The same key as text, as JSON, as a Python repr and as a structured value."""
    yield f"please tell {mark(key)}"
    yield json.dumps(
        [{"role": "user", "content": f"json {mark(key + ' json')}", "parts": [{"text": mark(key + " part")}]}]
    )
    yield str(
        {"role": "user", "message": {"content": mark(key + " repr")}, "choices": [{"text": mark(key + " choice")}]}
    )
    yield {"content": mark(key + " map"), "list": [mark(key + " list")]}


def span_of(given: dict[str, Any], mark: Markers | None = None, **fields: Any) -> Span:
    """A chat with these attributes; with ``mark`` every free place of a span is marked too."""
    number, end = next(_numbers), time.time_ns()
    extra: dict[str, Any] = {"name": "chat"}
    if mark is not None:
        extra = _free_places(mark, end)
    return Span(
        trace_id=number.to_bytes(16, "big"),
        span_id=number.to_bytes(8, "big"),
        kind=3,
        start_time_unix_nano=end - 900_000_000,
        end_time_unix_nano=end,
        attributes=attributes(CHAT | given),
        **(extra | fields),
    )


def _free_places(mark: Markers, at_ns: int) -> dict[str, Any]:
    """Fields of a span with a marker wherever its producer may write freely."""
    return {
        "name": f"chat {mark('span name')}",
        "trace_state": f"vendor={mark('trace state')}",
        "status": Status(code=2, message=f"failed on: {mark('status message')}"),
        "events": [
            Span.Event(name=name, time_unix_nano=at_ns, attributes=attributes(held)) for name, held in _events(mark)
        ],
        "links": [Span.Link(trace_id=b"\x07" * 16, span_id=b"\x07" * 8, attributes=attributes({"link": mark("link")}))],
    }


def _events(mark: Markers) -> Iterator[tuple[str, dict[str, Any]]]:
    texts = {"exception.message": mark("exception message"), "exception.stacktrace": mark("stacktrace")}
    yield "exception", {"exception.type": "ValueError", **texts}
    yield mark("event name"), {"note": mark("event attribute")}
    for name in ("gen_ai.user.message", "gen_ai.choice", "gen_ai.content.prompt", DETAILS):
        yield name, {"content": mark(name), "gen_ai.event.content": mark(name + " body")}
    label = f"because the user said {mark('label')} and more, and then again a little more"
    judged = {"gen_ai.evaluation.name": "toxicity", "gen_ai.evaluation.score.label": label}
    yield "gen_ai.evaluation.result", {**judged, "gen_ai.evaluation.explanation": mark("explanation")}


def elsewhere(mark: Markers) -> dict[str, Any]:
    """Attributes that are no content rows and hold what nobody should read."""
    secret = mark("api key")
    url, address = (
        f"https://{mark(f'{name} user')}:{mark(f'{name} password')}@api.example.com"
        f"/v1/{mark(f'{name} path')}?q={mark(f'{name} query')}"
        for name in ("url", "address")
    )
    return {
        "baggage.note": mark("baggage"),
        "url.full": url,
        "http.url": f"https://api.example.com/?q={mark('http.url')}",
        "http.target": f"/v1?q={mark('http.target')}",
        "url.query": mark("url.query"),
        "server.address": address,
        "gen_ai.openai.api_base": f"https://api.example.com/v1/{mark('api base')}?key={mark('api base key')}",
        "http.request.header.authorization": [f"Bearer {mark('header')}"],
        "db.statement": f"select '{mark('statement')}'",
        "code.function": mark("code"),
        "user.id": f"{mark('user id')}@example.com",
        "enduser.id": mark("enduser"),
        "user.email": f"{mark('email')}@example.com",
        "client.address": mark("client"),
        "metadata.user_api_key_alias": f"sk-{secret}{secret}",
        "litellm.api_key.alias": f"sk-proj-{mark('litellm key')}{secret}",
        "litellm.api_key.hash": f"Bearer {mark('bearer')}abcdefghij",
        "gen_ai.tool.call.arguments": json.dumps({"to": mark("tool argument")}),
        "gen_ai.evaluation.explanation": mark("evaluation explanation"),
        "langfuse.observation.status_message": mark("langfuse status"),
        "logfire.msg": mark("logfire message"),
        "spanledger.safety.category": mark("category"),
        "gen_ai.guardrail.verdict.reason": mark("verdict reason"),
        "guard.explanation": mark("guard explanation"),
        "litellm.guardrail.response": mark("guardrail response"),
        "guardrail_name": mark("guardrail name"),
        "error.type": f"Oops: {mark('error type')}",
        mark("attribute key"): "x",
    }


def secrets(mark: Markers) -> list[dict[str, Any]]:
    """Credentials and e-mail addresses where names should stand, one span each."""
    columns = (
        *(
            "tenant.id",
            "feature",
            "session.id",
            "task.id",
            "gen_ai.tool.name",
            "gen_ai.agent.name",
            "gen_ai.prompt.name",
        ),
        *(
            "spanledger.route",
            "gen_ai.request.model",
            "gen_ai.response.id",
            "gen_ai.provider.name",
            "deployment.environment",
        ),
        *("gen_ai.prompt.version", "openai.response.service_tier", "anthropic.workspace.id", "gen_ai.conversation.id"),
        "my.tag",
    )
    values = (
        lambda m: f"{m}@example.com",
        lambda m: f"sk-proj-{m}{m}",
        lambda m: f"eyJhbGciOiJIUzI1NiJ9.{m}{m}.abcdefghijk",
        lambda m: f"ghp_{m}{m}",
        lambda m: f"Bearer {m}{m}",
    )
    return [{column: value(mark(f"{column}: {value('…')}"))} for column in columns for value in values]


def trace_request(mark: Markers) -> bytes:
    """One request with markers in every place."""
    groups = [span_of({key: shape}) for key in content_keys() for shape in _shapes(mark, key)]
    groups += [
        span_of(elsewhere(mark), mark),
        span_of(elsewhere(mark) | {"gen_ai.operation.name": "execute_tool"}, mark),
    ]
    groups += [span_of({"gen_ai.operation.name": "run_guardrail", "gen_ai.guardrail.verdict.type": "deny"}, mark)]
    groups += [span_of(given) for given in secrets(mark)]
    scope = InstrumentationScope(
        name=mark("scope name"),
        version=f"1.0 {mark('scope version')}",
        attributes=attributes({"scope": mark("scope attribute")}),
    )
    resource = Resource(attributes=attributes({
        "service.name": "shop", "process.command_args": [mark("command")], "process.command_line": mark("command line"),
        "os.description": mark("resource"), "host.ip": [mark("ip")], "enduser.id": mark("resource user"),
        "telemetry.sdk.note": mark("sdk"),
    }))  # fmt: skip
    return ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=resource, scope_spans=[ScopeSpans(scope=scope, spans=groups)])]
    ).SerializeToString()


def incident_request(mark: Markers, minutes: int = 90) -> bytes:
    """A call of cents in each minute up to now, then calls of many dollars: with markers all around, and in names."""
    key, now = mark("key of an incident"), time.time_ns()
    who = {
        "feature": f"please tell me about {mark('feature of an incident')} and all the rest. " * 4,
        "litellm.api_key.alias": f"sk-proj-{key}{key}",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o",
        "gen_ai.prompt": mark("prompt of an incident"),
        "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"content": mark("message of an incident")}]}]),
    }
    usual = [span_of(who) for _ in range(minutes)]
    for number, call in enumerate(usual):
        call.end_time_unix_nano = now - (number + 1) * 60_000_000_000
        call.start_time_unix_nano = call.end_time_unix_nano - 900_000_000
    dear = [span_of(who | {"gen_ai.usage.input_tokens": 5_000_000}, mark) for _ in range(5)]
    return ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(
                resource=Resource(attributes=attributes({"service.name": "shop"})),
                scope_spans=[ScopeSpans(spans=[*usual, *dear])],
            )
        ]
    ).SerializeToString()


def log_request(mark: Markers) -> bytes:
    """Log records with markers in bodies and attributes: an evaluation, an outcome, a message, an exception."""
    names = (
        "gen_ai.evaluation.result",
        "spanledger.outcome",
        "gen_ai.user.message",
        "gen_ai.client.operation.exception",
    )
    records = [
        LogRecord(
            time_unix_nano=time.time_ns(),
            event_name=name,
            trace_id=b"\x09" * 16,
            span_id=b"\x09" * 8,
            severity_text=mark("severity"),
            body=any_value(
                {"content": mark(f"body of {name}"), "gen_ai.evaluation.explanation": mark("explanation in a body")}
            ),
            attributes=attributes({
                "gen_ai.evaluation.name": "toxicity", "gen_ai.evaluation.score.value": 0.5,
                "gen_ai.evaluation.explanation": mark(f"explanation of {name}"),
                "exception.message": mark(f"exception of {name}"),
                "spanledger.outcome.name": "success", "spanledger.outcome.score": 1.0, "tenant.id": "acme",
            }),
        )
        for name in names
    ]  # fmt: skip
    return ExportLogsServiceRequest(
        resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=records)])]
    ).SerializeToString()


def bad_payloads(mark: Markers) -> list[bytes]:
    """Records that cannot be read, or only in part: their values may stand raw in the dead letters and nowhere else."""
    word = mark("bad payload")
    bad_span = {"traceId": f"no id {mark('bad id')}", "spanId": 7, "name": mark("bad span")}
    return [
        word.encode(),
        b'{"resourceSpans": [{"scopeSpans": ' + word.encode(),
        json.dumps({"resourceSpans": word}).encode(),
        json.dumps({mark("unknown member"): 1}).encode(),
        json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [bad_span]}]}]}).encode(),
        b"\x0a\x7f" + word.encode(),
    ]

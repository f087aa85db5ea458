"""Show what we make of captured span files: one line per billable call, or every span with why it is not billed.

    spanledger inspect trace.json spans.pb --format jsonl
    spanledger inspect trace.json --all
    spanledger inspect trace.json --explain

A file holds one OTLP export request, as protobuf or JSON, or one JSON request a line (the Collector's file exporter
writes that). Each file is a closed ledger of its own: calls told twice inside it are billed once, other files are not
looked at. No broker, lake or network is needed. Costs are of the price list and the own prices of the settings.

With --all, `why` names the rule for a span that is not billed: no_model_call, wraps_call, same_response, same_call,
split_stream, wire_copy, tried_again or repeated_record; `suppressed_by` is the span that is billed instead. Users are
named with the key of this installation, or with one of this run where there is none yet. A file that cannot be read,
or that holds no spans, is told on stderr and makes the exit code 2; the others are shown all the same. Spans that had
to be dropped (bad_span: no valid ids, or a field of impossible type) are counted on stderr too, in one line a file.

With --explain each call, and each span that is suppressed in favour of one, says which attribute gave every field and
what lost against it, how its tokens were counted, why it is billed or not, and its price line by line: as text, or with
--format json|jsonl as `explanation` of its object (docs/inspect.md). Content is never shown.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    import pyarrow as pa

    from processors.decode import Decoded
    from processors.engine import Engine
    from processors.explain import Explanation
    from processors.messages import DeadLetter, Message
    from processors.normalise import Rules
    from spanledger.settings import Settings

KEYS = (
    *("trace_id", "span_id", "parent_span_id"),
    *("tenant", "feature", "principal", "environment", "service", "user_id", "session_id", "task_id"),
    *("started_at", "ended_at", "duration_ms", "ttft_ms", "tpot_ms"),
    *("operation", "provider", "request_model", "response_model", "stream"),
    *("input_tokens", "cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens"),
    *("output_tokens", "reasoning_tokens", "audio_input_tokens", "audio_output_tokens"),
    *("cost_usd", "price_status", "price_version", "reported_cost_usd"),
    *("status", "error_class", "http_status", "finish_reason"),
    *("safety_category", "guardrail_action", "safety_findings", "pii_detected", "injection_detected"),
    *("response_id", "prompt_name", "prompt_version", "route", "attempt", "tool_name", "agent_name"),
    *(
        "service_version",
        "service_tier",
        "server_address",
        "server_port",
        "host",
        "pod",
        "namespace",
        "provider_account",
        "units",
        "tags",
    ),
    *("billable", "suppressed_by", "usage_semantics", "convention", "scope_version", "clock_skew"),
    *("source_partition", "source_offset", "received_at"),
)
"""The canonical call; a file has no partition, offset or record time: these are null."""

_OF_A_RECORD = ("source_partition", "source_offset", "received_at")
_SHOWN = (
    *("source_file", "span_id", "operation", "provider", "request_model", "tenant", "feature", "status"),
    *("input_tokens", "cached_input_tokens", "output_tokens", "cost_usd", "price_status", "suppressed_by", "why"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of ``spanledger inspect``."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="OTLP trace export, protobuf or JSON")
    parser.add_argument("--all", action="store_true", help="every span, with why it is not billed")
    parser.add_argument("--explain", action="store_true", help="how each value and cost came about")
    parser.add_argument(
        "--format", choices=("table", "json", "jsonl", "csv"), default="table", help="of stdout; default: table"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the calls of the files; 2 where one of them cannot be read."""
    import sys
    import time

    from processors.engine import Engine
    from processors.messages import Drop
    from processors.sieve import STOPS, stopping

    if args.explain and args.format == "csv":
        print("spanledger inspect: --explain goes with --format table, json or jsonl, not csv", file=sys.stderr)
        return 2
    engine = Engine.of(settings.worker, user_key=_user_key(settings))
    messages, unreadable = _read(args.files, now_us=time.time_ns() // 1000)
    try:
        found = _inspect(messages, engine, args.files, explained=args.explain)
    except STOPS:
        stops = stopping(messages, engine)
        if not stops:
            raise
        unreadable |= {args.files[messages[i].partition]: f"{Drop.UNPROCESSABLE}: {kind}" for i, kind in stops.items()}
        messages = [message for index, message in enumerate(messages) if index not in stops]
        found = _inspect(messages, engine, args.files, explained=args.explain)
    unreadable |= {args.files[messages[letter.index].partition]: _reason(letter) for letter in found.dead}
    if unreadable and args.format == "table" and not found.calls.num_rows:
        pass  # an empty table would only hide what is wrong
    elif args.explain:
        _write_explained(found if args.all else _concerning(found), args.format, sys.stdout)
    else:
        _write(found.calls if args.all else _billed(found.calls), args.format, sys.stdout)
    for file, reason in unreadable.items():
        print(f"spanledger inspect: {file}: {reason}", file=sys.stderr)
    for file, count in found.bad_spans.items():
        print(f"spanledger inspect: {file}: bad_span: {count} of its spans dropped", file=sys.stderr)
    return 2 if unreadable else 0


def _user_key(settings: Settings) -> bytes:
    import secrets

    from processors.users import KEY_FILE, load_user_key

    known = settings.worker.user_key or (settings.data / KEY_FILE).exists()
    return load_user_key(settings.worker.user_key, settings.data) if known else secrets.token_bytes(32)


def _read(files: Iterable[str], now_us: int) -> tuple[list[Message], dict[str, str]]:
    """Messages of the files, the partition being the file's number, and what is wrong with the others."""
    from pathlib import Path

    from processors.messages import Message

    messages: list[Message] = []
    unreadable: dict[str, str] = {}
    for number, file in enumerate(files):
        try:
            requests = _requests(Path(file).read_bytes())
        except OSError as error:
            unreadable[file] = error.strerror or type(error).__name__
            continue
        messages += [
            Message(topic="", partition=number, offset=offset, received_at_us=now_us, value=request)
            for offset, request in enumerate(requests)
        ]
    return messages, unreadable


def _requests(content: bytes) -> list[bytes]:
    """The requests of a file: one, or one a line where the first line is whole JSON and others follow."""
    import json

    lines = [line for line in content.splitlines() if line.strip()] if content.lstrip()[:1] == b"{" else []
    if len(lines) > 1:
        try:
            json.loads(lines[0])
        except ValueError:
            return [content]
        return lines
    return [content]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """``calls``: all spans with ``KEYS``, ``source_file`` and ``why``, file by file; ``dead``: messages without any.

    ``bad_spans``: how many were dropped, by file; ``explanations``: one per row of ``calls``, where they are wanted.
    """

    calls: pa.Table
    dead: tuple[DeadLetter, ...]
    bad_spans: dict[str, int]
    explanations: list[Explanation]


def _inspect(messages: list[Message], engine: Engine, files: list[str], *, explained: bool) -> _Found:
    import dataclasses

    import pyarrow as pa

    from processors.decode import decode
    from processors.engine import bill
    from processors.normalise import normalise
    from warehouse.once import LEDGER
    from warehouse.schemas import SPANS

    rules = dataclasses.replace(engine.rules, trusted_topics=None)
    decoded = decode(messages, engine.table)
    normalised = normalise(decoded, rules)
    ledger = normalised.spans["source_partition"].cast(pa.int64())
    before = normalised.spans.append_column(LEDGER, ledger)
    spans = bill(before, engine)
    known = [name for name in KEYS if name not in _OF_A_RECORD]
    calls = pa.table([pa.array(files, pa.string()).take(ledger)], ["source_file"])
    for name in known:
        calls = calls.append_column(name, spans[name].cast(SPANS.field(name).type))
    calls = _name_users(calls)
    for name in _OF_A_RECORD:
        calls = calls.append_column(name, pa.nulls(spans.num_rows, SPANS.field(name).type))
    bad_spans: Counter[str] = Counter()
    for (index, _), count in decoded.dropped.items():
        bad_spans[files[messages[index].partition]] += count
    return _Found(
        calls=calls.append_column("why", spans["_why"]),
        dead=normalised.dead,
        bad_spans=bad_spans,
        explanations=_explain(messages, decoded, rules, (before, spans), engine) if explained else [],
    )


def _name_users(calls: pa.Table) -> pa.Table:
    """The calls with their users named as the question ``calls`` names them."""
    import pyarrow as pa

    from processors.users import name_user

    told = zip(calls["tenant"].to_pylist(), calls["user_id"].to_pylist(), strict=True)
    named = pa.array([None if hashed is None else name_user(tenant, hashed) for tenant, hashed in told], pa.string())
    return calls.set_column(calls.schema.get_field_index("user_id"), "user_id", named)


def _explain(
    messages: list[Message], decoded: Decoded, rules: Rules, spans: tuple[pa.Table, pa.Table], engine: Engine
) -> list[Explanation]:
    from processors.explain import explain

    return explain(messages, decoded, rules, spans, engine)


def _reason(letter: DeadLetter) -> str:
    return f"{letter.reason}: {letter.detail}"


def _billed(calls: pa.Table) -> pa.Table:
    return calls.filter(calls["billable"]).drop_columns(["why"])


def _concerning(found: _Found) -> _Found:
    """The calls that are billed, and the spans that are suppressed in favour of one."""
    import dataclasses

    import pyarrow.compute as pc

    chosen = pc.or_(found.calls["billable"], found.calls["suppressed_by"].is_valid())
    kept = [one for one, keep in zip(found.explanations, chosen.to_pylist(), strict=True) if keep]
    return dataclasses.replace(found, calls=found.calls.filter(chosen), explanations=kept)


def _write_explained(found: _Found, form: str, out: TextIO) -> None:
    import json
    import shutil

    from spanledger.answers import plain, records
    from spanledger.explanation import write_explanation

    told = [
        {**call, "explanation": plain(explanation)}
        for call, explanation in zip(records(found.calls), found.explanations, strict=True)
    ]
    match form:
        case "jsonl":
            out.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in told)
        case "json":
            out.write("[" + ",\n ".join(json.dumps(one, ensure_ascii=False) for one in told) + "]\n")
        case _:
            width = shutil.get_terminal_size((120, 24)).columns
            for one in told:
                write_explanation(one, out, width=width)


def _write(calls: pa.Table, form: str, out: TextIO) -> None:
    import json

    from spanledger.answers import records, write_csv, write_json, write_table

    match form:
        case "table":
            write_table(_exact(calls), out, columns=[name for name in _SHOWN if name in calls.column_names])
        case "jsonl":
            out.writelines(json.dumps(call, ensure_ascii=False) + "\n" for call in records(calls))
        case "csv":
            write_csv(calls, out)
        case _:
            write_json(calls, out)


def _exact(calls: pa.Table) -> pa.Table:
    """Costs as text: a call may cost less than a table rounds to."""
    import pyarrow as pa

    from spanledger.answers import plain

    costs = pa.array([plain(cost) for cost in calls["cost_usd"].to_pylist()], pa.string())
    return calls.set_column(calls.schema.get_field_index("cost_usd"), "cost_usd", costs)

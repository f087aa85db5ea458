"""Words for the provider: which may be said of one call, which of them stands on it, and what stays two calls."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from itertools import permutations, product
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from processors.conventions.rules import provider_rules, words
from tests.warehouse.test_once_doubt import judged_in_full
from tests.warehouse.told import in_ledgers, settle, span, table, told_once
from warehouse import once
from warehouse.once.statements import read_sql
from warehouse.schemas import SPANS

Rows = list[dict[str, Any]]
COUNTS = {"input_tokens": 1200, "output_tokens": 345}
FAILED = {"status": "error", "error_class": "rate_limit"}
FRAMEWORK = {"convention": "openinference", "scope_name": "framework", "scope_version": "1"}
CLIENT = {"convention": "openllmetry", "scope_name": "client", "scope_version": "2"}
SERVED_AT = "api.openai.com"


def told_twice(one: dict[str, Any], other: dict[str, Any], **both: Any) -> Rows:
    """One call of a model, as two instrumentations tell it in two traces."""
    shared = {"request_model": "m", **both}
    return [
        span("a", ms=30, **FRAMEWORK | shared | one),
        span("b", trace="u", at=2, ms=27, **CLIENT | shared | other),
    ]


ONE = [  # two words for one call, and the one that says more
    ("gcp.gen_ai", "gcp.gemini", "gcp.gemini"),
    ("gcp.gen_ai", "gcp.vertex_ai", "gcp.vertex_ai"),
    ("gcp.gemini", "gcp.vertex_ai", "gcp.vertex_ai"),
    ("anthropic", "gcp.vertex_ai", "gcp.vertex_ai"),
    ("anthropic", "aws.bedrock", "aws.bedrock"),
    ("anthropic", "azure.ai.inference", "azure.ai.inference"),
    ("cohere", "aws.bedrock", "aws.bedrock"),
    ("mistral_ai", "azure.ai.inference", "azure.ai.inference"),
    ("deepseek", "together_ai", "together_ai"),
    ("openai", "azure.ai.openai", "azure.ai.openai"),
    ("openai", "x_ai", "x_ai"),
    ("openai", "groq", "groq"),
    ("openai", "openrouter", "openrouter"),
    ("openai", "sambanova", "sambanova"),
    ("openai", "vllm", "vllm"),
    ("openai", "gcp.gen_ai", "gcp.gen_ai"),
    ("litellm", "aws.bedrock", "aws.bedrock"),
    ("litellm", "openai", "openai"),
    ("groq", "hugging_face", "hugging_face"),
    ("x_ai", "openrouter", "openrouter"),
    ("a-framework", "groq", "groq"),
]
TWO = [
    ("groq", "azure.ai.openai"),
    ("aws.bedrock", "gcp.vertex_ai"),
    ("x_ai", "mistral_ai"),
    ("gcp.gemini", "cohere"),
    ("openrouter", "hugging_face"),
    ("vllm", "ollama"),
    ("our-proxy", "their-proxy"),
]


def lake(*flushes: pa.Table) -> pa.Table:
    """What the flushes have written, as a settlement reads it."""
    stored = pa.concat_tables(flushes)
    kept = stored.select([field.name for field in SPANS if field.name in stored.column_names])
    kept = kept.append_column("row", pa.array(range(kept.num_rows), pa.int64()))
    return kept.append_column("ledger", stored[once.LEDGER])


def billed(spans: pa.Table, ledger: str, scenes: int) -> list[list[str | None]]:
    """Per ledger the providers of what is billed."""
    frame = pl.DataFrame(spans.select([ledger, "billable", "provider"])).filter("billable")
    found: list[list[str | None]] = [[] for _ in range(scenes)]
    for number, _, provider in frame.rows():
        found[number].append(provider)
    return [sorted(providers, key=str) for providers in found]


def in_a_flush(scenes: Sequence[Rows]) -> list[list[str | None]]:
    return billed(once.apply(table(*in_ledgers(scenes))), once.LEDGER, len(scenes))


def in_two_flushes(scenes: Sequence[Rows]) -> list[list[str | None]]:
    """The first span of each scene in one, the others in a later one, settled then."""
    early, late = (once.apply(table(*in_ledgers(part))) for part in ([s[:1] for s in scenes], [s[1:] for s in scenes]))
    return billed(once.rejudge(lake(early, late)), "ledger", len(scenes))


@pytest.mark.parametrize("judged", [in_a_flush, in_two_flushes])
def test_two_words_for_one_provider_are_one_call_of_the_one_that_says_more(judged: Any):
    calls = {
        "a call": COUNTS,
        "a stream": COUNTS | {"stream": True},
        "a failure": FAILED,
        "an embedding": {"operation": "embeddings", "input_tokens": 9},
    }
    ways = [(what, way, more) for what in calls for one, other, more in ONE for way in permutations((one, other))]

    scenes = [told_twice({"provider": one}, {"provider": other}, **calls[what]) for what, (one, other), _ in ways]

    assert dict(zip(ways, judged(scenes), strict=True)) == {(what, way, more): [more] for what, way, more in ways}


@pytest.mark.parametrize("judged", [in_a_flush, in_two_flushes])
def test_words_for_two_providers_are_two_calls(judged: Any):
    ways = [way for pair in TWO for way in permutations(pair)]

    scenes = [told_twice({"provider": one}, {"provider": other}, **COUNTS) for one, other in ways]

    assert dict(zip(ways, judged(scenes), strict=True)) == {way: sorted(way) for way in ways}


def apart(**changes: dict[str, Any]) -> Rows:
    """A call at `openai` and one at Azure, which may be one by their words alone."""
    one = {"provider": "openai"} | changes.get("one", {})
    return told_twice(one, {"provider": "azure.ai.openai"} | changes.get("other", {}), **changes.get("both", COUNTS))


FALLBACKS = {
    "each with a response id": apart(
        one={"response_id": "chatcmpl-12345678"}, other={"response_id": "chatcmpl-87654321"}
    ),
    "openai's own host": apart(one={"server_address": SERVED_AT}),
    "openai's own host in Europe": apart(one={"server_address": "eu.api.openai.com"}),
    "two hosts": apart(one={"server_address": "llm.internal"}, other={"server_address": "a.openai.azure.com"}),
    "other counts": apart(other={"output_tokens": 346}),
    "another model": apart(other={"request_model": "m-2"}),
    "another service": apart(other={"service": "batch"}),
    "one refused": apart(one=FAILED | {"input_tokens": None, "output_tokens": None}),
    "told by one instrumentation": apart(other=FRAMEWORK),
    "other ends": apart(one={"finish_reason": "stop"}, other={"finish_reason": "length"}),
    "one after the other": [
        span("a", provider="openai", request_model="m", ms=400, **FRAMEWORK | COUNTS),
        span("b", trace="u", at=405, provider="azure.ai.openai", request_model="m", ms=400, **CLIENT | COUNTS),
    ],
    "refused at once, one after the other": [
        span("a", "root", provider="openai", request_model="m", ms=3, **FRAMEWORK | FAILED),
        span("b", "root", at=3, provider="azure.ai.openai", request_model="m", ms=3, **CLIENT | FAILED),
    ],
    "streams refused at once, one after the other": [
        span("a", "root", provider="openai", request_model="m", stream=True, ms=3, **FRAMEWORK | FAILED),
        span("b", "root", at=4, provider="groq", request_model="m", stream=True, ms=3, **CLIENT | FAILED),
    ],
}


@pytest.mark.parametrize("judged", [in_a_flush, in_two_flushes])
def test_a_call_here_and_its_like_there_stay_two(judged: Any):
    assert [name for name, found in zip(FALLBACKS, judged([*FALLBACKS.values()]), strict=True) if len(found) != 2] == []


def test_attempts_at_two_providers_that_both_instrumentations_tell_are_two_calls_each_paired_with_its_like():
    def attempt(provider: str, at: float) -> Rows:
        made = {"request_model": "m", "provider": provider, **FAILED}
        framework = made | {"provider": "openai"} if provider == "groq" else made
        return [
            span(f"f{at}", at=at, ms=4, **FRAMEWORK | framework),
            span(f"c{at}", at=at + 0.5, ms=3, **CLIENT | made),
        ]

    scenes = [
        [*attempt(one, 0), *attempt(other, 4)] for one, other in permutations(["groq", "azure.ai.openai", "x_ai"], 2)
    ]

    for rows in ([*scenes], [[*reversed(scene)] for scene in scenes]):
        assert in_a_flush(rows) == [sorted(pair) for pair in permutations(["groq", "azure.ai.openai", "x_ai"], 2)]


def test_calls_at_once_at_two_hosts_are_paired_with_the_teller_that_names_theirs():
    rows = [
        span("f1", request_model="m", provider="azure.ai.openai", ms=30, **FRAMEWORK | COUNTS),
        span("f2", at=1, request_model="m", provider="openai", ms=30, **FRAMEWORK | COUNTS),
        span("c1", at=1.2, request_model="m", provider="azure.ai.openai", ms=28, **CLIENT | COUNTS),
        span("c2", at=0.1, request_model="m", provider="groq", ms=28, **CLIENT | COUNTS),
    ]

    told = told_once(*rows)

    assert {name: (row["suppressed_by"] or b"").rstrip(b"\0") for name, row in told.items()} == {
        "f1": b"",
        "c1": b"f1",
        "f2": b"c2",
        "c2": b"",
    }
    assert [told[name]["provider"] for name in ("f1", "c2")] == ["azure.ai.openai", "groq"]


def test_a_client_around_a_gateway_is_billed_to_whom_the_gateway_asked():
    client = span("client", provider="openai", response_id="chatcmpl-12345678", **COUNTS)
    gateway = span("g", trace="u", at=3, service="proxy", response_id="chatcmpl-12345678", provider="anthropic", ms=90)

    for served, stands in ((gateway | {"provider": "aws.bedrock"}, "aws.bedrock"), (gateway, "openai")):
        assert told_once(client, served)["client"]["provider"] == stands


def test_a_wrapper_of_several_attempts_does_not_say_who_served_the_one_that_worked():
    rows = [
        span("outer", provider="azure.ai.openai", ms=200, **COUNTS),
        span("a", "outer", at=1, provider="azure.ai.openai", **FAILED),
        span("b", "outer", at=110, ms=80, provider="openai", **COUNTS),
    ]

    assert told_once(*rows)["b"]["provider"] == "openai"
    assert told_once(rows[0], rows[2])["b"]["provider"] == "azure.ai.openai"


def test_settling_what_a_flush_has_decided_names_no_other_provider():
    rows = [
        span("outer", provider="azure.ai.openai", ms=200, **COUNTS),
        span("a", "outer", at=1, provider="azure.ai.openai", **FAILED),
        span("b", "outer", at=110, ms=80, provider="openai", **COUNTS),
    ]
    scenes = [rows, *(told_twice({"provider": one}, {"provider": other}, **COUNTS) for one, other, _ in ONE)]

    flush = once.apply(table(*in_ledgers(scenes)))

    assert settle(flush) == [2, *[1] * len(ONE)]
    assert billed(once.rejudge(lake(flush)), "ledger", len(scenes)) == in_a_flush(scenes)


@cache
def asked() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(read_sql("providers"))
    return connection


def kind_of(word: str, host: str | None = None) -> str:
    (kind,) = asked().execute("SELECT kind_of_word(?, ?)", [word, host]).fetchone() or ("",)
    return str(kind)


def known_words() -> list[str]:
    """Every word that the tables of the conventions give a provider."""
    return sorted({*words("provider").values(), *(rule.provider for rule in provider_rules())} - {None}, key=str)


def test_every_word_of_the_conventions_has_its_place():
    assert [word for word in known_words() if kind_of(word) == "unlisted"] == []


def test_whether_two_words_are_of_one_call_is_the_same_both_ways_and_each_word_is_its_own():
    named = [(word, host) for word in [*known_words(), "our-proxy"] for host in (None, SERVED_AT, "api.anthropic.com")]
    said = [(word, kind_of(word, host)) for word, host in named]

    ask = "SELECT may_be_said_of_one(?, ?, ?, ?)"
    may = {(one, other): asked().execute(ask, [*one, *other]).fetchone() for one, other in product(set(said), repeat=2)}

    assert {may[pair] for pair in may} == {(True,), (False,)}
    assert [pair for pair in may if may[pair] != may[pair[::-1]]] == []
    assert {may[one, one] for one in said} == {(True,)}


def test_who_leaves_the_reasoning_out_of_the_output_tells_of_the_same_call_and_the_better_counts_stand():
    whole = {"output_tokens": 700, "reasoning_tokens": 300}
    scenes = [
        told_twice(whole, {"output_tokens": 400}, input_tokens=1200),
        told_twice({"output_tokens": 400, "_usage_rank": 2}, whole, input_tokens=1200),
        told_twice(whole, {"output_tokens": 401}, input_tokens=1200),
        told_twice(whole, {"output_tokens": 400, "reasoning_tokens": 100}, input_tokens=1200),
        told_twice({"output_tokens": 700}, {"output_tokens": 400}, input_tokens=1200),
    ]

    flush = once.apply(table(*in_ledgers(scenes)))

    frame = pl.DataFrame(flush.select([once.LEDGER, "billable", "output_tokens"])).filter("billable")
    found = [sorted(frame.filter(pl.col(once.LEDGER) == n)["output_tokens"]) for n in range(len(scenes))]
    assert found == [[700], [700], [401, 700], [400, 700], [400, 700]]
    assert settle(flush) == [1, 1, 2, 2, 2]
    assert [len(one) for one in in_two_flushes(scenes)] == [1, 1, 2, 2, 2]


SERVERS = [  # the host that serves a call, and what tellers may call its provider
    (SERVED_AT, ["openai", "openai", "litellm", None]),
    ("a.openai.azure.com", ["openai", "azure.ai.openai", "azure.ai.inference", None]),
    ("api.groq.com", ["openai", "groq", "deepseek", "litellm"]),
    ("aiplatform.googleapis.com", ["gcp.gen_ai", "gcp.vertex_ai", "gcp.gemini", "anthropic"]),
    ("llm.internal", ["openai", "our-proxy", None]),
]


def world(chance: random.Random) -> Rows:
    """Calls one after the other, each told by some of three instrumentations that know more or less of its provider."""
    rows: Rows = []
    tellers = (FRAMEWORK, CLIENT, {"convention": "otel_genai", "scope_name": "sdk", "scope_version": "3"})
    at = 0.0
    for number in range(chance.randint(1, 4)):
        took = chance.choice([12, 30, 200])
        made = chance.choice([FAILED, COUNTS, COUNTS | {"stream": True}, COUNTS | {"reasoning_tokens": 45}])
        host, called = chance.choice(SERVERS)
        for teller in chance.sample(tellers, chance.randint(1, 3)):
            told = {
                "provider": chance.choice(called),
                "server_address": chance.choice([None, host]),
                "request_model": "m",
            }
            trace = f"{number}{teller['scope_name']}"
            rows.append(span(f"s{number}{trace[1]}", trace=trace, at=at, ms=took, **teller | told | made))
            at, took = at + 1, took - 2
        at += took + (
            400 if made.get("stream") else chance.choice([1, 40, 400])
        )  # or one seems to hand its stream over
    return rows


@cache
def worlds() -> list[Rows]:
    return [world(random.Random(seed)) for seed in range(150)]


def outcome(spans: pa.Table, ledger: str = once.LEDGER) -> list[tuple[Any, ...]]:
    """Every span's verdict and what it is billed with, in an order of its own."""
    names = [ledger, "trace_id", "span_id", "billable", "suppressed_by", "provider", "input_tokens", "output_tokens"]
    return sorted(pl.DataFrame(spans.select(names)).rows(), key=str)


def test_in_any_world_the_order_of_spans_changes_nothing_and_few_rows_are_judged_as_all_are():
    plain = outcome(once.apply(table(*in_ledgers(worlds()))))
    shuffled = [random.Random(number).sample(rows, len(rows)) for number, rows in enumerate(worlds())]

    assert outcome(once.apply(table(*in_ledgers(shuffled)))) == plain
    assert outcome(judged_in_full(table(*in_ledgers(worlds())))) == plain
    assert 0 < sum(not row[3] for row in plain) < len(plain)


def test_in_any_world_settling_a_flush_changes_nothing():
    flush = once.apply(table(*in_ledgers(worlds())))

    judged = once.rejudge(lake(flush))

    assert outcome(judged, "ledger") == outcome(flush)


def test_in_any_world_every_call_is_billed_once_however_many_words_there_are_for_its_provider():
    calls = [{row["span_id"][1:2] for row in rows} for rows in worlds()]

    assert [len(one) for one in in_a_flush(worlds())] == [len(numbers) for numbers in calls]

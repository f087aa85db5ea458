"""The price that ``spanledger inspect --explain`` prints: its numbers, read as text, add up to the cost of the call."""

from __future__ import annotations

import contextlib
import io
import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from spanledger.__main__ import main
from tests.processors.otlp import request, span

TOKENS = {"gen_ai.usage.input_tokens": 1_234, "gen_ai.usage.output_tokens": 567}
CACHED = TOKENS | {"gen_ai.usage.cache_read.input_tokens": 1_000, "gen_ai.usage.reasoning.output_tokens": 99}
WRITTEN = CACHED | {"gen_ai.usage.cache_creation.input_tokens": 200}
LONG = TOKENS | {"gen_ai.usage.input_tokens": 250_001, "gen_ai.usage.cache_read.input_tokens": 77_777}
SEARCHED = WRITTEN | {"spanledger.units.searches": 3}

CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("openai", "gpt-4o-mini", TOKENS),
    ("openai", "gpt-4o-2024-08-06", CACHED),
    ("openai", "gpt-4o-2099-01-01", TOKENS | {"gen_ai.request.model": "gpt-4o"}),
    ("openai", "gpt-4.1", SEARCHED),
    ("openai", "o3-mini", CACHED),
    ("openai", "gpt-5", CACHED | {"openai.response.service_tier": "flex"}),
    ("openai", "text-embedding-3-small", {"gen_ai.operation.name": "embeddings", "gen_ai.usage.input_tokens": 77}),
    ("openai", "whisper-1", {"gen_ai.operation.name": "transcription", "spanledger.units.audio_seconds": 12.3}),
    ("anthropic", "claude-sonnet-4-5", WRITTEN),
    ("anthropic", "claude-sonnet-4-5-20250929", LONG),
    ("anthropic", "claude-3-5-haiku-20241022", SEARCHED),
    ("anthropic", "claude-opus-4-5", WRITTEN),
    ("azure.ai.openai", "gpt-4o", CACHED),
    ("azure.ai.inference", "deepseek-r1", TOKENS),
    ("aws.bedrock", "anthropic.claude-3-haiku-20240307-v1:0", TOKENS),
    ("aws.bedrock", "us.anthropic.claude-3-5-sonnet-20241022-v2:0", TOKENS),
    ("aws.bedrock", "amazon.nova-pro-v1:0", CACHED),
    ("gcp.vertex_ai", "gemini-2.5-pro", LONG),
    ("gcp.gemini", "gemini-2.5-flash", CACHED),
    ("gcp.vertex_ai", "claude-sonnet-4-5@20250929", WRITTEN),
    ("mistral_ai", "mistral-small-latest", TOKENS),
    ("mistral_ai", "open-mistral-7b", TOKENS),
    ("cohere", "command-r-plus", TOKENS),
    ("cohere", "rerank-v3.5", {"gen_ai.operation.name": "rerank", "spanledger.units.searches": 7}),
    ("deepseek", "deepseek-chat", CACHED),
    ("x_ai", "grok-4", CACHED),
    ("groq", "openai/gpt-oss-120b", TOKENS),
    ("groq", "llama-3.3-70b-versatile", TOKENS),
    ("perplexity", "sonar", TOKENS),
    ("together_ai", "openai/gpt-oss-120b", TOKENS),
    ("openrouter", "openai/gpt-4o", TOKENS),
    ("cerebras", "gpt-oss-120b", TOKENS),
    ("vllm", "meta-llama/Llama-3.1-8B-Instruct", TOKENS),
    ("moonshot_ai", "kimi-k2", TOKENS),
]
BOOK = """
[[price]]
provider = "cohere"
model = "rerank-*"
from = 2026-01-01
usd_per = {thousand_reranks = "2"}
[[price]]
provider = "vllm"
model = "*"
from = 2026-01-01
usd_per_mtok = {input = "0.013", output = "0.017"}
[[price]]
provider = "anthropic"
model = "*opus*"
from = 2026-01-01
discount_percent = "33.333333"
[[price]]
model = "*"
from = 2026-01-01
markup_percent = "7.77"
"""
USAGE = re.compile(r"^ +([\d,.]+) \w+ x ([\d.]+) / ([\d,]+) += ([\d.]+…?)$", re.MULTILINE)
PERCENT = re.compile(r"^ +(?:discount|markup) (-?[\d.]+) % += (-?[\d.]+…?)$", re.MULTILINE)
SUM = re.compile(r"^ +USD ([\d.]+) .*(?:nothing to round:|half to even, from) ([\d.]+)(…?)$", re.MULTILINE)
"""The lines that a person reads: so much of a kind at a rate, a percentage of what stands above, the cost and sum."""
BILLED = re.compile(r"^■ .*  USD ([\d.]+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What ``--explain`` prints of each capture's call."""
    folder = tmp_path_factory.mktemp("captures")
    (folder / "book.toml").write_text(BOOK)
    files = [folder / f"{number:02}.pb" for number in range(len(CALLS))]
    for file, (provider, model, given) in zip(files, CALLS, strict=True):
        told = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": provider, "gen_ai.response.model": model}
        told |= {"gen_ai.request.model": model} | given
        file.write_bytes(request(span(told, kind=3)).SerializeToString())
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as printed:
        patch.setenv("SPANLEDGER_WORKER_PRICE_BOOK", "book.toml")
        patch.chdir(folder)
        patch.setenv("COLUMNS", "300")  # no line is broken, whatever the terminal
        assert main(["inspect", *map(str, files), "--explain"]) == 0
    return ["■ " + one for one in printed.getvalue().split("■ ")[1:]]


def number(text: str) -> Fraction:
    return Fraction(text.replace(",", ""))


def test_the_printed_lines_of_every_provider_add_up_to_the_printed_cost(blocks: list[str]):
    assert len(blocks) == len(CALLS) > 30
    for block, (provider, model, _) in zip(blocks, CALLS, strict=True):
        usage, percents = USAGE.findall(block), PERCENT.findall(block)
        (cost,) = BILLED.findall(block) or [f"{provider}/{model} is not billed"]
        ((rounded, total, endless),) = SUM.findall(block)

        running = Fraction(0)
        for amount, rate, per, usd in usage:
            product = number(amount) * number(rate) / number(per)
            assert product == number(usd), (model, amount, rate)
            running += product
        for percent, usd in percents:
            part = running * number(percent) / 100
            assert part == number(usd), (model, percent)
            running += part

        assert usage
        assert percents
        assert (running, endless) == (number(total), ""), model
        assert Fraction(round(running * 10**12), 10**12) == number(cost) == number(rounded), model


def test_the_printed_tokens_are_those_that_were_reported(blocks: list[str]):
    for block, (provider, model, given) in zip(blocks, CALLS, strict=True):
        told = sum(given.get(key, 0) for key in ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"))
        tokens = sum(number(amount) for amount, _, per, _ in USAGE.findall(block) if per == "1,000,000")

        assert tokens == told, (provider, model)


def test_a_call_that_vllm_itself_reports_is_served_by_vllm_whoever_it_says_it_speaks_like(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    told = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-oss-120b"}
    file = tmp_path / "vllm.pb"
    file.write_bytes(request(span(told | TOKENS, kind=2), scope="vllm.llm_engine").SerializeToString())

    assert main(["inspect", str(file), "--format", "jsonl"]) == 0

    (row,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (row["provider"], row["cost_usd"], row["price_status"]) == ("vllm", None, "unpriced_model")

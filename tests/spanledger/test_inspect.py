"""``spanledger inspect``: the calls of span files, each file a ledger of its own."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from processors import engine
from processors.explain.meanings import meanings
from spanledger.__main__ import main
from spanledger.inspect import KEYS
from tests.processors.captures import HERE, load, unexplained
from tests.processors.otlp import request, span

CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
}


@pytest.fixture(autouse=True)
def _own_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPANLEDGER_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def inspect(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    code = main(["inspect", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def calls(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in inspect(capsys, *words, "--format", "jsonl")[1].splitlines()]


def write(name: str, content: bytes) -> str:
    Path(name).write_bytes(content)
    return name


def capture(name: str) -> str:
    return str(HERE / "pb" / f"{name}.pb")


@pytest.mark.parametrize("kind", ["pb", "collector-pb", "json"])
def test_all_captures_in_one_run_come_to_the_calls_of_the_truth(capsys: pytest.CaptureFixture[str], kind: str):
    files = sorted(str(path) for path in (HERE / kind).iterdir())

    code, out, err = inspect(capsys, *files, "--format", "jsonl")

    by_file: dict[str, list[dict[str, Any]]] = {file: [] for file in files}
    for line in out.splitlines():
        call = json.loads(line)
        by_file[call["source_file"]].append(call)
    truths = {one.name: one for one in load(kind)}
    wrong = {f: found for f in files if (found := unexplained(truths[Path(f).stem].calls, by_file[f]))}
    leaks = [word for one in truths.values() for word in one.must_not_contain if word.lower() in out.lower()]
    assert (code, err, wrong, leaks) == (0, "", {}, [])


def test_a_call_has_the_canonical_keys_and_the_file_as_it_was_given(capsys: pytest.CaptureFixture[str]):
    file = write("told.pb", request(span(CHAT)).SerializeToString())

    (call,) = calls(capsys, f"./{file}")

    assert list(call) == ["source_file", *KEYS]
    assert call["source_file"] == "./told.pb"
    assert (call["trace_id"], call["span_id"], call["parent_span_id"]) == ("01" * 16, "02" * 8, None)
    assert call["cost_usd"] == "0.000210000000"
    assert call["started_at"].endswith("Z")
    assert [call[name] for name in ("source_partition", "source_offset", "received_at")] == [None, None, None]


def test_every_span_is_shown_with_why_it_is_not_billed(capsys: pytest.CaptureFixture[str]):
    file = capture("combo-pydantic-ai+genai-openai-stream")

    spans = calls(capsys, file, "--all")

    billed = next(one["span_id"] for one in spans if one["billable"])
    assert sorted((one["operation"], one["why"], one["suppressed_by"]) for one in spans if not one["billable"]) == [
        ("chat", "wraps_call", billed),
        ("invoke_agent", "no_model_call", None),
    ]
    assert [one["why"] for one in spans if one["billable"]] == [None]


def test_the_same_call_in_two_files_is_billed_in_both(capsys: pytest.CaptureFixture[str]):
    file = capture("opentelemetry-instrumentation-anthropic-chat")

    found = calls(capsys, file, capture("anthropic-sdk-native-chat"), file)

    assert [Path(one["source_file"]).stem for one in found] == [
        "opentelemetry-instrumentation-anthropic-chat",
        "anthropic-sdk-native-chat",
        "opentelemetry-instrumentation-anthropic-chat",
    ]


def test_a_file_may_hold_one_json_request_a_line(capsys: pytest.CaptureFixture[str]):
    requests = [json.dumps(json.loads(path.read_bytes())) for path in sorted((HERE / "json").iterdir())[:2]]
    file = write("lines.json", "\n".join([*requests, ""]).encode())

    traces = {call["trace_id"] for call in calls(capsys, file, "--all")}

    assert traces == {trace for request in requests for trace in re.findall(r'"traceId": "(\w+)"', request)}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xff\xff garbage", "bad_payload"),
        (b"{ not json", "bad_payload"),
        (b"", "empty"),
        (gzip.compress(b'{"resourceSpans": []}'), "gzip, not unpacked"),
        ('{"resourceSpans": []}'.encode("utf-16"), "JSON must be UTF-8"),
    ],
    ids=["foreign bytes", "broken JSON", "nothing", "gzip", "UTF-16"],
)
def test_an_unreadable_file_is_one_line_on_stderr_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], content: bytes, said: str
):
    file = write("odd.bin", content)

    code, out, err = inspect(capsys, capture("logfire-chat"), file, "--format", "jsonl")

    assert (code, len(out.splitlines())) == (2, 1)
    assert (err.count("\n"), file in err, said in err) == (1, True, True)


def test_dropped_spans_are_one_line_a_file_on_stderr(capsys: pytest.CaptureFixture[str]):
    bad, good = span(CHAT, span_id=b""), span(CHAT)
    some = write("some.pb", request(bad, bad, good).SerializeToString())
    none = write("none.pb", request(bad).SerializeToString())

    code, out, err = inspect(capsys, some, capture("logfire-chat"), none, "--format", "jsonl")

    assert (code, len(out.splitlines())) == (0, 2)
    assert err.splitlines() == [
        "spanledger inspect: some.pb: bad_span: 2 of its spans dropped",
        "spanledger inspect: none.pb: bad_span: 1 of its spans dropped",
    ]


def test_a_file_that_is_not_there_is_told_and_the_others_are_shown(capsys: pytest.CaptureFixture[str]):
    code, out, err = inspect(capsys, "missing.pb", capture("logfire-chat"), "--format", "jsonl")

    assert (code, len(out.splitlines())) == (2, 1)
    assert "missing.pb: No such file" in err


def test_json_is_one_array_and_csv_has_a_header(capsys: pytest.CaptureFixture[str]):
    file = capture("logfire-chat")

    array = json.loads(inspect(capsys, file, "--format", "json")[1])
    header, line = csv.reader(io.StringIO(inspect(capsys, file, "--format", "csv")[1]))

    assert Decimal(array[0]["cost_usd"]) == Decimal(dict(zip(header, line, strict=True))["cost_usd"]) > 0
    assert header == list(array[0])


def test_the_table_shows_a_cost_to_its_last_digit(capsys: pytest.CaptureFixture[str]):
    _, out, _ = inspect(capsys, capture("logfire-embeddings"))

    assert "0.000000160000" in out


def test_own_prices_of_the_settings_are_used(capsys: pytest.CaptureFixture[str]):
    Path("spanledger.toml").write_text(
        '[worker.prices."openai/gpt-4o-mini"]\ninput = 1\noutput = 2\n', encoding="utf-8"
    )
    file = write("told.pb", request(span(CHAT)).SerializeToString())

    (call,) = calls(capsys, file)

    assert (call["cost_usd"], call["price_version"][:20]) == ("0.001200000000", "genai-prices/0.2.3+o")


def test_an_own_price_that_cannot_be_read_is_one_line_that_names_it(capsys: pytest.CaptureFixture[str]):
    Path("spanledger.toml").write_text('[worker.prices."openai/gpt-4o-mini"]\ninput = 1\n', encoding="utf-8")

    code, out, err = inspect(capsys, capture("logfire-chat"))

    assert (code, out) == (2, "")
    assert err == "spanledger inspect: [worker] prices: 'openai/gpt-4o-mini' must give output\n"


def test_nothing_is_written_but_what_is_printed(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    calls(capsys, capture("logfire-chat"))

    assert list(tmp_path.iterdir()) == []


def test_an_explanation_is_one_more_key_of_the_calls_and_of_what_they_stand_for(capsys: pytest.CaptureFixture[str]):
    file = capture("combo-pydantic-ai+genai-openai-stream")

    plain, told, every = (calls(capsys, file, *words) for words in ([], ["--explain"], ["--explain", "--all"]))

    by_id = {one["span_id"]: one for one in told}
    assert [one["why"] for one in told if not one["billable"]] == ["wraps_call"]
    assert len(every) == 3
    assert all(by_id[one["span_id"]].items() >= one.items() for one in plain)
    assert all(set(one["explanation"]) >= {"convention", "billing", "tokens", "fields"} for one in told)


def test_explanations_are_one_array_in_json(capsys: pytest.CaptureFixture[str]):
    array = json.loads(inspect(capsys, capture("logfire-chat"), "--explain", "--format", "json")[1])

    assert array[0]["explanation"]["price"]["cost_usd"] == array[0]["cost_usd"]


def test_a_person_reads_who_told_what_and_the_price_line_by_line_within_the_width(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "100")
    file = write("told.pb", request(span(CHAT | {"llm.usage.prompt_tokens": 7})).SerializeToString())

    code, out, err = inspect(capsys, file, "--explain")

    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "■ chat gpt-4o-mini (openai)  USD 0.000210000000"
    assert "1,000 input x 0.15 / 1,000,000  = 0.00015" in out
    assert re.search(r"input_tokens +1,000  ← span gen_ai.usage.input_tokens = 1,000 \(rank 10\)", out)
    assert "not span llm.usage.prompt_tokens = 7" in out
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.long
def test_explanations_of_all_captures_can_be_read_and_show_no_content(capsys: pytest.CaptureFixture[str]):
    files = [str(path) for path in sorted((HERE / "pb").iterdir())]

    code, out, err = inspect(capsys, *files, "--explain", "--all")

    leaks = [word for one in load("pb") for word in one.must_not_contain if word.lower() in out.lower()]
    assert (code, err, leaks) == (0, "", [])
    assert "None" not in out


def test_explanations_do_not_fit_into_csv(capsys: pytest.CaptureFixture[str]):
    code, out, err = inspect(capsys, capture("logfire-chat"), "--explain", "--format", "csv")

    assert (code, out) == (2, "")
    assert err == "spanledger inspect: --explain goes with --format table, json or jsonl, not csv\n"


def test_the_documentation_names_every_rule_and_every_key_of_an_explanation(capsys: pytest.CaptureFixture[str]):
    text = (Path(__file__).resolve().parents[2] / "docs" / "inspect.md").read_text(encoding="utf-8")
    rules = {word for kind, word in meanings() if kind in ("repaired", "refused")}
    keys = {
        key
        for name in ("logfire-stream", "combo-pydantic-ai+genai-openai-stream", "logfire-error-500")
        for one in calls(capsys, capture(name), "--explain", "--all")
        for part in one["explanation"].items()
        for key in (part[0], *(part[1] if part[0] != "fields" else next(iter(part[1].values()))))
    }

    assert {word for word in rules | keys if f"`{word}`" not in text} == set()


def test_a_file_that_stops_the_engine_is_told_and_the_others_are_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    good, odd = tmp_path / "good.pb", tmp_path / "odd.pb"
    for file in (good, odd):
        file.write_bytes(request(span(CHAT)).SerializeToString())
    bill = engine.bill

    def stops(spans: Any, of: Any) -> Any:
        if 1 in spans["source_partition"].to_pylist():
            raise ZeroDivisionError
        return bill(spans, of)

    monkeypatch.setattr(engine, "bill", stops)

    code, out, err = inspect(capsys, str(good), str(odd), "--format", "jsonl")

    assert (code, [json.loads(line)["source_file"] for line in out.splitlines()]) == (2, [str(good)])
    assert "odd.pb: unprocessable: ZeroDivisionError" in err


def test_nothing_but_the_reason_is_printed_where_no_file_can_be_read(capsys: pytest.CaptureFixture[str]):
    code, out, err = inspect(capsys, "no-such-file.json")

    assert (code, out) == (2, "")
    assert "no-such-file.json: No such file" in err

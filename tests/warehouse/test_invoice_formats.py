"""Readers of bills: each format as its provider documents it, and what is said of rows that cannot be read."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spanledger.bill_names import bill_provider, model_key
from warehouse.invoices.files import Asked, BadInvoice, read_file
from warehouse.invoices.line import Line, Reading
from warehouse.invoices.meters import Meter, read_meter

BILLS = Path(__file__).parent / "bills"
Say = tuple[str | None, str | None, str | None, str | None, Decimal | None, Decimal | None]


def read(file: Path, provider: str | None = None) -> Reading:
    return read_file(file, Asked(provider=provider, name_provider=bill_provider)).reading


def say(line: Line) -> Say:
    """Account, model, kind, tier, quantity, amount."""
    return line.account, line.model, line.kind, line.tier, line.quantity, line.amount


def test_openai_costs_are_read_by_the_words_of_their_line_items():
    reading = read(BILLS / "openai_costs.json")

    assert (reading.format, reading.refused) == ("openai_costs", [])
    assert [say(line) for line in reading.lines] == [
        ("proj_abc", "gpt-4o-2024-08-06", "input", "standard", Decimal("358349.6"), Decimal("0.895874")),
        ("proj_abc", "gpt-4o-2024-08-06", "cached_input", "standard", Decimal(10000), Decimal("0.0125")),
        ("proj_abc", "gpt-5.6-sol", "output", "priority", None, Decimal("1.5")),
        (None, "gpt-audio-mini-2025-12-15", "audio_input", "standard", None, Decimal("0.25")),
        ("proj_abc", None, "other", None, None, Decimal("0.01")),
        (None, None, None, None, None, Decimal("0.06")),
    ]
    assert {line.currency for line in reading.lines} == {"USD"}
    assert [line.charged_at.isoformat() for line in reading.lines[::5]] == [
        "2026-11-20T00:00:00+00:00",
        "2026-11-21T00:00:00+00:00",
    ]


def test_openai_usage_of_several_pages_has_cached_tokens_apart():
    reading = read(BILLS / "openai_usage.json")

    assert (reading.format, reading.refused) == ("openai_usage", [])
    assert [(line.model, line.kind, line.tier, line.unit, line.quantity) for line in reading.lines] == [
        ("gpt-4o-2024-08-06", None, "batch", "requests", 470),
        ("gpt-4o-2024-08-06", "input", "batch", "tokens", 101201),
        ("gpt-4o-2024-08-06", "cached_input", "batch", "tokens", 40000),
        ("gpt-4o-2024-08-06", "output", "batch", "tokens", 9756),
        ("gpt-4o-2024-08-06", "audio_input", "batch", "tokens", 12),
        ("gpt-4o-2024-08-06", "audio_output", "batch", "tokens", 0),
        ("text-embedding-3-small", None, "standard", "requests", 2),
        ("text-embedding-3-small", "input", "standard", "tokens", 16),
        ("dall-e-3", None, None, "requests", 2),
        ("dall-e-3", "other", None, "images", 2),
    ]


def test_anthropic_costs_are_decimal_strings_in_cents():
    reading = read(BILLS / "anthropic_costs.json")

    assert (reading.format, reading.refused) == ("anthropic_costs", [])
    model = "claude-sonnet-4-5-20250929"
    assert [say(line) for line in reading.lines] == [
        ("wrkspc_01", model, "input", "standard", None, Decimal("1.2378912")),
        ("default", model, "cache_write_1h", "batch", None, Decimal("0.375")),
        ("wrkspc_01", None, "other", None, None, Decimal(1)),
    ]


def test_anthropic_usage_has_cache_writes_by_lifetime_and_searches_as_no_tokens():
    reading = read(BILLS / "anthropic_usage.json")

    assert (reading.format, reading.refused) == ("anthropic_usage", [])
    assert [(line.kind, line.tier, line.unit, line.quantity) for line in reading.lines] == [
        ("input", "priority", "tokens", 1500),
        ("cached_input", "priority", "tokens", 200),
        ("cache_write", "priority", "tokens", 500),
        ("cache_write_1h", "priority", "tokens", 1000),
        ("output", "priority", "tokens", 500),
        ("other", "priority", "web_search_requests", 10),
    ]


def as_parquet(file: Path, target: Path) -> Path:
    """The rows of a CUR file as AWS writes them in Parquet: numbers, times, a map."""
    rows: list[dict[str, Any]] = list(csv.DictReader(file.read_text().splitlines()))
    for row in rows:
        row["product"] = list(json.loads(row["product"]).items())
        row["line_item_usage_amount"] = float(row["line_item_usage_amount"])
        row["line_item_unblended_cost"] = float(row["line_item_unblended_cost"])
        row["pricing_unit"] = row["pricing_unit"] or None
    kinds = {"product": pa.map_(pa.string(), pa.string())}
    kinds |= dict.fromkeys(("line_item_usage_amount", "line_item_unblended_cost"), pa.float64())
    schema = pa.schema([pa.field(name, kinds.get(name, pa.string())) for name in rows[0]])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), target)
    return target


def as_gzip(file: Path, target: Path) -> Path:
    target.write_bytes(gzip.compress(file.read_bytes()))
    return target


@pytest.mark.parametrize("form", [lambda file, _: file, as_parquet, as_gzip], ids=["csv", "parquet", "csv.gz"])
def test_bedrock_rows_of_a_cur_count_single_tokens_whatever_their_unit(
    form: Callable[[Path, Path], Path], tmp_path: Path
):
    reading = read(form(BILLS / "bedrock_cur.csv", tmp_path / "cur"))

    assert (reading.format, reading.refused) == ("aws_cur", [])
    assert reading.left_out == {"another service": 1}
    account = "011122223333"
    assert [say(line) for line in reading.lines] == [
        (account, "Claude4.5Sonnet", "cached_input", "standard", Decimal(433893), Decimal("0.1301679")),
        (account, "NovaPro", "output", "batch", Decimal(2000), Decimal("0.0032")),
        (account, "Claude 3 Haiku", "cache_write_1h", "standard", Decimal(1_500_000), Decimal(9)),
        (account, None, None, None, None, Decimal("-0.5")),
        (account, None, "other", None, Decimal(12), Decimal("0.0018")),
    ]
    assert [line.charge for line in reading.lines] == ["usage", "usage", "usage", "discount", "usage"]


def test_focus_rows_of_any_provider_are_read_by_their_meters():
    reading = read(BILLS / "focus.csv")

    assert (reading.format, reading.refused) == ("focus", [])
    assert reading.left_out == {"another service": 1}
    assert [(line.provider, *say(line), line.charge) for line in reading.lines] == [
        ("azure", "sub-1", "gpt-4o", "input", "standard", Decimal(10000), Decimal("0.025"), "usage"),
        ("aws", "111122223333", "Claude4.5Sonnet", "cached_input", "standard", 1_000_000, Decimal("0.3"), "usage"),
        ("openai", "proj_abc", None, "output", "standard", Decimal(7000), Decimal("0.07"), "usage"),
        ("aws", None, None, None, None, None, Decimal("1.1"), "tax"),
    ]


def marketplace(file: Path, described: str) -> Path:
    """A FOCUS row as AWS writes models that are sold on its Marketplace: the unit says nothing."""
    row = {
        "BilledCost": "0.625",
        "BillingCurrency": "USD",
        "ChargeCategory": "Usage",
        "ChargeDescription": f"AWS Marketplace software usage|us-east-1|{described}",
        "ChargePeriodStart": "2026-11-20T00:00:00Z",
        "ChargePeriodEnd": "2026-11-20T01:00:00Z",
        "ConsumedQuantity": "2.5",
        "ConsumedUnit": "Units",
        "ProviderName": "AWS",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": "Claude 3 Haiku (Amazon Bedrock Edition)",
        "SubAccountId": "111122223333",
        "x_UsageType": "USE1-MP:USE1_InputTokenCount-Units",
    }
    file.write_text("\n".join([",".join(row), ",".join(row.values())]) + "\n")
    return file


def test_focus_rows_of_the_marketplace_count_what_their_description_says(tmp_path: Path):
    reading = read(marketplace(tmp_path / "focus.csv", "Million Input Tokens"))

    assert [(line.provider, *say(line)) for line in reading.lines] == [
        ("aws", "111122223333", "Claude 3 Haiku", "input", "standard", Decimal(2_500_000), Decimal("0.625"))
    ]


def test_focus_rows_of_the_marketplace_that_do_not_say_what_they_count_are_refused_by_themselves(tmp_path: Path):
    reading = read(marketplace(tmp_path / "focus.csv", "Input Tokens"))

    assert [(one.row, one.reason) for one in reading.refused] == [(1, "unknown_unit")]


def test_focus_rows_of_other_providers_are_left_out_where_one_is_named():
    reading = read(BILLS / "focus.csv", "azure")

    assert [line.provider for line in reading.lines] == ["azure"]
    assert reading.left_out == {"another provider (aws)": 2, "another provider (openai)": 1, "another service": 1}


def test_focus_rows_of_a_vendor_that_nobody_knows_stay_under_its_name(tmp_path: Path):
    file = changed("focus.csv", tmp_path / "focus.csv", "Microsoft", "House LLM")

    own, named, azures = read(file), read(file, "house llm"), read(file, "azure")

    assert [line.provider for line in own.lines] == ["house llm", "aws", "openai", "aws"]
    assert [line.provider for line in named.lines] == ["house llm"]
    assert (azures.lines, azures.left_out["another provider (house llm)"]) == ([], 1)


def test_who_sells_a_focus_row_goes_before_who_made_the_model(tmp_path: Path):
    file = changed("focus.csv", tmp_path / "focus.csv", "ProviderName", "PublisherName")
    text = file.read_text().splitlines()
    file.write_text("\n".join([f"{text[0]},ServiceProviderName", *(f"{row},House" for row in text[1:])]))

    assert {line.provider for line in read(file).lines} == {"house"}


def test_generic_rows_of_other_providers_are_left_out_where_one_is_named():
    reading = read(BILLS / "generic.csv", "azure")

    assert [line.provider for line in reading.lines] == ["azure"]
    assert reading.left_out == {"another provider (openai)": 2}


def test_a_generic_file_has_the_documented_columns():
    reading = read(BILLS / "generic.csv")

    assert (reading.format, reading.refused) == ("generic", [])
    assert [(line.provider, *say(line), line.currency, line.charge) for line in reading.lines] == [
        ("azure", "sub-1", "gpt-4o", "input", "standard", Decimal(12500), Decimal("0.03125"), "USD", "usage"),
        ("openai", None, "gpt-4o", None, None, None, Decimal("4.5"), "EUR", "usage"),
        ("openai", None, None, None, None, None, Decimal("-0.5"), "USD", "credit"),
    ]


def changed(name: str, target: Path, was: str, is_: str) -> Path:
    text = (BILLS / name).read_text()
    assert was in text
    target.write_text(text.replace(was, is_, 1))
    return target


@pytest.mark.parametrize(
    ("name", "was", "is_", "reason", "says"),
    [
        ("openai_costs.json", '"0.0125"', '"12 cents"', "not_a_number", "value = '12 cents' must be a number"),
        ("openai_costs.json", '{"value": 1.5, "currency": "usd"}', "null", "no_amount", "must have `amount`"),
        ("openai_usage.json", "1795136400", "1795312800", "not_a_day", "export it by the day"),
        (
            "openai_usage.json",
            '"input_cached_tokens": 40000',
            '"input_cached_tokens": 9000000',
            "contradiction",
            "part of",
        ),
        ("openai_usage.json", '"images": 2', '"images": -2', "not_a_count", "images = -2 must be a number from 0"),
        ("anthropic_costs.json", '"uncached_input_tokens"', '"thoughts"', "unknown_kind", "token_type 'thoughts'"),
        ("anthropic_usage.json", '"output_tokens": 500', '"output_tokens": -5', "not_a_count", "whole number from 0"),
        ("bedrock_cur.csv", ",1K tokens", ",Quanta", "unknown_unit", "export the column"),
        ("bedrock_cur.csv", "input-token-count", "input-token-sum", "unknown_usage_type", "no grammar"),
        ("bedrock_cur.csv", "EdpDiscount", "Gift", "unknown_charge", "must be one of"),
        ("bedrock_cur.csv", "2026-11-20 14:00", "2026-11-22 14:00", "not_a_day", "export it by the day"),
        ("focus.csv", "Microsoft", "", "no_provider", "give --provider"),
        ("focus.csv", "Tax", "Tribute", "unknown_charge", "must be one of"),
        ("generic.csv", ",input,", ",thoughts,", "unknown_kind", "must be one of"),
        ("generic.csv", "1K tokens", "1K words", "unknown_unit", "must be tokens"),
        ("generic.csv", "2026-11-20,openai", "20.11.2026,openai", "not_a_time", "like 2026-03-01"),
        ("generic.csv", ",12.5,", ",-12.5,", "contradiction", "a quantity of -12500.0 costs 0.03125"),
        ("focus.csv", ",1000,1K tokens", ",-1000,1K tokens", "contradiction", "taken back has a cost below 0"),
    ],
)
def test_a_row_that_cannot_be_read_has_a_reason_and_says_what_to_change(  # noqa: PLR0917 - pytest gives them by name
    name: str, was: str, is_: str, reason: str, says: str, tmp_path: Path
):
    (refused,) = read(changed(name, tmp_path / name, was, is_)).refused

    assert refused.reason == reason
    assert says in refused.what


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("BilledCost,BillingCurrency\n1,USD\n", "for focus it lacks ChargeCategory"),
        ("line_item_usage_type,provider\nx,aws\n", "for generic it lacks day"),
        ("date,vendor,amount\n2026-11-01,openai,3\n", "for generic it lacks day"),
        ("provider,model,cost\nopenai,gpt-4o,3\n", "for generic it lacks day"),
        ("", "it is empty"),
        ('{"data": {}}', "page by page"),
        ("[1, 2]", "page by page"),
        ('[{"day": "2026-11-01", "cost": 3}]', "a table is given as CSV or Parquet"),
        ("[]", "it is an empty list: a bill is what OpenAI's or Anthropic's API answers"),
        ("42", "it is a single value, 42: a bill is what"),
        ('"' + 100 * "x" + '"', 'it is a single value, "x{39}: a bill is what'),
        (
            "<!DOCTYPE html>\n<html lang='en'>\n<p>Sign in, please, now</p>",
            r"it is a web page \(HTML\), often one to sign in",
        ),
        ("<?xml version='1.0'?><bill/>", "it is XML or HTML: a bill is what"),
        ("Dear customer, this is\nno bill\n", "the columns are those of no bill"),
        ('{"error": {"message": "no such key"}}', r"an error that the API answered with \(no such key\): ask it again"),
        ('{"data": [], "has_more": false}', "is about no day"),
        ("[" * 100_000, "cannot be read as JSON"),
        ("day,provider,cost,cost\n2026-11-01,openai,3,4\n", "two columns have the name cost"),
        ("day,provider,cost,currency\n2026-11-01,openai,0,25,USD\n", "line 2 has 5 cells and there are 4 columns"),
        ("day,provider,cost,currency\n2026-11-01,openai,0.25\n", "line 2 has 3 cells and there are 4 columns"),
        ("PK\x03\x04", "a zip or Excel file"),
    ],
)
def test_a_file_of_no_known_format_says_what_it_lacks(text: str, says: str, tmp_path: Path):
    (file := tmp_path / "file").write_text(text)

    with pytest.raises(BadInvoice, match=says):
        read(file)


def test_usage_that_is_taken_back_is_read(tmp_path: Path):
    file = changed("generic.csv", tmp_path / "back.csv", ",12.5,1K tokens,0.03125,", ",-12.5,1K tokens,-0.03125,")

    (first, *_), refused = (reading := read(file)).lines, reading.refused

    assert (first.quantity, first.amount, refused) == (Decimal("-12500.0"), Decimal("-0.03125"), [])


def test_text_that_is_not_utf8_is_refused_with_what_to_do(tmp_path: Path):
    (file := tmp_path / "bill.csv").write_text("day,provider,cost\n2026-11-01,für,3\n", encoding="latin-1")

    with pytest.raises(BadInvoice, match="text must be UTF-8"):
        read(file)


@pytest.mark.parametrize("delimiter", [";", "\t", ","])
def test_a_table_is_read_whatever_is_between_its_cells_and_however_its_columns_are_written(
    delimiter: str, tmp_path: Path
):
    lines = ["Day, Provider,MODEL,cost", "2026-11-01,openai,gpt-4o,3.5", "", "2026-11-02,openai,gpt-4o,4"]
    (file := tmp_path / "bill.csv").write_text("\r\n".join(lines).replace(",", delimiter), encoding="utf-8-sig")

    reading = read(file)

    assert (reading.format, reading.refused) == ("generic", [])
    assert [(line.model, line.amount) for line in reading.lines] == [("gpt-4o", Decimal("3.5")), ("gpt-4o", 4)]


def test_a_bill_of_another_provider_is_refused():
    with pytest.raises(BadInvoice, match="a bill of openai, and --provider is anthropic"):
        read(BILLS / "openai_costs.json", "anthropic")


@pytest.mark.parametrize(
    ("name", "meter"),
    [
        ("USE1-Claude3Haiku-input-tokens", Meter(model="Claude3Haiku", kind="input", tier="standard")),
        ("USE1-Llama3-1-405B-output-tokens-batch", Meter(model="Llama3-1-405B", kind="output", tier="batch")),
        (
            "USE1-Nova2.0Lite-input-tokens-flex-cross-region-global",
            Meter(model="Nova2.0Lite", kind="input", tier="flex"),
        ),
        (
            "USE1-openai.gpt-5.6-luna-mantle-cache-write-tokens-5m-long-ctx-flex",
            Meter(model="openai.gpt-5.6-luna", kind="cache_write", tier="flex"),
        ),
        ("APN1-MP:APN1_cache_write_tokens_1h-Units", Meter(model=None, kind="cache_write_1h", tier="standard")),
        ("USE1-MP:USE1_MillionBatchInputTokens-Units", Meter(model=None, kind="input", tier="batch")),
        (
            "USE1-Claude4.5Sonnet-cache-write-1h-input-token-count-cross-region-global",
            Meter(model="Claude4.5Sonnet", kind="cache_write_1h", tier="standard"),
        ),
        (
            "USE1-Claude4.5Sonnet-cache-write-5m-input-token-count-batch",
            Meter(model="Claude4.5Sonnet", kind="cache_write", tier="batch"),
        ),
        ("USE1-ModelUnits-hrs", None),
        ("gpt-4o-mini-0718-Batch-Inp-glbl Tokens", Meter(model="gpt-4o-mini", kind="input", tier="batch")),
        ("5.1 pp cd inp Dz 1M Tokens", Meter(model="gpt-5.1", kind="cached_input", tier="priority")),
    ],
)
def test_meters_tell_model_kind_and_tier(name: str, meter: Meter | None):
    assert read_meter(name) == meter


@pytest.mark.parametrize(
    ("provider", "one", "other"),
    [
        ("openai", "gpt-4o", "gpt-4o-2024-08-06"),
        ("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
        ("aws", "Claude4.5Sonnet", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("aws", "NovaPro", "amazon.nova-pro-v1:0"),
        ("aws", "Nova2.0Lite", "global.amazon.nova-2-lite-v1:0"),
        ("aws", "Claude 3 Haiku", "anthropic.claude-3-haiku-20240307-v1:0"),
        ("aws", "openai.gpt-oss-120b", "arn:aws:bedrock:us-east-1::foundation-model/openai.gpt-oss-120b-1:0"),
    ],
)
def test_names_of_one_model_are_joined(provider: str, one: str, other: str):
    assert model_key(provider, one) == model_key(provider, other)


def test_names_of_two_models_are_not_joined():
    keys = [model_key("aws", name) for name in ("Claude4Sonnet", "Claude4.5Sonnet", "Claude4.5Haiku", "Nova2.0Pro")]

    assert len(set(keys)) == 4
    assert model_key("openai", "gpt-4o") != model_key("openai", "gpt-4o-mini")

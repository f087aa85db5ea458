"""``spanledger prices``: what it shows, what it refuses, and how it ends."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from processors.pricing.book import PriceBook
from spanledger.__main__ import main
from tests.warehouse.samples import APP, NOON, rows, span, stretch
from warehouse.lake import Flush, Lake
from warehouse.settings import LakeSettings

FIRST = """
[[price]]
provider = "openai"
model = "gpt-4o*"
from = 2026-01-01
discount_percent = "12.5"
note = "contract 4711"
"""
SECOND = """
[[price]]
model = "gpt-4o"
tenant = "acme"
from = 2026-07-01
usd_per_mtok = {input = "1", output = "4"}
"""
BY_GPU = """
[[price]]
provider = "vllm"
model = "llama*"
from = 2026-01-01
gpu = true
"""
GPT = {"provider": "openai", "request_model": "gpt-4o", "response_model": "gpt-4o-2024-08-06"}
UNPRICED: dict[str, Any] = {"price_status": "unpriced_model", "cost_usd": None, "input_tokens": 7}


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A price book that the settings name."""
    file = tmp_path / "prices.toml"
    file.write_text(FIRST)
    monkeypatch.setenv("SPANLEDGER_WORKER_PRICE_BOOK", str(file))
    monkeypatch.setenv("SPANLEDGER_LAKE", str(tmp_path / "lake"))
    return file


def fill(tmp_path: Path, *spans: dict[str, Any]) -> None:
    part = stretch(0, len(spans))
    lake = Lake.open(LakeSettings(url=str(tmp_path / "lake")))
    lake.commit(Flush(ranges=(part,), tables={"spans": {APP: rows("spans", *spans)}}))


def ask(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[dict[str, Any]], str]:
    code = main(["prices", *words, "--format", "json"])
    printed = capsys.readouterr()
    return code, json.loads(printed.out or "[]"), printed.err


def test_show_says_what_is_paid_and_what_the_list_says(book: Path, capsys: pytest.CaptureFixture[str]):
    book.write_text(FIRST + SECOND)

    _, everyone, _ = ask(capsys, "show", "gpt-4o", "--provider", "openai")
    _, acme, _ = ask(capsys, "show", "gpt-4o", "--provider", "openai", "--tenant", "acme", "--at", "2026-07-01")

    assert [(row["kind"], row["usd"], row["list_usd"]) for row in everyone][:2] == [
        ("input", "2.1875", "2.5"),
        ("cached_input", "1.09375", "1.25"),
    ]
    assert [(row["kind"], row["usd"], row["overrode"]) for row in acme] == [
        ("input", "1", ["book entry 1 openai/gpt-4o*, from 2026-01-01: discount 12.5 %"]),
        ("output", "4", ["book entry 1 openai/gpt-4o*, from 2026-01-01: discount 12.5 %"]),
    ]


def test_show_prints_every_entry_and_what_became_of_it(book: Path, capsys: pytest.CaptureFixture[str]):
    book.write_text(FIRST + SECOND)

    code = main(["prices", "show", "gpt-4o", "--tenant", "acme", "--at", "2026-06-30T23:59:59Z"])

    printed = capsys.readouterr().out
    assert code == 0
    assert "committed price  not yet" in printed
    assert "discount 12.5 %  applies  contract 4711" in printed


def test_show_of_a_model_that_is_paid_by_the_gpu_says_that_it_is_free_and_which_entry_says_so(
    book: Path, capsys: pytest.CaptureFixture[str]
):
    book.write_text(BY_GPU)

    main(["prices", "show", "llama-3", "--provider", "vllm"])
    shown = capsys.readouterr()
    (rate,) = ask(capsys, "show", "llama-3", "--provider", "vllm")[1]

    assert (rate["kind"], rate["usd"]) == ("paid_by_gpu", "0")
    assert "book entry 1 vllm/llama*" in rate["source"]
    rates, entries = shown.out.strip().split("\n\n")
    assert "paid_by_gpu" in rates
    assert "paid by GPU  applies" in entries
    assert "priced at other times" not in shown.err


@pytest.mark.usefixtures("book")
def test_show_of_a_model_that_is_free_on_the_list_says_so(capsys: pytest.CaptureFixture[str]):
    rates = ask(capsys, "show", "mistralai/mistral-nemo:free", "--provider", "openrouter")[1]

    assert [(rate["kind"], rate["usd"], rate["per"], rate["list_usd"]) for rate in rates] == [
        ("input", "0", 1_000_000, "0"),
        ("output", "0", 1_000_000, "0"),
    ]
    assert {rate["source"] for rate in rates} == {
        "genai-prices/0.2.3 openrouter/mistralai/mistral-nemo:free, listed as free"
    }


def test_show_of_a_price_that_begins_later_says_so_and_shows_the_entry(book: Path, capsys: pytest.CaptureFixture[str]):
    book.write_text(BY_GPU)

    main(["prices", "show", "llama-3", "--provider", "vllm", "--at", "2025-12-31"])

    shown = capsys.readouterr()
    assert "priced at other times" in shown.err
    assert "paid by GPU  not yet" in shown.out


@pytest.mark.usefixtures("book")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gpt-4oo"], "unknown model; nearest names: openai/gpt-4o"),
        (["gpt-4o", "--provider", "acme-llm"], "unknown provider; nearest names: openai/gpt-4o"),
        (["gpt-4o", "--provider", "openai", "--tier", "scale"], "no price for the service tier 'scale'"),
    ],
)
def test_show_of_what_has_no_price_says_why(words: list[str], said: str, capsys: pytest.CaptureFixture[str]):
    code, answer, told = ask(capsys, "show", *words)

    assert (code, answer) == (0, [])
    assert said in told


@pytest.mark.usefixtures("book")
def test_show_of_an_unknown_model_is_one_line_with_the_nearest_names(capsys: pytest.CaptureFixture[str]):
    code = main(["prices", "show", "gpt-4oo"])

    printed = capsys.readouterr()
    assert (code, printed.out) == (0, "")
    assert printed.err.startswith("spanledger prices: gpt-4oo: unknown model; nearest names: openai/gpt-4o")
    assert printed.err.count("\n") == 1


def test_show_has_a_row_for_every_context_bracket(capsys: pytest.CaptureFixture[str]):
    _, answer, _ = ask(capsys, "show", "claude-sonnet-4-5", "--provider", "anthropic")

    assert [(row["above_input_tokens"], row["usd"]) for row in answer if row["kind"] == "input"] == [
        (None, "3"),
        (200_000, "6"),
    ]


def test_check_passes_a_book_that_was_only_appended_to(book: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    fill(tmp_path, span(1, **GPT, price_version=PriceBook.from_settings({}, str(book)).version))
    book.write_text("# signed in December\n" + FIRST.replace('"12.5"', "12.50") + SECOND)

    code, answer, _ = ask(capsys, "check")

    assert code == 0
    assert [row["level"] for row in answer] == ["ok"]


@pytest.mark.parametrize(
    "text",
    [FIRST.replace("12.5", "13"), SECOND, SECOND + FIRST, "", FIRST.replace("2026-01-01", "2026-01-02")],
    ids=["changed", "removed", "put before", "emptied", "dated otherwise"],
)
def test_check_refuses_a_book_whose_used_entries_are_no_longer_its_first(
    text: str, book: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    fill(tmp_path, span(1, **GPT, price_version=PriceBook.from_settings({}, str(book)).version))
    old = tmp_path / "old.toml"
    old.write_text(FIRST)
    book.write_text(text)

    code, answer, _ = ask(capsys, "check", "--against", str(old))

    problems = [row for row in answer if row["level"] == "problem"]
    assert code == 1
    assert len(problems) == 2
    assert all("append" in row["finding"] for row in problems)


@pytest.mark.parametrize(("before", "after"), [("Acme", "acme"), ("acme", "Acme"), ("0042", "42"), ("42", "0042")])
def test_check_refuses_another_tenant_however_alike_it_is_spelled(
    before: str, after: str, book: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    old = tmp_path / "old.toml"
    old.write_text(FIRST + f'tenant = "{before}"\n')
    book.write_text(FIRST + f'tenant = "{after}"\n')

    codes = [ask(capsys, "check", str(each), "--against", str(old))[0] for each in (old, book)]

    assert codes == [0, 1]


def test_check_against_an_old_book_says_which_setting_is_missing_where_no_book_is_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    old = tmp_path / "old.toml"
    old.write_text(FIRST)

    code, answer, _ = ask(capsys, "check", "--against", str(old))

    assert code == 1
    assert [row["about"] for row in answer if row["level"] == "problem"] == [str(old)]
    assert "set worker.price_book" in answer[0]["finding"]


def test_check_notes_an_entry_for_a_time_that_is_priced_already(
    book: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    fill(tmp_path, span(1, **GPT, price_version=PriceBook.from_settings({}, str(book)).version))
    book.write_text(FIRST + SECOND.replace("2026-07-01", "2026-02-01"))

    code, answer, _ = ask(capsys, "check")

    assert code == 0
    assert [(row["level"], row["about"]) for row in answer] == [("note", "entry 2"), ("ok", str(book))]


@pytest.mark.usefixtures("book")
@pytest.mark.parametrize(
    ("version", "code", "level"),
    [("genai-prices/99.0.1", 1, "problem"), ("genai-prices/0.0.9", 0, "note"), ("guesswork", 1, "problem")],
)
def test_check_compares_the_installed_catalogue_with_what_rows_were_priced_with(
    version: str, code: int, level: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    fill(tmp_path, span(1, **GPT, price_version=version))

    ended, answer, _ = ask(capsys, "check")

    assert ended == code
    assert level in [row["level"] for row in answer if row["about"] == version]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[price]]\nmodel = 'a'\nfrom = 2026-01-01\ndiscount_percent = 200", "must be from 0 to 100"),
        ("[[price]]\nmodel = 'a'\nfrom = 2026-01-01\nlike = 'azure/gpt-4oo'", "nearest names: azure/gpt-4o"),
    ],
)
def test_check_refuses_what_cannot_be_meant(text: str, said: str, book: Path, capsys: pytest.CaptureFixture[str]):
    book.write_text(text)

    code, answer, _ = ask(capsys, "check")

    assert code == 1
    assert said in next(row["finding"] for row in answer if row["level"] == "problem")


def test_a_book_that_cannot_be_read_stops_the_others_with_one_line(book: Path, capsys: pytest.CaptureFixture[str]):
    book.write_text("[[price]]\nmodel = 'a'")

    code = main(["prices", "show", "gpt-4o"])

    printed = capsys.readouterr()
    assert (code, printed.out) == (2, "")
    assert printed.err.startswith(f"spanledger prices: price book {book}: entry 1")
    assert printed.err.count("\n") == 1


def test_diff_lists_what_changes_for_the_models_in_use(book: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    fill(tmp_path, span(1, **GPT), span(2, **GPT), span(3, provider="anthropic", request_model="claude-sonnet-4-5"))

    code, answer, _ = ask(capsys, "diff", "list", str(book))

    assert code == 0
    assert {row["model"] for row in answer} == {"gpt-4o-2024-08-06"}
    (change,) = [row for row in answer if row["kind"] == "input"]
    assert (change["before_usd"], change["after_usd"], change["change_percent"]) == ("2.5", "2.1875", "-12.50")
    assert change["calls"] == 2


def test_diff_calls_no_tenant_unattributed_whom_the_books_do_not_name(
    book: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    fill(tmp_path, *(span(n, **GPT, tenant=tenant, input_tokens=9) for n, tenant in enumerate(("beta", "acme", None))))

    everyone = ask(capsys, "diff", "list", str(book))[1]
    book.write_text(FIRST + SECOND.replace("2026-07-01", "2026-02-01"))
    apart = ask(capsys, "diff", "list", str(book))[1]
    main(["prices", "diff", "list", str(book)])
    printed = capsys.readouterr().out

    assert {(row["tenant"], row["calls"]) for row in everyone} == {("(all)", 3)}
    assert {(row["tenant"], row["calls"]) for row in apart if row["kind"] == "input"} == {("acme", 1), ("(others)", 2)}
    assert {row["tenant"] for row in apart if row["kind"] == "total"} == {"(all)"}
    assert "unattributed" not in printed


def test_diff_says_what_the_last_thirty_days_would_have_cost_at_either_side(
    book: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    book.write_text(FIRST + SECOND.replace("2026-07-01", "2026-02-01"))
    used = {**GPT, "input_tokens": 1_000_003, "output_tokens": 7}
    at = {f"{name}_at": NOON - timedelta(days=30, seconds=1) for name in ("started", "ended")}
    fill(
        tmp_path,
        span(1, **used),
        span(2, **used, tenant="beta"),
        span(3, **used, tenant="beta", **{name: when + timedelta(days=1) for name, when in at.items()}),
        span(4, **used, **at),
        span(5, provider="openai", response_model="gpt-4o-turbid", **UNPRICED),
        span(6, **used, billable=False),
        span(7, provider="anthropic", request_model="claude-sonnet-4-5", input_tokens=10**6),
    )

    _, answer, told = ask(capsys, "diff", "list", str(book))
    _, of_beta, _ = ask(capsys, "diff", "list", str(book), "--tenant", "beta")

    (money,) = [row for row in answer if row["kind"] == "total"]
    assert (money["provider"], money["model"]) == ("openai", "gpt-4o-2024-08-06")
    assert (money["calls"], money["input_tokens"], money["output_tokens"]) == (3, 3_000_009, 21)
    one = Decimal("2.5000775")
    both = [Decimal(money[name]) for name in ("before_usd", "after_usd")]
    assert both == [3 * one, 2 * one * Decimal("0.875") + Decimal("1.000031")]
    (money,) = [row for row in of_beta if row["kind"] == "total"]
    assert (money["calls"], Decimal(money["after_usd"])) == (2, 2 * one * Decimal("0.875"))
    assert "the lake's last 30 days, 5 calls: USD 13.500232500000 before, USD 11.375166625000 after" in told
    assert "(1 and 1 calls without a price)" in told


def test_diff_counts_the_calls_that_get_a_price_or_lose_one(
    book: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    book.write_text("[[price]]\nprovider = 'acme'\nmodel = 'x'\nfrom = 2026-01-01\nlike = 'openai/gpt-4o'\n")
    fill(tmp_path, *(span(n, provider="acme", request_model="x", input_tokens=10**6) for n in (1, 2)))

    (got,) = [row for row in ask(capsys, "diff", "list", str(book))[1] if row["kind"] == "total"]
    (lost,) = [row for row in ask(capsys, "diff", str(book), "list")[1] if row["kind"] == "total"]

    names = ("before_usd", "after_usd", "before_unpriced_calls", "after_unpriced_calls", "change_percent")
    assert [got[name] for name in names] == [None, "5.000000000000", 2, 0, None]
    assert [lost[name] for name in names] == ["5.000000000000", None, 0, 2, None]


def test_the_money_of_a_diff_is_of_the_models_that_are_named(
    book: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    fill(tmp_path, span(1, **GPT, input_tokens=100), span(2, provider="openai", request_model="gpt-4o", input_tokens=1))

    _, answer, told = ask(capsys, "diff", "list", str(book), "--model", "openai/gpt-4o")

    assert [row["calls"] for row in answer if row["kind"] == "total"] == [1]
    assert "1 calls: USD 0.000002500000 before" in told


def test_a_diff_as_a_table_shows_rates_and_money_apart(book: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    fill(tmp_path, span(1, **GPT, input_tokens=1000))

    main(["prices", "diff", "list", str(book)])

    rates, money = capsys.readouterr().out.strip().split("\n\n")
    assert "above_input_tokens" not in money
    assert "total" not in rates
    assert "gpt-4o-2024-08-06" in rates
    assert "gpt-4o-2024-08-06" in money


def test_a_diff_without_a_lake_says_that_the_money_is_not_known(book: Path, capsys: pytest.CaptureFixture[str]):
    code, answer, told = ask(capsys, "diff", "list", str(book), "--model", "openai/gpt-4o")
    assert (code, {row["kind"] for row in answer} >= {"input", "output"}) == (0, True)
    assert "there is no lake: what the change means in money" in told

    code, answer, told = ask(capsys, "diff", "list", str(book))
    assert (code, answer) == (2, [])
    assert "there is no lake at" in told


def test_a_diff_of_an_empty_lake_has_no_calls(book: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    Lake.open(LakeSettings(url=str(tmp_path / "lake")))

    code, answer, told = ask(capsys, "diff", "list", str(book))

    assert (code, answer) == (0, [])
    assert "0 calls: no known cost before, no known cost after (0 and 0 calls without a price)" in told


def test_diff_compares_dates_and_versions_of_one_book(book: Path, capsys: pytest.CaptureFixture[str]):
    version = PriceBook.from_settings({}, str(book)).version
    book.write_text(FIRST + SECOND.replace('tenant = "acme"\n', "").replace("2026-07-01", "2026-02-01"))

    dates = ask(capsys, "diff", "2026-01-31", "2026-02-01", "--model", "openai/gpt-4o")[1]
    versions = ask(capsys, "diff", version, str(book), "--model", "openai/gpt-4o")[1]

    assert {(row["kind"], row["before_usd"], row["after_usd"]) for row in dates} >= {("input", "2.1875", "1")}
    assert dates == versions


@pytest.mark.usefixtures("book")
@pytest.mark.parametrize(
    ("side", "said"),
    [
        ("soon", "must be a book's FILE.toml"),
        ("genai-prices/0.0.9", "is not installed"),
        ("genai-prices/0.2.3+book/00000000", "does not begin with the entries"),
        ("none.toml", "No such file"),
    ],
)
def test_diff_says_what_a_side_may_be(side: str, said: str, capsys: pytest.CaptureFixture[str]):
    code, _, told = ask(capsys, "diff", "list", side)

    assert code == 2
    assert said in told


@pytest.mark.usefixtures("book")
def test_unpriced_says_why_how_much_since_when_and_the_nearest_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    fill(
        tmp_path,
        span(1, provider="openai", response_model="gpt-4o-turbid", **UNPRICED),
        span(2, provider="openai", response_model="gpt-4o-turbid", **UNPRICED),
        span(3, provider="azure", request_model="our-best", **UNPRICED),
        span(4, provider="openai", response_model="gpt-4o", service_tier="scale", **UNPRICED),
        span(5, tenant="beta", provider="openai", response_model="gpt-4o", price_status="usage_missing", cost_usd=None),
        span(6, **GPT),
    )

    _, everyone, _ = ask(capsys, "unpriced")
    _, beta, _ = ask(capsys, "unpriced", "--tenant", "beta")
    _, later, _ = ask(capsys, "unpriced", "--from", "2026-04-01")

    assert {(row["model"], row["why"], row["calls"], row["input_tokens"]) for row in everyone} == {
        ("gpt-4o-turbid", "unknown model", 2, 14),
        ("our-best", "unknown model", 1, 7),
        ("gpt-4o", "no price for the service tier 'scale'", 1, 7),
        ("gpt-4o", "usage not reported", 1, None),
    }
    assert everyone[0]["nearest"][0].startswith("openai/gpt-4")
    assert everyone[0]["first_at"] == "2026-03-01T12:00:01Z"
    assert [row["why"] for row in beta] == ["usage not reported"]
    assert later == []


@pytest.mark.parametrize("action", ["show", "check", "diff", "unpriced"])
def test_every_action_has_an_example(action: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["prices", action, "--help"])

    assert f"example: spanledger prices {action}" in capsys.readouterr().out


TENANTS = """
[[price]]
provider = "openai"
model = "gpt-4o"
tenant = "acme"
from = 2026-01-01
usd_per_mtok = {input = "2", output = "8"}

[[price]]
model = "o3"
tenant = "beta"
from = 2026-01-01
markup_percent = "10"
"""


def test_a_diff_of_a_named_model_compares_the_rates_of_each_tenant_that_has_its_own(
    book: Path, capsys: pytest.CaptureFixture[str]
):
    book.write_text(TENANTS)

    def inputs(*tenants: str) -> list[tuple[str, str, str]]:
        asked = [word for tenant in tenants for word in ("--tenant", tenant)]
        rows = ask(capsys, "diff", "list", str(book), "--model", "openai/gpt-4o", "--model", "openai/o3", *asked)[1]
        return [(row["tenant"], row["model"], row["after_usd"]) for row in rows if row["kind"] == "input"]

    assert inputs() == [("acme", "gpt-4o", "2"), ("beta", "o3", "2.2")]
    assert inputs("acme") == [("acme", "gpt-4o", "2")]
    assert inputs("gamma") == []


def test_a_change_for_everybody_is_shown_beside_those_of_tenants(book: Path, capsys: pytest.CaptureFixture[str]):
    book.write_text(TENANTS + "\n[[price]]\nmodel = '*'\nfrom = 2026-01-01\nmarkup_percent = '10'\n")

    _, rows, told = ask(capsys, "diff", "list", str(book), "--model", "openai/gpt-4o")

    assert [(row["tenant"], row["after_usd"]) for row in rows if row["kind"] == "input"] == [
        ("(others)", "2.75"),
        ("acme", "2.2"),
    ]
    assert "in 1 models" in told


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (("us.anthropic.claude-sonnet-4-5-20250929-v1:0",), "aws/regional.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        (("amazon.nova-pro-v1:0",), "aws/amazon.nova-pro-v1:0"),
        (
            ("anthropic.claude-3-haiku-20240307-v1:0", "--provider", "Anthropic"),
            "aws/regional.anthropic.claude-3-haiku",
        ),
        (("models/gemini-2.5-flash",), "google/gemini-2.5-flash"),
        (("claude-sonnet-4-5@20250929",), "google/claude-sonnet-4-5"),
    ],
)
def test_a_model_is_looked_up_at_whom_its_name_says_that_serves_it(
    asked: tuple[str, ...], found: str, capsys: pytest.CaptureFixture[str]
):
    code, rows, _ = ask(capsys, "show", *asked)

    assert code == 0
    assert {row["source"].removeprefix("genai-prices/").partition(" ")[2].startswith(found) for row in rows} == {True}


def test_the_nearest_name_is_of_the_same_family_though_its_date_is_another(capsys: pytest.CaptureFixture[str]):
    told = ask(capsys, "show", "claude-sonnet-4-5-20990929", "--provider", "openai")[2]

    assert "nearest names: anthropic/claude-sonnet-4-5," in told

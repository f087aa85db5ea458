"""Personal data is found by patterns with checks, in the content of all conventions; only a yes or no stays."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from processors.conventions.table import load_table, read_rows
from processors.decode import decode
from processors.decode.content import SCAN_CHARACTERS, content_keys, scan
from processors.engine import Engine
from processors.messages import Message
from processors.pii import is_personal, kinds
from processors.settings import WorkerSettings
from tests.processors.flushes import processed_of
from tests.processors.otlp import event, message, request, span

DATA = Path(__file__).parent.parent / "data" / "conventions"
MAIL = "jane.doe@example.com"
ENGINES = {on: Engine.of(WorkerSettings(scan_pii=on), user_key=b"k") for on in (True, False)}

LABELLED = [
    ("write to jane.doe@example.com please", "email"),
    ('{"content":"mail o\'brien+shop@mail.example.co.uk"}', "email"),
    ("call +49 30 901820 today", "phone"),
    ("call +1 (415) 555-2671.", "phone"),
    ("ring 0044 20 7946 0958", "phone"),
    ("my card is 4111 1111 1111 1111", "payment_card"),
    ("amex 378282246310005", "payment_card"),
    ('{"card": 5555555555554444}', "payment_card"),
    ("6011-1111-1111-1117 expires soon", "payment_card"),
    ("pay to DE89 3704 0044 0532 0130 00", "iban"),
    ("GB82WEST12345698765432", "iban"),
    ("FR1420041010050500013M02606, thanks", "iban"),
    ("ssn 536-90-4399", "us_ssn"),
    ("from 93.184.216.34 at noon", "ip_address"),
    ("host 2a00:1450:4001:81b::200e answers", "ip_address"),
    ("mi DNI es 12345678Z", "national_id"),
    ("NIE X1234567L", "national_id"),
    ("codice fiscale RSSMRA85T10A562S", "national_id"),
    ("NIR 2 55 08 14 168 025 38", "national_id"),
    ("rijksregister 85.07.30-033.28", "national_id"),
    ("PESEL 44051401359", "national_id"),
    ("CPF 529.982.247-25", "national_id"),
    ("hetu 131052-308T", "national_id"),
    ("", None),
    ("how do I email somebody @ work?", None),
    ("the @decorator in module.function", None),
    ("git@github", None),
    ("order 4111 1111 1111 1112", None),  # no Luhn digit
    ("number 1234567812345670", None),  # Luhn, but nobody's range
    ("timestamp 1700000000000 and 1700000000000000000", None),
    ("0000 0000 0000 0000", None),
    ("DE89 3704 0044 0532 0130 01", None),  # checksum
    ("XX12 3456 7890 1234 5678", None),
    ("666-12-3456 and 000-12-3456 and 900-12-3456", None),
    ("2026-11-21", None),
    ("version 1.2.3.4 of 127.0.0.1 on 192.168.1.1", None),
    ("300.400.500.600", None),
    ("::1 and fe80::1 and std::vector::size", None),
    ("at 12:30:45 or 10:20", None),
    ("12345678A is no DNI", None),
    ("id 44051401358", None),  # PESEL check digit
    ("111.111.111-11", None),
    ("chatcmpl-9f8a7b6c5d4e3f2a1b0c and 550e8400-e29b-41d4-a716-446655440000", None),
    ("pi is 3.14159265358979323846", None),
    ("+1 + 2 = 3, -40 to +85 degrees", None),
    ("cost 4,111,111,111,111,111 units", None),
    ("vector [0.4111111111111111, -0.37828224631]", None),
    ("sha 5555555555554444aa", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind"), LABELLED)
def test_the_labelled_texts_are_told_apart(text: str, kind: str | None):
    assert kinds(text) == (frozenset({kind}) if kind else frozenset())


def test_precision_and_recall_on_the_labelled_texts_are_whole():
    found = {text for text, _ in LABELLED if is_personal(text)}
    personal = {text for text, kind in LABELLED if kind}

    assert len(found & personal) / len(found) == 1.0
    assert len(found & personal) / len(personal) == 1.0
    assert len(personal) >= 20
    assert len(LABELLED) - len(personal) >= 20


@pytest.mark.parametrize(
    "text", ["1" * 65_536, "a@" * 30_000, "1.2." * 16_000, "+1 " * 20_000, "AB12 " * 13_000, "a." * 32_000 + "@"]
)
def test_no_text_makes_the_scan_slow(text: str):
    began = time.process_time()

    is_personal(text[:SCAN_CHARACTERS])

    assert time.process_time() - began < 2.0


# ---- content of spans


def chat(given: dict[str, Any] | None = None, **fields: Any) -> Message:
    """A record of one chat with this content."""
    asked = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
    return message(request(span(asked | (given or {}), **fields)))


def scanned(chats: Iterable[Message], *, on: bool = True) -> list[bool | None]:
    """``pii_detected`` of each chat, as the lake has it."""
    made = processed_of({n: [one] for n, one in enumerate(chats)}, ENGINES[on]).values()
    assert MAIL not in str([{name: table.to_pylist() for name, table in one.tables.items()} for one in made])
    return [one.tables["spans"]["pii_detected"][0].as_py() for one in made]


def _shared_content() -> list[str]:
    with (DATA / "attributes.csv").open(encoding="utf-8", newline="") as file:
        rows = [row["attribute_key"] for row in csv.DictReader(file) if row["canonical_field"] == "content"]
    parts = [part.split(" (")[0].strip() for row in rows for part in row.split("|")]
    return sorted({part.replace("{provider}", "openai") for part in parts})


def _concrete(key: str) -> str:
    if "{i}" in key:
        key = key.replace("{i}", "0")
    if key.endswith(".*"):
        return key[:-1] + "0.message.content"
    return key.replace("*", "0")


@pytest.mark.parametrize("key", _shared_content())
def test_every_content_key_of_the_shared_list_is_scanned_or_left_out_for_a_reason(key: str):
    left_out = {row["key"]: row["reason"] for row in read_rows("content.csv") if row["scan"] == "no"}
    concrete = _concrete(key)

    reasons = [why for name, why in left_out.items() if name == key or concrete.startswith(name.rstrip("*"))]

    assert content_keys().holds(concrete) or any(reasons)


@pytest.mark.parametrize("key", [key for key in _shared_content() if content_keys().holds(_concrete(key))])
def test_personal_data_is_found_in_the_content_of_every_convention(key: str):
    assert scan(span({_concrete(key): f"mail {MAIL}"})) is True
    assert scan(span({_concrete(key): "nothing of the kind"})) is False


def test_content_of_events_is_scanned():
    names = [
        "gen_ai.user.message",
        "gen_ai.choice",
        "gen_ai.content.prompt",
        "gen_ai.client.inference.operation.details",
    ]

    found = {
        text: scanned(chat(events=[event(name, after_ms=1, content=text)]) for name in names)
        for text in (f"mail {MAIL}", "nothing")
    }

    assert dict(zip(names, found[f"mail {MAIL}"], strict=True)) == dict.fromkeys(names, True)
    assert dict(zip(names, found["nothing"], strict=True)) == dict.fromkeys(names, False)


def test_structured_content_is_scanned_too():
    messages = [{"role": "user", "parts": [{"type": "text", "content": f"I am {MAIL}"}]}]

    assert scanned(chat({"gen_ai.input.messages": told}) for told in (messages, json.dumps(messages))) == [True, True]


def test_without_content_nothing_is_known():
    givens = [
        {},
        {"gen_ai.response.id": "chatcmpl-1", "gen_ai.usage.input_tokens": 7},
        {"gen_ai.input.messages": ""},
        {"input.value": "__REDACTED__"},
        {"gen_ai.input.messages": '[{"role":"user","content":"redacted-by-litellm"}]'},
        {"gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.finish_reason": "stop"},
        {"gen_ai.output.messages": '[{"role":"assistant","finish_reason":"stop"}]'},
        {"llm.input_messages.0.message.role": "user"},
        {"user.id": MAIL},
    ]

    assert list(zip(givens, scanned(map(chat, givens)), strict=True)) == [(given, None) for given in givens]


def test_the_scan_is_off_by_default():
    assert WorkerSettings().scan_pii is False
    assert scanned([chat({"input.value": f"mail {MAIL}"})], on=False) == [None]


def test_no_more_than_the_bound_is_looked_at_and_the_rest_is_unknown():
    clean = "word " * (SCAN_CHARACTERS // 5 + 1)

    assert scan(span({"input.value": clean + MAIL})) is None
    assert scan(span({"input.value": MAIL + " " + clean})) is True
    assert scan(span({"input.value": clean[:-5][: SCAN_CHARACTERS - 1]})) is False
    assert scan(span({"input.value": clean[: SCAN_CHARACTERS // 2], "output.value": clean})) is None


def test_what_a_guard_says_and_what_the_scan_finds_are_joined():
    guarded, found, neither = scanned(
        [
            chat({"spanledger.pii.detected": True, "input.value": "nothing"}),
            chat({"spanledger.pii.detected": False, "input.value": f"mail {MAIL}"}),
            chat({"spanledger.pii.detected": False}),
        ]
    )

    assert (guarded, found, neither) == (True, True, False)


def test_decoded_columns_hold_a_yes_or_no_and_no_text():
    decoded = decode([message(request(span({"input.value": f"mail {MAIL}"})))], load_table(scan_pii=True))

    assert decoded.spans["pii_scanned"].to_pylist() == [True]
    assert MAIL not in str(decoded.spans.to_pylist())

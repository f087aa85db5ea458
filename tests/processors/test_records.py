"""A Kafka record as the engine knows it, whatever its headers are."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from processors.agents.spans import as_message
from processors.messages import Message


def told(headers: Any, **fields: Any) -> Message:
    plain = {"topic": "otlp_spans", "partition": 1, "offset": 7, "timestamp": 1.5, "value": b"x", "headers": headers}
    return as_message(SimpleNamespace(message=SimpleNamespace(**(plain | fields))))  # type: ignore[arg-type]


def test_our_headers_are_read_as_text():
    headers = [
        ("spanledger-tenant", b"acme"),
        ("spanledger-principal", b"key-1"),
        ("content-type", b"application/json"),
    ]

    message = told(headers)

    assert (message.tenant, message.principal, message.content_type) == ("acme", "key-1", "application/json")
    assert (message.offset, message.received_at_us, message.tenants) == (7, 1_500_000, None)


def test_the_right_to_tell_of_gpus_is_a_header_or_nobodys_key():
    assert [
        told(headers).may_tell_of_gpus
        for headers in (
            {},
            {"spanledger-principal": b"key-1"},
            {"spanledger-tenant": b"acme"},
            {"spanledger-tenant": b"acme", "spanledger-gpus": b"1"},
        )
    ] == [True, False, False, True]


def test_a_list_of_tenants_is_split():
    assert told({"spanledger-tenants": b"acme,globex"}).tenants == ("acme", "globex")


@pytest.mark.parametrize(
    "headers", [None, [], {}, [("foreign", None)], [("spanledger-tenant", None)], [("foreign", b"\xff")]]
)
def test_headers_without_a_value_say_nothing(headers: Any):
    assert (told(headers).tenant, told(headers).principal) == (None, None)


def test_a_record_without_a_value_is_an_empty_one():
    assert told(None, value=None).value == b""

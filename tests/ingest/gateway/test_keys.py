"""API keys."""

import hashlib
import hmac

import pytest

from ingest.errors import CannotStart
from ingest.gateway.keys import ANYBODY, Client, load_keys, presented_key
from ingest.gateway.refusals import Reason, Refused

ANYWHERE = "0.0.0.0"


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def test_a_key_of_one_tenant_stamps_that_tenant_and_its_own_id():
    keys = load_keys({"acme-prod": {"sha256": digest("secret"), "tenant": "acme"}}, host=ANYWHERE)

    client = keys.identify("secret")

    assert client.headers() == [("spanledger-tenant", b"acme"), ("spanledger-principal", b"acme-prod")]


def test_a_key_of_several_tenants_stamps_the_list_and_no_tenant():
    keys = load_keys({"hub": {"sha256": digest("k"), "tenants": ["north", "süd"]}}, host=ANYWHERE)

    client = keys.identify("k")

    assert client.headers() == [("spanledger-tenants", "north,süd".encode()), ("spanledger-principal", b"hub")]


def test_a_key_that_may_tell_of_gpus_says_so():
    keys = load_keys({"nodes": {"sha256": digest("k"), "tenant": "platform", "gpus": True}}, host=ANYWHERE)

    assert keys.identify("k").headers()[2:] == [("spanledger-gpus", b"1")]


def test_keys_can_be_written_as_text_for_environment_variables():
    table = {"a": f"acme:{digest('1')}", "b": f"north|south:{digest('2')}", "c": f"platform:{digest('3')}+gpus"}

    keys = load_keys(table, host=ANYWHERE)

    assert keys.identify("1") == Client(principal="a", tenants=("acme",))
    assert keys.identify("2") == Client(principal="b", tenants=("north", "south"))
    assert keys.identify("3") == Client(principal="c", tenants=("platform",), gpus=True)


@pytest.mark.parametrize("presented", ["wrong", "", None, "\udcff"])
def test_an_unknown_or_missing_key_is_refused(presented: str | None):
    keys = load_keys({"a": {"sha256": digest("right"), "tenant": "acme"}}, host="127.0.0.1")

    with pytest.raises(Refused) as refused:
        keys.identify(presented)

    assert refused.value.reason is Reason.UNAUTHENTICATED


def test_every_key_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch):
    compared: list[bytes] = []
    compare = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append(a) or compare(a, b))
    keys = load_keys({f"k{n}": {"sha256": digest(str(n)), "tenant": "t"} for n in range(5)}, host=ANYWHERE)

    keys.identify("0")

    assert len(compared) == 5


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.3.2.1"])
def test_without_keys_everybody_on_this_machine_may_write_and_nothing_is_stamped(host: str):
    keys = load_keys({}, host=host)

    assert keys.identify(None) is ANYBODY
    assert ANYBODY.headers() == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "example.org"])
def test_open_mode_on_an_address_that_others_reach_does_not_start_and_says_what_to_set(host: str):
    with pytest.raises(CannotStart, match=r"set gateway\.api_keys, or gateway\.host = '127\.0\.0\.1'"):
        load_keys({}, host=host)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"sha256": "beef", "tenant": "a"}, "64 hex digits"),
        ({"sha256": digest("k")}, "either tenant"),
        ({"sha256": digest("k"), "tenant": "a", "tenants": ["b"]}, "either tenant"),
        ({"sha256": digest("k"), "tenants": []}, "list of names"),
        ({"sha256": digest("k"), "tenants": "ab"}, "list of names"),
        ({"sha256": digest("k"), "tenants": ["a,b"]}, "without commas"),
        ({"sha256": digest("k"), "tenants": ["a", "unattributed"]}, "no tenant is called unattributed"),
        ({"sha256": digest("k"), "tenant": " "}, "not empty"),
        ({"sha256": digest("k"), "tenant": "a", "key": "k"}, "unknown key"),
        ("acme", "64 hex digits"),
        (5, "must be a table"),
    ],
)
def test_a_bad_entry_does_not_start_and_is_named_without_its_secret(entry: object, message: str):
    with pytest.raises(CannotStart, match=message) as error:
        load_keys({"mine": entry}, host="127.0.0.1")

    assert "gateway.api_keys.mine" in str(error.value)
    assert digest("k") not in str(error.value)


def test_one_key_under_two_ids_does_not_start():
    entry = {"sha256": digest("k"), "tenant": "a"}

    with pytest.raises(CannotStart, match="stands under 'one' already"):
        load_keys({"one": entry, "two": entry}, host="127.0.0.1")


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({"authorization": "Bearer abc"}, "abc"),
        ({"authorization": "bearer  abc "}, "abc"),
        ({"x-api-key": "abc"}, "abc"),
        ({"spanledger-api-key": "abc"}, "abc"),
        ({"authorization": "Basic eA==", "x-api-key": "abc"}, "abc"),
        ({"authorization": "Bearer abc", "x-api-key": "other"}, "abc"),
        ({"authorization": "Bearer"}, None),
        ({}, None),
    ],
)
def test_the_key_is_found_in_each_header_that_clients_can_set(headers: dict[str, str], key: str | None):
    assert presented_key(headers) == key

"""Users are told apart, never named."""

import hashlib
import hmac
import stat
import threading
from pathlib import Path

import pyarrow as pa
import pytest

from processors.users import KEY_FILE, fingerprint, hash_user, hash_users, load_user_key


def test_the_same_user_of_two_tenants_has_two_names():
    assert hash_user("acme", "u-1", b"key") != hash_user("globex", "u-1", b"key")
    assert hash_user("acme", "u-1", b"key") == hash_user("acme", "u-1", b"key")


def test_a_name_is_16_bytes_of_hmac_and_needs_the_key():
    whole = hmac.new(b"key", b"\0\0\0\x04acmeu-1", hashlib.sha256).hexdigest()

    assert hash_user("acme", "u-1", b"key") == whole[:32]
    assert hash_user("acme", "u-1", b"other") != hash_user("acme", "u-1", b"key")


@pytest.mark.parametrize("length", [1, 32, 64, 65, 200])
def test_names_are_hmac_whatever_the_lengths_of_key_tenant_and_user(length: int):
    key = bytes(range(length))
    users = [("ü" if number % 2 else "u") * number for number in range(1, 200)] + ["", "u-1"]
    tenants = [(None, "", "acme", "größer", "t" * number)[number % 5] for number in range(len(users))]

    names = hash_users(pa.array(tenants), pa.array(users), key).to_pylist()

    for tenant, user, name in zip(tenants, users, names, strict=True):
        of_tenant = (tenant or "").encode()
        message = len(of_tenant).to_bytes(4, "big") + of_tenant + user.encode()
        assert name == hmac.new(key, message, hashlib.sha256).hexdigest()[:32] == hash_user(tenant, user, key)


def test_slices_and_other_kinds_of_text_are_hashed_alike():
    tenants, users = pa.array(["a", "b", "c", None] * 3), pa.array(["u", None, "w", "x"] * 3)

    whole = hash_users(tenants, users, b"key").to_pylist()

    assert hash_users(tenants[3:9], users[3:9], b"key").to_pylist() == whole[3:9]
    assert hash_users(tenants.cast(pa.large_string()), users.cast(pa.string_view()), b"key").to_pylist() == whole


def test_tenant_and_user_cannot_be_shifted_into_each_other():
    assert hash_user("ab", "c", b"key") != hash_user("a", "bc", b"key")


def test_columns_are_hashed_row_by_row_and_no_user_has_no_name():
    tenants, users = pa.array(["acme", None, "acme", None]), pa.array(["u", "u", None, "u"])

    names = hash_users(tenants, users, b"key").to_pylist()

    assert names == [hash_user("acme", "u", b"key"), hash_user(None, "u", b"key"), None, hash_user(None, "u", b"key")]


def test_no_rows_no_names():
    assert hash_users(pa.array([], pa.string()), pa.array([], pa.string()), b"key").to_pylist() == []


def test_a_configured_key_is_used_as_it_is(tmp_path: Path):
    assert load_user_key("secret", tmp_path) == b"secret"
    assert list(tmp_path.iterdir()) == []


def test_a_key_is_made_once_for_its_owner_only(tmp_path: Path):
    key = load_user_key(None, tmp_path / "data")

    assert load_user_key(None, tmp_path / "data") == key
    assert len(key) == 64
    assert stat.S_IMODE((tmp_path / "data" / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == [KEY_FILE]


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path):
    keys: list[bytes] = []
    threads = [threading.Thread(target=lambda: keys.append(load_user_key(None, tmp_path))) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(keys)) == 1
    assert len(keys) == 8


def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path):
    (tmp_path / "file").write_text("")

    with pytest.raises(OSError, match="file"):
        load_user_key(None, tmp_path / "file" / "data")


def test_the_fingerprint_tells_keys_apart_without_giving_them_away():
    assert fingerprint(b"key") != fingerprint(b"other")
    assert fingerprint(b"key") == fingerprint(b"key")
    assert b"key".hex() not in fingerprint(b"key")

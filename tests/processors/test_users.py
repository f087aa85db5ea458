"""Users are told apart, never named."""

import hashlib
import hmac
import stat
import threading
from pathlib import Path

import pyarrow as pa
import pytest

from processors.users import KEY_FILE, fingerprint, hash_user, hash_users, load_user_key, name_user


def test_the_same_user_of_two_tenants_has_two_names_in_answers():
    hashed = hash_user("u-1", b"key")

    assert len({name_user(tenant, hashed) for tenant in ("acme", "globex", None)}) == 3
    assert name_user("acme", hashed) == hashlib.sha256(f"acme {hashed}".encode()).hexdigest()[:32]


def test_a_name_is_16_bytes_of_hmac_and_needs_the_key():
    whole = hmac.new(b"key", b"u-1", hashlib.sha256).hexdigest()

    assert hash_user("u-1", b"key") == whole[:32]
    assert hash_user("u-1", b"other") != hash_user("u-1", b"key")


@pytest.mark.parametrize("length", [1, 32, 64, 65, 200])
def test_names_are_hmac_whatever_the_lengths_of_key_and_user(length: int):
    key = bytes(range(length))
    users = [("ü" if number % 2 else "u") * number for number in range(1, 200)] + ["", "u-1"]

    names = hash_users(pa.array(users), key).to_pylist()

    for user, name in zip(users, names, strict=True):
        assert name == hmac.new(key, user.encode(), hashlib.sha256).hexdigest()[:32] == hash_user(user, key)


def test_slices_and_other_kinds_of_text_are_hashed_alike():
    users = pa.array(["u", None, "w", "x"] * 3)

    whole = hash_users(users, b"key").to_pylist()

    assert hash_users(users[3:9], b"key").to_pylist() == whole[3:9]
    assert hash_users(users.cast(pa.large_string()), b"key").to_pylist() == whole
    assert hash_users(users.cast(pa.string_view()), b"key").to_pylist() == whole


def test_columns_are_hashed_row_by_row_and_no_user_has_no_name():
    names = hash_users(pa.array(["u", "v", None, "u"]), b"key").to_pylist()

    assert names == [hash_user("u", b"key"), hash_user("v", b"key"), None, hash_user("u", b"key")]


def test_no_rows_no_names():
    assert hash_users(pa.array([], pa.string()), b"key").to_pylist() == []


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

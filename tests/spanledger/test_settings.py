"""Settings: where a value comes from, and what a bad one says."""

from pathlib import Path

import pytest

from spanledger.settings import SettingsError, describe, load


def test_defaults_stand_where_nothing_is_given(tmp_path: Path):
    settings = load(environ={"XDG_DATA_HOME": str(tmp_path)})

    assert settings.data == tmp_path / "spanledger"
    assert settings.lake.url == str(tmp_path / "spanledger" / "lake")
    assert settings.kafka.bootstrap == "127.0.0.1:9092"


def test_three_short_names_place_a_deployment(tmp_path: Path):
    env = {"SPANLEDGER_DATA": str(tmp_path), "SPANLEDGER_LAKE": "s3://bucket/lake", "SPANLEDGER_KAFKA": "k1:1,k2:2"}

    settings = load(environ=env)

    assert (settings.data, settings.lake.url, settings.kafka.bootstrap) == (tmp_path, "s3://bucket/lake", "k1:1,k2:2")


def test_flags_win_over_environment_over_file_over_default(tmp_path: Path):
    file = tmp_path / "s.toml"
    file.write_text("[gateway]\nhttp_port = 1001\ngrpc_port = 1001\n[kafka]\npartitions = 7\n")

    settings = load(
        environ={"SPANLEDGER_GATEWAY_HTTP_PORT": "1002", "SPANLEDGER_GATEWAY_GRPC_PORT": "1002"},
        file=file,
        flags={"gateway.http_port": 1003, "gateway.host": None},
    )

    gateway = settings.gateway
    assert (gateway.http_port, gateway.grpc_port, gateway.host, settings.kafka.partitions) == (
        1003,
        1002,
        "127.0.0.1",
        7,
    )


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("SPANLEDGER_BROKER_PORT", "http", "SPANLEDGER_BROKER_PORT = 'http': must be a whole number"),
        ("SPANLEDGER_BROKER_PORT", "70000", "SPANLEDGER_BROKER_PORT = '70000': must be from 0 to 65535"),
        ("SPANLEDGER_KAFKA_PARTITIONS", "0", "SPANLEDGER_KAFKA_PARTITIONS = '0': must be from 1 to 1000"),
        ("SPANLEDGER_WORKER_FLUSH_SECONDS", "nan", "SPANLEDGER_WORKER_FLUSH_SECONDS = 'nan': must be a finite number"),
        ("SPANLEDGER_ALERTS_ENABLED", "maybe", "SPANLEDGER_ALERTS_ENABLED = 'maybe': must be true or false"),
        ("SPANLEDGER_WORKER_DLQ_PAYLOAD", "all", "SPANLEDGER_WORKER_DLQ_PAYLOAD = 'all': must be one of raw, none"),
        ("SPANLEDGER_LAKE", "foo://x/y", "[lake] url = 'foo://x/y': must be a directory or begin with file://, s3://"),
        ("SPANLEDGER_LAKE", "my:lake", "[lake] url = 'my:lake': must be a directory"),
        ("SPANLEDGER_LAKE", "s3://", "[lake] url = 's3://': must name a bucket"),
        ("SPANLEDGER_LAKE", "//[x", "[lake] url = '//[x': must be a directory or a URL"),
        ("SPANLEDGER_LAKE", "~nobody-at-all/lake", "[lake] url = '~nobody-at-all/lake': must be a directory"),
        ("SPANLEDGER_LAKE", "\udcff", "[lake] url = '\\udcff': must be a directory"),
        ("SPANLEDGER_LAKE", __file__, f"SPANLEDGER_LAKE = {__file__!r}: must be a directory, and {__file__} is a file"),
        ("SPANLEDGER_DATA", __file__, f"SPANLEDGER_DATA = {__file__!r}: must be a directory, and {__file__} is a file"),
        (
            "SPANLEDGER_DATA",
            f"{__file__}/x",
            f"SPANLEDGER_DATA = '{__file__}/x': must be a directory, and {__file__} is",
        ),
        ("SPANLEDGER_DATA", "~nobody-at-all", "SPANLEDGER_DATA = '~nobody-at-all': must be a directory"),
        ("SPANLEDGER_DATA", "\udcff", "SPANLEDGER_DATA = '\\udcff': must be a directory"),
        ("SPANLEDGER_DATA", "a\0b", "SPANLEDGER_DATA = 'a\\x00b': must be text without NUL"),
        ("SPANLEDGER_DATA", "x" * 300, "SPANLEDGER_DATA = "),
        ("SPANLEDGER_DASHBOARD_TENANTS", " , ", "SPANLEDGER_DASHBOARD_TENANTS = ' , ': must name something"),
        ("SPANLEDGER_DASHBOARD_HOST", "", "[dashboard] host is empty: must be an address"),
        ("SPANLEDGER_GATEWAY_API_KEYS", "x", "SPANLEDGER_GATEWAY_API_KEYS = ***: must be text like key=value"),
    ],
)
def test_a_bad_value_names_the_setting_the_value_and_what_is_allowed(variable: str, value: str, says: str):
    with pytest.raises(SettingsError) as caught:
        load(environ={variable: value})

    assert str(caught.value).startswith(says)


def test_a_setting_that_does_not_exist_is_refused(tmp_path: Path):
    file = tmp_path / "s.toml"
    file.write_text("[gateway]\nport = 1\n")

    with pytest.raises(SettingsError, match=r"there is no setting 'gateway.port'"):
        load(environ={}, file=file)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("data = 5", "data = 5: must be text"),
        ("data = ['x']", "data = ['x']: must be text"),
        ("[lake]\nurl = 5", "[lake] url = 5: must be text"),
        ('[lake]\nurl = "a\\u0000b"', "must be text without NUL"),
        ("lake = 5", "there is no setting 'lake'"),
        ("[lake", "is not TOML"),
        ("x = " + "[" * 10_000, "is not TOML"),
    ],
)
def test_a_bad_line_of_the_file_is_named(content: str, says: str, tmp_path: Path):
    file = tmp_path / "s.toml"
    file.write_text(content)

    with pytest.raises(SettingsError) as caught:
        load(environ={}, file=file)

    assert str(file) in str(caught.value)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_settings_file_that_is_a_directory_is_refused_where_it_is_not_named_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "spanledger.toml").mkdir()
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SettingsError, match=r"spanledger\.toml cannot be read: Is a directory"):
        load(environ={})


def test_an_empty_place_is_the_default(tmp_path: Path):
    settings = load(environ={"XDG_DATA_HOME": str(tmp_path), "SPANLEDGER_DATA": "", "SPANLEDGER_LAKE": ""})

    assert settings.lake.url == str(tmp_path / "spanledger" / "lake")


def test_a_flag_that_cannot_be_read_is_named_as_it_was_written():
    with pytest.raises(SettingsError, match=r"^--grpc-port = 70000: must be from 0 to 65535$"):
        load(environ={}, flags={"gateway.grpc_port": 70_000})


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        ("SPANLEDGER_WORKER_FLUSH_SECOND", "did you mean SPANLEDGER_WORKER_FLUSH_SECONDS?"),
        ("SPANLEDGER_KAFKA_BOOTSTRAP", "did you mean SPANLEDGER_KAFKA?"),
        ("SPANLEDGER_", "the README's table lists them"),
    ],
)
def test_a_variable_that_is_no_setting_is_refused_with_the_nearest_one(variable: str, says: str):
    with pytest.raises(SettingsError) as caught:
        load(environ={"XDG_DATA_HOME": "elsewhere", variable: "1"})

    assert str(caught.value).startswith(f"{variable}: there is no such setting; ")
    assert says in str(caught.value)


def test_a_settings_file_that_is_named_must_exist(tmp_path: Path):
    with pytest.raises(SettingsError, match="does not exist"):
        load(environ={}, file=tmp_path / "absent.toml")


def test_every_setting_says_what_it_is_for():
    assert all(row.help for row in describe())
    assert len({row.variable for row in describe()}) == len(describe())

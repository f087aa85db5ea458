"""Settings: one typed object per process, built once at the door.

Defaults < ``spanledger.toml`` < environment (``SPANLEDGER_<SECTION>_<NAME>``) < flags. A bad value stops the start with
one line that names the setting, the value and what is allowed; so does a name that is no setting, in the file and in
the environment. Nothing else reads the environment.

Each stage owns one frozen dataclass of settings (``ingest/settings.py`` and so on). A field's metadata documents and
bounds it: ``help`` (required), ``min``, ``max``, ``choices``, ``secret``. Three settings place a deployment and have
short names: ``SPANLEDGER_KAFKA`` (``kafka.bootstrap``), ``SPANLEDGER_LAKE`` (``lake.url``), ``SPANLEDGER_DATA``.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import os
import tomllib
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from alerts.settings import AlertSettings
from dashboards.settings import DashboardSettings
from ingest.settings import BrokerSettings, GatewaySettings, KafkaSettings
from processors.settings import WorkerSettings
from warehouse.settings import LakeSettings, SettleSettings

PREFIX = "SPANLEDGER_"
SHORT_NAMES = {"SPANLEDGER_KAFKA": "kafka.bootstrap", "SPANLEDGER_LAKE": "lake.url", "SPANLEDGER_DATA": "data"}


class SettingsError(Exception):
    """A setting cannot be used; the text names it, its value and what is allowed."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a verb may need; ``data`` holds broker data, caches, secrets and, by default, the lake."""

    data: Path
    kafka: KafkaSettings
    broker: BrokerSettings
    gateway: GatewaySettings
    worker: WorkerSettings
    lake: LakeSettings
    settle: SettleSettings
    alerts: AlertSettings
    dashboard: DashboardSettings


SECTIONS: dict[str, type[Any]] = {
    "kafka": KafkaSettings,
    "broker": BrokerSettings,
    "gateway": GatewaySettings,
    "worker": WorkerSettings,
    "lake": LakeSettings,
    "settle": SettleSettings,
    "alerts": AlertSettings,
    "dashboard": DashboardSettings,
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One row of the settings table in the README: dotted name, variable, default and help."""

    name: str
    variable: str
    default: str
    help: str


def describe() -> list[Described]:
    """All settings in the order of their sections, as the README's table lists them."""
    rows = [
        Described(
            name="data",
            variable="SPANLEDGER_DATA",
            default="$XDG_DATA_HOME/spanledger",
            help="Directory of broker data, caches, secrets and the default lake.",
        )
    ]
    short = {dotted: variable for variable, dotted in SHORT_NAMES.items()}
    for section, cls in SECTIONS.items():
        for field in dataclasses.fields(cls):
            dotted = f"{section}.{field.name}"
            rows.append(
                Described(
                    name=dotted,
                    variable=short.get(dotted, f"{PREFIX}{section}_{field.name}".upper()),
                    default=field.metadata.get("default", _show(field.default)),
                    help=field.metadata["help"],
                )
            )
    return rows


def load(
    *,
    environ: Mapping[str, str] | None = None,
    file: Path | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """Assemble the settings of this process.

    ``flags`` maps dotted names to values (None = not given). Raises SettingsError.
    """
    env = os.environ if environ is None else environ
    given: dict[str, tuple[Any, str]] = {}
    given.update(_from_file(file or Path("spanledger.toml"), required=file is not None))
    given.update(_from_environment(env))
    given.update({name: (value, _flag(name)) for name, value in (flags or {}).items() if value is not None})
    known = {row.name for row in describe()}
    for name, (_, origin) in given.items():
        if name not in known:
            raise SettingsError(f"{origin}: there is no setting {name!r}; the README's table lists them")
    data = _data(given.get("data"), env)
    built = {section: _build(section, cls, given) for section, cls in SECTIONS.items()}
    if not built["lake"].url:
        built["lake"] = dataclasses.replace(built["lake"], url=str(data / "lake"))
    elif "://" not in built["lake"].url:
        url, origin = given["lake.url"]
        _directory(str(url), origin)
    if built["lake"].spark_java_home is None:
        built["lake"] = dataclasses.replace(built["lake"], spark_java_home=env.get("JAVA_HOME") or None)
    return Settings(data=data, **built)


def _data(given: tuple[Any, str] | None, env: Mapping[str, str]) -> Path:
    """The directory of data, which need not be there; empty = not given."""
    raw, origin = given or ("", "data")
    if raw != "":
        return _directory(_parse(raw, str, {}, origin), origin)
    return _directory(f"{env.get('XDG_DATA_HOME') or '~/.local/share'}/spanledger", origin)


def _directory(text: str, origin: str) -> Path:
    """The absolute path of a directory that is there or can be made."""
    try:
        path = Path(text).expanduser().absolute()
        str(path).encode()
        there = next(one for one in (path, *path.parents) if one.exists())
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a home that nobody has
        raise SettingsError(f"{origin} = {text!r}: must be a directory: {error}") from error
    if not there.is_dir():
        raise SettingsError(f"{origin} = {text!r}: must be a directory, and {there} is a file")
    return path


def _flag(name: str) -> str:
    """A setting as it is called on the command line: ``--grpc-port`` of ``gateway.grpc_port``."""
    return "--" + name.rpartition(".")[2].replace("_", "-")


def _from_file(path: Path, *, required: bool) -> dict[str, tuple[Any, str]]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if required:
            raise SettingsError(f"settings file {path} does not exist") from error
        return {}
    except OSError as error:
        raise SettingsError(f"settings file {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsError(f"settings file {path} is not TOML: {error}") from error
    found: dict[str, tuple[Any, str]] = {}
    for section, value in content.items():
        if section in SECTIONS and isinstance(value, dict):
            found.update({f"{section}.{name}": (v, f"{path}: [{section}] {name}") for name, v in value.items()})
        else:
            found[section] = (value, f"{path}: {section}")
    return found


def _from_environment(env: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    variables = {row.variable: row.name for row in describe()}
    for variable in sorted(env):
        if variable.startswith(PREFIX) and variable not in variables:
            raise SettingsError(_unknown(variable, variables))
    return {name: (env[variable], variable) for variable, name in variables.items() if variable in env}


def _unknown(variable: str, known: Mapping[str, str]) -> str:
    """What to say of a variable that is no setting: the nearest one, also where only the long name is near."""
    spelled = {name.replace(".", "_").upper(): known_one for known_one, name in known.items()}
    spelled |= {known_one.removeprefix(PREFIX): known_one for known_one in known}
    nearest = difflib.get_close_matches(variable.removeprefix(PREFIX).upper(), spelled, n=1)
    advice = f"did you mean {spelled[nearest[0]]}?" if nearest else "the README's table lists them"
    return f"{variable}: there is no such setting; {advice}"


def _build(section: str, cls: type[Any], given: Mapping[str, tuple[Any, str]]) -> Any:
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    for field in dataclasses.fields(cls):
        dotted = f"{section}.{field.name}"
        if dotted in given:
            raw, origin = given[dotted]
            values[field.name] = _parse(raw, hints[field.name], field.metadata, origin)
    try:
        return cls(**values)
    except ValueError as error:
        raise SettingsError(f"[{section}] {error}") from error


def _parse(raw: Any, hint: Any, metadata: Mapping[str, Any], origin: str) -> Any:
    try:
        value = _convert(raw, hint)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"{origin} = {_masked(raw, metadata)}: {error}") from error
    allowed = metadata.get("choices")
    if allowed is not None and value not in allowed:
        raise SettingsError(f"{origin} = {raw!r}: must be one of {', '.join(map(str, allowed))}")
    low, high = metadata.get("min"), metadata.get("max")
    if value is not None and ((low is not None and value < low) or (high is not None and value > high)):
        bounds = f"at least {low}" if high is None else f"at most {high}" if low is None else f"from {low} to {high}"
        raise SettingsError(f"{origin} = {raw!r}: must be {bounds}")
    return value


def _truth(raw: Any) -> bool:
    if str(raw).lower() not in _WORDS:
        raise ValueError("must be true or false")
    return _WORDS[str(raw).lower()]


def _whole(raw: Any) -> int:
    if isinstance(raw, bool | float):
        raise TypeError("must be a whole number")
    try:
        return int(raw)
    except ValueError as error:
        raise ValueError("must be a whole number") from error


def _number(raw: Any) -> float:
    if isinstance(raw, bool):
        raise TypeError("must be a number")
    try:
        value = float(raw)
    except ValueError as error:
        raise ValueError("must be a number") from error
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


def _words(raw: Any) -> str:
    if not isinstance(raw, str):
        raise TypeError("must be text")
    if "\0" in raw:
        raise ValueError("must be text without NUL")
    return raw


_SCALARS: dict[Any, Callable[[Any], Any]] = {bool: _truth, int: _whole, float: _number, str: _words}
_WORDS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def _convert(raw: Any, hint: Any) -> Any:
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        inner = [a for a in typing.get_args(hint) if a is not type(None)]
        return None if raw in (None, "") else _convert(raw, inner[0])
    if origin is tuple:
        items = [part.strip() for part in raw.split(",") if part.strip()] if isinstance(raw, str) else list(raw)
        if isinstance(raw, str) and raw and not items:
            raise ValueError("must name something between the commas")  # an empty scope would show everything
        return tuple(_convert(item, typing.get_args(hint)[0]) for item in items)
    if origin in (dict, Mapping):
        return _mapping(raw)
    return _SCALARS[hint](raw)


def _mapping(raw: Any) -> dict[str, Any]:
    """A TOML table, or ``key=value,key=value`` text."""
    if isinstance(raw, Mapping):
        return dict(raw)
    if not isinstance(raw, str):
        raise TypeError("must be a table, or text like key=value,key=value")
    pairs = [part.partition("=") for part in raw.split(",") if part.strip()]
    if any(not equals for _, equals, _ in pairs):
        raise ValueError("must be text like key=value,key=value")
    return {key.strip(): value.strip() for key, _, value in pairs}


def _masked(raw: Any, metadata: Mapping[str, Any]) -> str:
    return "***" if metadata.get("secret") else repr(raw)


def _show(default: Any) -> str:
    if default is dataclasses.MISSING or default in (None, "", ()):
        return ""
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return str(default).lower() if isinstance(default, bool) else str(default)

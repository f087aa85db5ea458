"""The file of channels and their routes: ``docs/alerts.md`` has its form."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alerts.channels import Alertmanager, Channel, Webhook
from alerts.errors import BadChannels
from alerts.routing.entry import Entry
from alerts.routing.kinds import KINDS
from alerts.routing.route_entries import ROUTE_KEYS, read_route
from alerts.routing.routes import Subscription, to_all
from alerts.settings import AlertSettings

MOST_PER_MINUTE = 6000
COMMON = ("name", "kind", "per_minute", *ROUTE_KEYS)


def open_channels(settings: AlertSettings) -> tuple[Subscription, ...]:
    """The channels that the settings name, and those of their file. Raises BadChannels."""
    found: list[Channel] = []
    pages: dict[str, Any] = {"dashboard_url": settings.dashboard_url, "runbooks_url": settings.runbooks_url}
    if settings.webhook_url:
        found.append(Webhook(settings.webhook_url, **pages))
    if settings.alertmanager_url:
        url, refresh_s = settings.alertmanager_url, float(settings.resend_s)
        found.append(Alertmanager(url, refresh_s=refresh_s, **pages))
    of_file = read_channels(Path(settings.channels), settings) if settings.channels else ()
    known = {channel.name for channel in found}
    for one in of_file:
        if one.channel.name in known:
            raise BadChannels(
                f"{settings.channels}: name {one.channel.name!r}: the settings have a channel of this name"
            )
    return (*to_all(*found), *of_file)


def read_channels(path: Path, settings: AlertSettings) -> tuple[Subscription, ...]:
    """The channels of a TOML file. Raises BadChannels, which names file, entry and key, never a secret."""
    try:
        content = tomllib.loads(path.expanduser().read_text(encoding="utf-8"))
    except OSError as error:
        raise BadChannels(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadChannels(f"{path}: is not TOML: {error}") from error
    try:
        return parse_channels(content, settings)
    except BadChannels as error:
        raise BadChannels(f"{path}: {error}") from error


def parse_channels(content: Mapping[str, Any], settings: AlertSettings) -> tuple[Subscription, ...]:
    """The channels of a file's content. Raises BadChannels."""
    entries = content.get("channel", [])
    if set(content) - {"channel"} or not isinstance(entries, list):
        raise BadChannels("has only [[channel]] tables")
    found = [one for place, entry in enumerate(entries, 1) for one in _subscriptions(place, entry, settings)]
    _check_names([one.channel.name for one in found])
    return tuple(found)


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise BadChannels(f"name {name!r}: is of {names.count(name)} channels; notes of delivery are kept by name")


def _subscriptions(place: int, given: Any, settings: AlertSettings) -> list[Subscription]:
    where = f"channel {place}"
    if not isinstance(given, dict):
        raise BadChannels(f"{where}: must be a table under [[channel]]")
    kind = given.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise BadChannels(f"{where}: kind = {kind!r}: must be one of {', '.join(KINDS)}")
    opener, keys = KINDS[kind]
    entry = Entry(where, {"name": kind, **given}, settings)
    for key in given:
        if key not in (*COMMON, *keys):
            entry.fail(key, f"is no key of {kind}; there are {', '.join((*COMMON, *keys))}")
    entry.text("name")
    route, per_minute = read_route(where, given), entry.whole("per_minute", MOST_PER_MINUTE)
    return [Subscription(channel=channel, route=route, per_minute=per_minute) for channel in opener(entry)]

"""One entry of the file of channels: values by key, checked, and refused by their name without printing a secret."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from alerts.addresses import fault_of
from alerts.channels.signed import read_secret
from alerts.errors import BadChannels
from alerts.settings import AlertSettings


@dataclass(frozen=True, slots=True)
class Entry:
    """One ``[[channel]]``: values by key, and what it is called in errors."""

    where: str
    given: Mapping[str, Any]
    settings: AlertSettings

    def text(self, key: str, default: str | None = None) -> str:
        """A text, or one that the environment has: ``{env = "NAME"}``."""
        return self._text(key, self.given.get(key, default))

    def url(self, key: str, default: str | None = None) -> str:
        """An address."""
        url = self.text(key, default)
        fault = fault_of(url)
        return self.fail(key, fault) if fault else url

    def texts(self, key: str) -> list[str]:
        """A list of texts, at least one."""
        given = self.given.get(key)
        if not isinstance(given, list) or not given:
            self.fail(key, "must be a list of texts")
        return [self._text(key, one) for one in given]

    def _text(self, key: str, given: Any) -> str:
        if isinstance(given, dict) and set(given) == {"env"}:
            name = str(given["env"])
            return os.environ.get(name) or self.fail(key, f"the variable {name} is not set")
        return given if isinstance(given, str) and given else self.fail(key, 'must be text, or {env = "VARIABLE"}')

    def secret(self, key: str) -> bytes:
        """The key that requests are signed with."""
        try:
            return read_secret(self.text(key))
        except ValueError as error:
            return self.fail(key, str(error))

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self.given.get(key, default)
        return value if isinstance(value, bool) else self.fail(key, "must be true or false")

    def whole(self, key: str, most: int) -> int | None:
        """A whole number from 1 on, if any is given."""
        value = self.given.get(key)
        if value is None or (type(value) is int and 1 <= value <= most):
            return value
        return self.fail(key, f"must be a whole number from 1 to {most}")

    def fail(self, key: str, why: str) -> NoReturn:
        """Refuse the entry by one of its keys; secrets are not printed."""
        raise BadChannels(f"{self.where}: {key}: {why}")

    @property
    def common(self) -> dict[str, Any]:
        """What every channel is made with."""
        return {"name": self.given["name"], "dashboard_url": self.settings.dashboard_url}

    @property
    def telling(self) -> dict[str, Any]:
        """What a channel that tells people is made with."""
        return {**self.common, "runbooks_url": self.settings.runbooks_url}

    def telling_of(self, place: int) -> dict[str, Any]:
        """What the channel of its recipient of that place, from 1 on, is made with."""
        return self.telling if place == 1 else {**self.telling, "name": f"{self.given['name']}-{place}"}

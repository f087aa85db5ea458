"""What stood on the wire: per span and wire field, the attribute that won and those that lost."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from processors.conventions.rules import words
from processors.conventions.table import MANY, TAG, Alias, AliasTable, Keys
from processors.decode import Decoded, verdicts, walk
from processors.messages import Message
from processors.normalise.namesakes import PERSONAL, is_called_after
from processors.normalise.secrets import holds_secret, is_hidden

Json = dict[str, Any]

_SHOWN = frozenset(
    (
        *("request_model", "other_model", "response_model", "provider", "other_provider", "provider_model"),
        *("response_id", "service_tier"),
        *("tenant", "feature", "session_id", "task_id", "service", "service_version", "environment", "host", "pod"),
        *("namespace", "provider_account", "openai_account", "google_account", "cloud_account"),
        *("prompt_name", "prompt_version", "route", "tool_name", "agent_name"),
    )
)
"""Text fields whose value the ledger keeps as it is; of others only words of ``values.csv`` are shown."""

_NUMBERS = ("integer", "count", "real", "elapsed", "bool")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One attribute that could fill a wire field, its value as written, and whether it did fill it.

    ``hidden``: the value is a secret or a text, or names a person, as normalise judges.
    """

    field: str
    alias: Alias
    value: Any
    won: bool
    hidden: bool = False

    @property
    def number(self) -> float | None:
        """The value in the field's own unit, where it is a number."""
        return self.value * self.alias.factor if isinstance(self.value, int | float) else None


def read_wire(messages: Sequence[Message], decoded: Decoded) -> list[dict[str, list[Said]]]:
    """Per span of ``decoded``, by wire field: the winner first, then what lost, the best first."""
    table = decoded.table
    each = walk.decode(messages, _split(table)).spans
    winners = decoded.winners.to_pylist()
    found: list[dict[str, list[Said]]] = [{} for _ in winners]
    for alias in table.aliases:
        column = each[str(alias.index)] if alias.field not in MANY else None
        if column is None or column.null_count == len(column):
            continue
        for row, value in enumerate(column.to_pylist()):
            if value is not None:
                won = winners[row][alias.field] == alias.index
                hidden = isinstance(value, str) and is_hidden(alias.field, value)
                said = Said(field=alias.field, alias=alias, value=value, won=won, hidden=hidden)
                found[row].setdefault(alias.field, []).append(said)
    for row, fields in enumerate(found):
        for rivals in fields.values():
            rivals.sort(key=lambda one: not one.won)
        _add_unread(fields, winners[row], table)
    _hide_users(found, decoded.spans["trace_id"].to_pylist())
    return found


def is_secret(value: Any) -> bool:
    """Whether a text holds a credential or an e-mail address."""
    return isinstance(value, str) and holds_secret(value)


def _hide_users(found: list[dict[str, list[Said]]], traces: Sequence[Hashable]) -> None:
    """A session or a task that is called after a user of its trace names a person; ``traces``: of each span."""
    users: dict[Hashable, set[str]] = {}
    for fields, trace in zip(found, traces, strict=True):
        users.setdefault(trace, set()).update(one.value for one in fields.get("user_id", ()) if one.value is not None)
    for fields, trace in zip(found, traces, strict=True):
        for name in fields.keys() & PERSONAL:
            fields[name] = [replace(one, hidden=one.hidden or _tells(one.value, users[trace])) for one in fields[name]]


def _tells(name: Any, users: Iterable[str]) -> bool:
    return isinstance(name, str) and any(is_called_after(name, str(user)) for user in users)


def _add_unread(fields: dict[str, list[Said]], winners: Mapping[str, int | None], table: AliasTable) -> None:
    """Winners whose value only their own field can read (long messages)."""
    for field, index in winners.items():
        if index is not None and index >= 0 and not any(one.won for one in fields.get(field, ())):
            said = Said(field=field, alias=table.aliases[index], value=None, won=True)
            fields[field] = [said, *fields.get(field, [])]


def describe(said: Said, kinds: Mapping[str, str]) -> Json:
    """Where the attribute stands and what it says, without content; absent = not applicable, or not shown."""
    alias = said.alias
    json = {
        "key": alias.key or None,
        "path": ".".join(alias.path) or None,
        "place": alias.place,
        "event": alias.event or None,
        "convention": alias.convention,
        "rank": alias.rank,
        "reported": _shown(said, kinds[said.field]),
        "unit": alias.unit if alias.unit in ("s", "ms", "USD") else None,
        "times": alias.factor if alias.factor != 1 else None,
    }
    return {name: value for name, value in json.items() if value is not None}


def _shown(said: Said, kind: str) -> Any:
    if said.hidden:
        return None
    if kind in _NUMBERS:
        return said.value
    if kind == "time":
        return datetime.fromtimestamp(said.value / 1e9, UTC).isoformat() if said.value is not None else None
    if said.field in _SHOWN or said.field.startswith(TAG):
        return said.value
    known = isinstance(said.value, str) and said.value.strip().lower() in words(said.field)
    return said.value if known else None


@cache
def _split(table: AliasTable) -> AliasTable:
    """The table with every alias as a field of its own, in the unit in which it is written."""
    kinds = {field.name: field for field in table.fields}
    own = {a.index: replace(kinds[a.field], name=str(a.index)) for a in table.aliases if a.field not in MANY}
    return replace(
        table,
        fields=(*own.values(), *(field for field in table.fields if field.name in MANY)),
        aliases=tuple(_alone(table.aliases)),
        span=_keys(table.span),
        scope=_keys(table.scope),
        resource=_keys(table.resource),
        events={event: _keys(keys) for event, keys in table.events.items()},
        scan_pii=False,
    )


def _keys(keys: Keys) -> Keys:
    return {key: tuple(_alone(aliases)) for key, aliases in keys.items()}


def _unit(alias: Alias) -> str:
    """As it is written; results of filters and guards in closed words, all of which say how they are read."""
    if alias.field == verdicts.FIELD:
        return alias.unit or verdicts.WORDS
    return "" if alias.unit in ("s", "ms") else alias.unit


def _alone(aliases: Iterable[Alias]) -> list[Alias]:
    return [
        alias if alias.field in MANY else replace(alias, field=str(alias.index), unit=_unit(alias)) for alias in aliases
    ]

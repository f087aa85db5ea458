"""A lake in which every table has rows, made by dice: what they say is nonsense, and each engine must read it alike."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any

import pyarrow as pa

from tests.warehouse.fresh import open_lake
from tests.warehouse.samples import stretch
from warehouse.lake import Flush
from warehouse.schemas import COMMIT_ORDER, TABLES
from warehouse.settings import LakeSettings

BEGIN = dt.datetime(2026, 10, 24, 20, tzinfo=dt.UTC)
"""Some hours before clocks in Europe are set back."""
HOURS = 8
UNKNOWN = 0.15
CLOSES = {1: "first", 2: "second", 3: "third", 4: "of nobody"}
"""Settlements; the last one does not stand."""
WORDS = {
    "status": ("ok", "error", "cancelled"),
    "price_status": ("priced", "unpriced_model", "free"),
    "entry": ("settled", "late", "repriced"),
    "outcome": ("success", "failure", "unknown"),
    "safe": ("safe", "unsafe", "unknown"),
    "kind": ("task", "trace"),
    "event": ("opened", "updated", "resolved", "notified", "claimed"),
    "incident_id": ("i1", "i2", "i3", "i4"),
    "token_type": ("input", "cached_input", "cache_write", "output", "reasoning"),
    "name": ("success", "safe", "helpful"),
    "label": ("success", "failure", "safe", "unsafe"),
    "category": ("any", "content_filter", "guardrail", "pii", "hate", "house rule"),
    "action": ("blocked", "allowed", "flagged"),
    "usage_semantics": ("inclusive", "exclusive+clamped+added", "refused+contradiction"),
    "provider": ("openai", "aws.bedrock", "Azure", "xai"),
    "unit": ("tokens", "requests"),
    "charge": ("usage", "credit"),
    "format": ("focus", "generic"),
    "app_id": ("c/t/0", "c/t/1"),
    "source": ("dcgm", "hw", "vllm"),
    "operation": ("chat", "execute_tool", "retrieval", "embeddings", ""),
    "line": ("used", "unattributed", "idle", "unmeasured"),
    "prompts": ("p@1", "p@2", "q", "q@", "a@b@3"),
}
ANY = ("a", "b", "it's", "Ä \\d $1", "")
OFTEN = {"billable": 0.9, "stream": 0.5, "replaces": 0.1, "cumulative": 0.8}
KNOWN = (
    "day",
    "close_id",
    "settlement",
    "close_id",
    "app_id",
    "partition",
    "first_offset",
    "next_offset",
    "priced_calls",
)


_EXACT = Context(prec=38)
LATER = ("role", "as_told", "safety_findings")
"""Columns that were added: with dice of their own they change no other."""


def nonsense(settings: LakeSettings, rows: int, seed: int = 0, number: int = 1) -> None:
    """Fill a new lake: ``rows`` rows in every table but ``settlements``; ``number``: counts those of one lake."""
    dice = random.Random(seed)
    lake = open_lake(settings)
    part = stretch(100 * (number - 1), 100 * number)
    tables = {name: _rows(name, rows, dice) for name in TABLES}
    lake.commit(Flush(ranges=(part,), tables={name: {part.app_id: tables[name]} for name in COMMIT_ORDER}))
    for name in TABLES:
        if name not in COMMIT_ORDER and name != "settlements":
            lake.append_once(name, tables[name], "nonsense", number)
    lake.append_once("settlements", tables["settlements"], "nonsense", number)


def _rows(table: str, count: int, dice: random.Random) -> pa.Table:
    spec = TABLES[table]
    numbers = list(CLOSES)[:-1] if table == "settlements" else [dice.choice(list(CLOSES)) for _ in range(count)]
    others = random.Random(0)
    records = []
    for number in numbers:
        record = {
            field.name: _value(field, spec.time, others if field.name in LATER else dice) for field in spec.schema
        }
        if table == "settlements":
            record["closed_at"] = BEGIN + dt.timedelta(hours=number + 2)
        record |= {"day": record[spec.time].date()}
        if "app_id" in record:
            record["partition"] = int(record["app_id"][-1])
        if "close_id" in record:
            record |= {"settlement": number, "close_id": CLOSES[number]}
        records.append(record)
    return pa.Table.from_pylist(records, schema=spec.schema)


def _value(field: pa.Field, time: str, dice: random.Random) -> Any:
    if field.name not in (*KNOWN, time) and dice.random() < UNKNOWN:
        return None
    return _of(field.type, field.name, dice)


def _of(kind: pa.DataType, name: str, dice: random.Random) -> Any:
    if pa.types.is_map(kind):
        return [(key, _of(kind.item_type, name, dice)) for key in dice.sample(("k", "m", "team"), dice.randrange(3))]
    if pa.types.is_list(kind):
        return [_of(kind.value_type, name, dice) for _ in range(dice.randrange(4))]
    if pa.types.is_struct(kind):
        return {field.name: _of(field.type, field.name, dice) for field in kind}
    roll = next((roll for is_kind, roll in PLAIN.items() if is_kind(kind)), _word)
    told = roll(name, dice)
    return _EXACT.quantize(told, Decimal(1).scaleb(-kind.scale)) if pa.types.is_decimal(kind) else told


def _time(name: str, dice: random.Random) -> dt.datetime:
    moment = BEGIN + dt.timedelta(microseconds=dice.randrange(HOURS * 3_600_000_000))
    if name in ("hour", "closed_to"):
        return moment.replace(minute=0, second=0, microsecond=0)
    return moment.replace(second=0, microsecond=0) if name == "minute" else moment


def _number(name: str, dice: random.Random) -> int:
    return dice.randrange(1, 4) if name in ("calls", "priced_calls", "partition", "spans") else dice.randrange(50)


def _usd(_name: str, dice: random.Random) -> Decimal:
    return Decimal(dice.randrange(-(10 ** dice.choice((3, 13, 22))), 10 ** dice.choice((12, 22)))).scaleb(-12)


def _word(name: str, dice: random.Random) -> str:
    return dice.choice(WORDS.get(name, ANY))


PLAIN: dict[Callable[[pa.DataType], bool], Callable[[str, random.Random], Any]] = {
    pa.types.is_timestamp: _time,
    pa.types.is_date: lambda _name, dice: BEGIN.date() + dt.timedelta(days=dice.randrange(2)),
    pa.types.is_decimal: _usd,
    pa.types.is_boolean: lambda name, dice: dice.random() < OFTEN.get(name, 0.3),
    pa.types.is_integer: _number,
    pa.types.is_floating: lambda _name, dice: dice.randrange(1, 400) / 8,
    pa.types.is_binary: lambda _name, dice: dice.choice((b"one", b"other", b"\0\xff")),
}
"""How values of a type are thrown; other types are text."""

"""Own prices, from the settings: ``[worker.prices."openai/gpt-4o-mini"]`` with USD per million tokens by kind.

    [worker.prices."acme-llm/*"]
    input = 0.2
    cached_input = 0.05
    output = "0.8"

Kinds: ``input cached_input cache_write cache_write_1h output reasoning audio_input audio_output``. A kind that is left
out costs what the one that contains it costs: cached input as input, a one-hour write as a write, reasoning as output.
A name that ends in ``*`` stands for every model that begins so; the longest wins. Names are compared without case.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

UNIT_BY_KIND = {
    "input": "input_tokens",
    "cached_input": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
    "output": "output_tokens",
    "reasoning": "output_reasoning_tokens",
    "audio_input": "input_audio_tokens",
    "audio_output": "output_audio_tokens",
}
_REQUIRED = ("input", "output")
TOKENS_PER_PRICE = 1_000_000
_MAX_USD_PER_MTOK = 1_000_000
_MAX_DECIMALS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPrice:
    """One entry: ``name`` = ``provider/model`` in lower case, perhaps with ``*`` at its end."""

    name: str
    usd_by_unit: Mapping[str, Decimal]

    def covers(self, name: str) -> bool:
        """Whether this entry prices ``provider/model`` in lower case."""
        return name.startswith(self.name[:-1]) if self.name.endswith("*") else name == self.name


def read_own_prices(prices: Mapping[str, object]) -> tuple[OwnPrice, ...]:
    """Entries of the setting ``worker.prices``, the most special one first.

    Raises ValueError with one line that names the entry, its value and what is allowed.
    """
    entries = [OwnPrice(name=_name(name), usd_by_unit=_rates(name, table)) for name, table in prices.items()]
    return tuple(sorted(entries, key=lambda entry: (entry.name.endswith("*"), -len(entry.name), entry.name)))


def fingerprint(entries: tuple[OwnPrice, ...]) -> str:
    """Eight hex digits that change whenever an own price does; empty where there are none."""
    if not entries:
        return ""
    text = json.dumps([(e.name, sorted((k, str(v)) for k, v in e.usd_by_unit.items())) for e in entries])
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _name(name: str) -> str:
    provider, slash, model = name.partition("/")
    if not (provider and slash and model):
        raise ValueError(f"prices: {name!r} must look like provider/model")
    return name.lower()


def _rates(name: str, table: object) -> dict[str, Decimal]:
    if not isinstance(table, Mapping):
        what = "must be a table of USD per million tokens by kind"
        raise ValueError(f"prices: {name!r} = {table!r}: {what}")  # noqa: TRY004 -- settings report ValueError
    unknown = sorted(set(table) - set(UNIT_BY_KIND))
    if unknown:
        raise ValueError(f"prices: {name!r} has no kind {unknown[0]!r}; kinds are {', '.join(UNIT_BY_KIND)}")
    missing = [kind for kind in _REQUIRED if kind not in table]
    if missing:
        raise ValueError(f"prices: {name!r} must give {' and '.join(missing)}")
    usd = {kind: _usd(f"{name!r} {kind}", value) for kind, value in table.items()}
    if "cache_write_1h" in usd:
        usd.setdefault("cache_write", usd["input"])
    return {UNIT_BY_KIND[kind]: value for kind, value in usd.items()}


def _usd(where: str, value: object) -> Decimal:
    try:
        usd = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError(f"prices: {where} = {value!r}: must be a number") from error
    if isinstance(value, bool) or not usd.is_finite() or not 0 <= usd <= _MAX_USD_PER_MTOK:
        raise ValueError(f"prices: {where} = {value!r}: must be from 0 to {_MAX_USD_PER_MTOK}")
    if -int(usd.as_tuple().exponent) > _MAX_DECIMALS:
        raise ValueError(f"prices: {where} = {value!r}: must have at most {_MAX_DECIMALS} decimals")
    return usd

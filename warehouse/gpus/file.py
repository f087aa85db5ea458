"""The file of GPUs: what they cost by the hour, which servers run on them, what tokens weigh. ``docs/gpu.md``."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from warehouse.errors import BadFleet, BadPlans
from warehouse.planning import entries

TERMS = ("on_demand", "reserved", "spot")
MOST_WEIGHT = 1000
THOUSAND = 1000
DEAREST_PICOS = 10**18


def matches(name: str | None, patterns: Sequence[str]) -> bool:
    """Whether a name fits one of these patterns (``*`` and ``?``), in any case."""
    return name is not None and any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What an hour of a whole GPU costs on ``[since, until)``, days of UTC; ``node`` and ``gpu_model`` are patterns."""

    node: str | None
    gpu_model: str | None
    terms: str
    picos_per_hour: int
    since: date = date.min
    until: date = date.max

    def holds(self, host: str | None, gpu_model: str | None, day: date) -> bool:
        """Whether it is about such a GPU on that day."""
        return (
            self.since <= day < self.until
            and (self.node is None or matches(host, [self.node]))
            and (self.gpu_model is None or matches(gpu_model, [self.gpu_model]))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What calls name ``address`` runs on these; patterns."""

    address: str
    hosts: tuple[str, ...] = ()
    pods: tuple[str, ...] = ()
    gpus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What a token weighs, in thousandths."""

    input: int = 1000
    cached_input: int = 125
    output: int = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """All that the file says; ``models``: weights by a pattern of models, the first that fits holds."""

    rates: tuple[Rate, ...] = ()
    servers: tuple[Server, ...] = ()
    weights: Weights = field(default_factory=Weights)
    models: tuple[tuple[str, Weights], ...] = ()

    def rate(self, hosts: Collection[str | None], models: Collection[str | None], day: date) -> Rate | None:
        """The rate of a GPU by what it is called: of its node before its model, then what began last, then the last."""
        held = [
            (number, one)
            for number, one in enumerate(self.rates)
            if any(one.holds(host, model, day) for host in hosts for model in models)
        ]
        best = max(held, key=lambda item: (item[1].node is not None, item[1].since, item[0]), default=None)
        return best[1] if best else None

    def weights_of(self, model: str | None) -> Weights:
        """What tokens of a model weigh."""
        return next((weights for pattern, weights in self.models if matches(model, [pattern])), self.weights)


def read_fleet(path: str) -> Fleet:
    """The file at ``path``; an empty path says nothing. Raises BadFleet."""
    if not path:
        return Fleet()
    try:
        return parse_fleet(tomllib.loads(Path(path).expanduser().read_text(encoding="utf-8")))
    except OSError as error:
        raise BadFleet(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, RuntimeError) as error:
        raise BadFleet(f"{path}: is not TOML: {error}") from error
    except BadPlans as error:
        raise BadFleet(f"{path}: {error}") from error


def parse_fleet(content: Mapping[str, Any]) -> Fleet:
    """What the content of a file says. Raises BadPlans, which names the entry and what is allowed."""
    entries.known("the file", content, ("rates", "servers", "weights"))
    weights = dict(entries.table("weights", content.get("weights", {})))
    models = entries.table("weights.models", weights.pop("models", {}))
    plain = _weights("weights", weights, Weights())
    return Fleet(
        rates=tuple(_rate(f"rates, entry {n}", one) for n, one in _numbered("rates", content)),
        servers=tuple(_server(f"servers, entry {n}", one) for n, one in _numbered("servers", content)),
        weights=plain,
        models=tuple((name, _weights(f"weights.models.{name}", one, plain)) for name, one in models.items()),
    )


def _numbered(name: str, content: Mapping[str, Any]) -> list[tuple[int, Mapping[str, Any]]]:
    return list(enumerate(entries.tables(name, content.get(name, [])), 1))


def _rate(where: str, entry: Mapping[str, Any]) -> Rate:
    entries.known(where, entry, ("node", "gpu_model", "terms", "usd_per_hour", "from", "until"))
    node, model = (
        entries.text(f"{where}: {key}", entry[key]) if key in entry else None for key in ("node", "gpu_model")
    )
    if node is None and model is None:
        raise BadPlans(f"{where}: must say of which node or gpu_model it is")
    since = entries.day(f"{where}: from", entry["from"]) if "from" in entry else date.min
    until = entries.day(f"{where}: until", entry["until"]) if "until" in entry else date.max
    if since >= until:
        raise BadPlans(f"{where}: from {since} must be before until {until}")
    picos = entries.usd(f"{where}: usd_per_hour", entry.get("usd_per_hour"))
    if picos > DEAREST_PICOS:
        raise BadPlans(f"{where}: usd_per_hour = {entry['usd_per_hour']!r}: must be a million USD at most")
    return Rate(
        node=node,
        gpu_model=model,
        terms=entries.one_of(f"{where}: terms", entry.get("terms", TERMS[0]), TERMS),
        picos_per_hour=picos,
        since=since,
        until=until,
    )


def _server(where: str, entry: Mapping[str, Any]) -> Server:
    entries.known(where, entry, ("address", "hosts", "pods", "gpus"))
    lists = {name: _texts(f"{where}: {name}", entry.get(name, [])) for name in ("hosts", "pods", "gpus")}
    if not any(lists.values()):
        raise BadPlans(f"{where}: must say on which hosts, pods or gpus it runs")
    return Server(address=entries.text(f"{where}: address", entry.get("address")).lower(), **lists)


def _texts(where: str, given: Any) -> tuple[str, ...]:
    if not isinstance(given, list):
        raise BadPlans(f"{where} = {given!r}: must be a list of names")
    return tuple(entries.text(where, one) for one in given)


def _weights(where: str, given: Any, plain: Weights) -> Weights:
    entry = entries.table(where, given)
    names = ("input", "cached_input", "output")
    entries.known(where, entry, names)
    return Weights(
        **{
            name: _thousandths(f"{where}.{name}", entry[name]) if name in entry else getattr(plain, name)
            for name in names
        }
    )


def _thousandths(where: str, given: Any) -> int:
    if given == 0:
        return 0
    weight = entries.number(where, given, 0, MOST_WEIGHT, "a weight") * THOUSAND
    if weight != weight.to_integral_value():
        raise BadPlans(f"{where} = {given!r}: must have at most 3 decimals, like {Decimal('0.125')}")
    return int(weight)

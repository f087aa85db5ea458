"""One explained span as text for a person, within the width of the terminal.

A block per span: what it is, what it costs and why; then the convention, the verdict, tokens term by term, the evidence
of an error, the price line by line, and every field with the attribute that gave it and those that lost.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, TextIO

Json = Mapping[str, Any]

_LABEL = 12
_FIELD = 22
_LEAST = 60

_LOST = {
    "rank": "stands behind it",
    "order": "asked after it",
    "not_usable": "not usable",
    "not_asked": "not asked here",
}
_RELATION = {
    "same_call": "which tells of the same call",
    "ancestor": "an ancestor",
    "ancestor_of_same_call": "an ancestor of a span that tells of the same call",
}


def write_explanation(call: Json, out: TextIO, *, width: int) -> None:
    """Write the block of one span; ``call`` is an object of ``--format json --explain``."""
    room = max(width, _LEAST)
    for label, line in _block(call, call["explanation"]):
        head = f"  {label:<{_LABEL}}" if label is not None else ""
        wrapped = textwrap.wrap(
            line,
            room,
            initial_indent=head,
            subsequent_indent=" " * (2 + _LABEL + 4) if label is not None else "  ",
            break_long_words=False,
            break_on_hyphens=False,
            drop_whitespace=True,
        )
        out.write("\n".join(wrapped or [head.rstrip()]) + "\n")
    out.write("\n")


def _block(call: Json, told: Json) -> Iterator[tuple[str | None, str]]:
    yield None, _title(call)
    yield "span", f"{call['span_id']} of trace {call['trace_id']} in {call['source_file']}"
    yield from _labelled("convention", _convention(told["convention"]))
    yield from _labelled("billing", _billing(told["billing"]))
    yield from _labelled("tokens", _tokens(told.get("tokens")))
    yield from _labelled("price", _price(told.get("price")))
    yield from _labelled("error", _error(told.get("error")))
    yield from _labelled("fields", _fields(told["fields"]))


def _labelled(label: str, lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(lines):
        yield ("" if number else label), line


def _title(call: Json) -> str:
    model = call["response_model"] or call["request_model"]
    words = [call["operation"] or "span", model, call["provider"] and f"({call['provider']})"]
    what = " ".join(word for word in words if word)
    if call["billable"]:
        money = f"USD {call['cost_usd']}" if call["cost_usd"] is not None else f"no cost: {call['price_status']}"
        return f"■ {what}  {money}"
    return f"□ {what}  not billed: {call['why']}"


def _convention(told: Json) -> Iterator[str]:
    scope = f"scope {told['scope']} {told['scope_version'] or ''}".rstrip() if told["scope"] else "no scope"
    by = told.get("told_by")
    source = f", told by {by.get('scope') or by.get('key')} of {by['table']}" if by else ""
    yield f"{told['name'] or 'none known'}{source}; {scope}"


def _billing(told: Json) -> Iterator[str]:
    yield f"{'billed' if told['billable'] else told['why']}: {told['meaning'] or 'a rule of warehouse/once'}"
    role = told.get("role_told_by")
    yield f"role {told['role']}: {told['role_meaning']}" + (f" ({_rule(role)})" if role else "")
    if told.get("suppressed_by"):
        yield f"billed instead: span {told['suppressed_by']}" + (", which it encloses" if told.get("encloses") else "")
    for verdict in ("agree", "differ"):
        if told.get(verdict):
            yield f"both {verdict} on {', '.join(told[verdict])}"
    if told.get("billed_for"):
        yield f"stands for {', '.join(told['billed_for'])} too"


def _rule(told: Json) -> str:
    conditions = ", ".join(f"{name} {value}" for name, value in told.items() if name != "table")
    return f"{told['table']}: {conditions}"


def _tokens(told: Json | None) -> Iterator[str]:
    if told is None:
        return
    yield told["semantics"]
    for side in ("input", "output"):
        if one := told.get(side):
            yield f"{side:<7} {_sum(one)}"
            yield f"{'':<7} counted {one['counted']} of {_PARTS[side]}, says {_teller(one['told_by'])}"
    for rule in told["rules"]:
        yield f"{rule['outcome']} by {rule['rule']}: {rule['meaning']}"


_PARTS = {"input": "cache", "output": "reasoning"}


def _teller(by: Json) -> str:
    if by["table"] == "usage.csv":
        return f"usage.csv: {', '.join(f'{name} {value}' for name, value in by['rule'].items())}"
    return f"{by['key']} in aliases.csv" if by["table"] else str(by["rule"])


def _sum(one: Json) -> str:
    if "terms" not in one:
        return "unknown"
    terms = " + ".join(f"{term['tokens']:,} {term['of'].removesuffix('_tokens')}" for term in one["terms"])
    return f"{one['tokens']:,} = {terms}".replace("+ -", "- ") if terms else f"{one['tokens']:,}"


def _price(told: Json | None) -> Iterator[str]:
    if told is None:
        return
    yield f"{told['status']}: {told['meaning']}; {told['model'] or 'no model'} ({told['model_from']}) at {told['at']}"
    lines = [(_counted(line), line["usd"]) for line in told["lines"]]
    width = max((len(counted) for counted, _ in lines), default=0)
    for counted, usd in lines:
        yield f"{counted:<{width}}  = {usd}"
    if "sum_usd" in told:
        how = "rounded once, half to even, from" if told["rounded"] else "the exact sum, nothing to round:"
        yield f"{'USD ' + told['cost_usd']} {how} {told['sum_usd']}"
    for source in dict.fromkeys(line["source"] for line in told["lines"]):
        yield f"rates: {source}"


def _counted(line: Json) -> str:
    if "percent" in line:
        return f"{line['kind']} {line['percent']} %"
    if "quantity" not in line:
        return str(line["kind"])
    quantity = f"{int(line['quantity']):,}" if float(line["quantity"]).is_integer() else line["quantity"]
    return f"{quantity} {line['kind']} x {line['rate_usd']} / {line['per']:,}"


def _error(told: Json | None) -> Iterator[str]:
    if told is None:
        return
    source = f", taken from span {told['taken_from']['span_id']}" if "taken_from" in told else ""
    yield f"{told['status']}: {told['error_class'] or 'no class'}{source}" + (
        f", by {told['by']}" if "by" in told else ""
    )
    for one in told.get("evidence", ()):
        verdict = "decides" if one["decides"] else "not needed"
        yield f"{one['kind']} {one['pattern']} ({one['strength']}) says {one['error_class']}: {verdict}"


def _fields(told: Json) -> Iterator[str]:
    for name, one in told.items():
        value = "unknown" if one["value"] is None else _value(one["value"])
        yield f"{name:<{_FIELD}} {value}  ← {_origin(one)}"
        for lost in one.get("lost", ()):
            yield f"{'':<{_FIELD}} not {_attribute(lost)}: {_LOST[lost['because']]}"


def _origin(one: Json) -> str:
    origin = _attribute(one["from"]) if "from" in one else one.get("by", "nothing that can be used")
    taken = one.get("taken_from")
    return f"{origin}, of span {taken['span_id']}, {_RELATION[taken['as']]}" if taken else origin


def _attribute(told: Json) -> str:
    event = f" {told['event']}" if "event" in told else ""
    name = f"{event} {told.get('key', '(its time)')}"
    path = f" [{told['path']}]" if "path" in told else ""
    reported = f" = {_value(told['reported'])}" if "reported" in told else ""
    times = f" {told['unit']} x {told['times']:g}" if "times" in told else ""
    through = f" through {told['through']}" if "through" in told else ""
    return f"{told['place']}{name}{path}{reported}{times}{through} (rank {told['rank']})"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{Decimal(f'{value:.12g}'):,f}"
    return f"{value:,}" if isinstance(value, int) else str(value)

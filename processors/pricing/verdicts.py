"""Whether a price book may be used: readable, append-only, and made of names that the catalogue has.

Rows carry the fingerprint of the book that priced them. A book that was only appended to has that fingerprint again,
after as many entries as it had then: so what was used is held to what is there without a second record of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from processors.pricing.book import Asked, list_tariff
from processors.pricing.catalogue import BY_NAME, CATALOGUE_VERSION
from processors.pricing.entries import BookFile, Entry, show_instant
from processors.pricing.shown import nearest_names
from processors.pricing.snapshots import BY_REQUEST

_VERSION = re.compile(
    rf"genai-prices/(?P<catalogue>[^+]+)(?:\+book/(?P<book>\w+))?(?:\+own/(?P<own>\w+))?"
    rf"(?:{re.escape(BY_NAME)})?(?:{re.escape(BY_REQUEST)})?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a check has to say; ``level``: ok, note or problem."""

    level: str
    about: str
    finding: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedVersion:
    """A ``price_version`` of rows, and the latest start of a call that has it (UTC microseconds since 1970)."""

    version: str
    calls: int
    last_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionParts:
    """A price version taken apart; None = it has no such part."""

    catalogue: str
    book: str | None
    own: str | None


def take_apart(version: str) -> VersionParts | None:
    """The parts of a price version; None where it is none of ours."""
    match = _VERSION.fullmatch(version)
    return VersionParts(**match.groupdict()) if match else None


def check_entries(book: BookFile) -> list[Finding]:
    """Entries that cannot mean what they say."""
    findings = [_unlike(entry, entry.like) for entry in book.entries if entry.like]
    key = {entry: (entry.layer, entry.model, entry.provider, entry.tenant, entry.tier) for entry in book.entries}
    in_order = sorted(book.entries, key=lambda entry: (tuple(map(str, key[entry])), entry.starts_us or 0))
    for _, same in groupby(in_order, key=lambda entry: (key[entry], entry.starts_us)):
        first, *others = same
        findings += [
            Finding(level="note", about=f"entry {one.number}", finding=f"replaces entry {first.number} altogether")
            for one in others
        ]
    return [finding for finding in findings if finding is not None]


def _unlike(entry: Entry, like: tuple[str, str]) -> Finding | None:
    provider, model = like
    if list_tariff(Asked(provider=provider, model=model)) is not None:
        return None
    near = ", ".join(nearest_names(provider, model)) or "none"
    text = f"like = '{provider}/{model}': the catalogue has no such model; nearest names: {near}"
    return Finding(level="problem", about=f"entry {entry.number}", finding=text)


def check_used(book: BookFile, used: Iterable[UsedVersion]) -> list[Finding]:
    """Whether the book still begins with what rows were priced with, and the catalogue is no older."""
    findings: list[Finding] = []
    for one in used:
        parts = take_apart(one.version)
        if parts is None:
            findings.append(Finding(level="problem", about=one.version, finding="is no price version of ours"))
            continue
        findings += _check_catalogue(parts.catalogue, one)
        if parts.book:
            findings += check_prefix(book, parts.book, f"{one.version}, {one.calls} calls")
        findings += _check_late(book, parts.book, one)
    return findings


def rewritten(book: BookFile, used: Iterable[UsedVersion]) -> list[UsedVersion]:
    """The versions whose entries are not the first of the book any more."""
    parts = [(one, take_apart(one.version)) for one in used]
    return [one for one, part in parts if part is not None and part.book and not book.count(part.book)]


def _check_catalogue(catalogue: str, one: UsedVersion) -> list[Finding]:
    installed = CATALOGUE_VERSION.removeprefix("genai-prices/")
    if _number(catalogue) > _number(installed):
        text = f"genai-prices {installed} is older than what priced these {one.calls} calls: install {catalogue}"
        return [Finding(level="problem", about=one.version, finding=text)]
    if catalogue != installed:
        text = f"genai-prices {installed} is newer; these {one.calls} calls keep the price they have"
        return [Finding(level="note", about=one.version, finding=text)]
    return []


def check_prefix(book: BookFile, fingerprint: str, about: str) -> list[Finding]:
    """A problem where the book does not begin with the entries of a fingerprint."""
    if fingerprint in book.fingerprints:
        return []
    if book.count(fingerprint):
        text = (
            "an earlier version named these entries so, to which tenants of other case were one: see that tenants are"
        )
        return [Finding(level="note", about=about, finding=f"{text} spelled as they were")]
    if not book.entries:
        text = f"here are no entries to hold it against ({fingerprint}): "
        text += "set worker.price_book to the file that has them, or restore them in it and append"
        return [Finding(level="problem", about=about, finding=text)]
    text = f"its entries are not the first of this book ({fingerprint} is not among its fingerprints): "
    text += "entries that were used were changed, removed or put in between; restore them and append instead"
    return [Finding(level="problem", about=about, finding=text)]


def _check_late(book: BookFile, fingerprint: str | None, one: UsedVersion) -> list[Finding]:
    """Entries that came after a version was used, for a time when it was."""
    known = book.count(fingerprint) if fingerprint else 0
    if fingerprint and not known:
        return []
    late = [entry for entry in book.entries[known:] if entry.starts_us is not None and entry.starts_us <= one.last_us]
    return [
        Finding(
            level="note",
            about=f"entry {entry.number}",
            finding=f"begins {show_instant(entry.starts_us or 0)}, before calls that {one.version} priced without it",
        )
        for entry in late
    ]


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))

"""Who may see what: the file that says which people have which role, and what each role sees and does.

    [[people]]
    user = "ann@example.com"        # as the proxy calls them; * stands for anything: "*@example.com"
    role = "finance"                # finance, sre, product, admin or tenant-viewer

    [[people]]
    user = "*@acme.example"
    role = "tenant-viewer"
    tenants = ["acme"]              # of a tenant-viewer always; of others nothing = all

The first entry that names somebody holds; who is named by none sees nothing. Case does not matter.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from dashboards.errors import BadPeople

VIEWER = "tenant-viewer"
INCIDENTS, BILLS = "incidents", "bills"
"""What people do: take incidents; hand in bills."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What a role sees: sections of pages (all see ``Everyone``); what it may do."""

    sections: Collection[str]
    does: Collection[str] = ()


ROLES: Mapping[str, Role] = {
    "finance": Role(sections=("Finance", "Everyone"), does=(BILLS,)),
    "sre": Role(sections=("SRE", "Everyone"), does=(INCIDENTS,)),
    "product": Role(sections=("Product", "Everyone")),
    "admin": Role(sections=("Finance", "SRE", "Product", "Everyone"), does=(BILLS, INCIDENTS)),
    VIEWER: Role(sections=("Finance", "SRE", "Product", "Everyone")),
}
KEYS = {"user", "role", "tenants"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who looks. ``tenants``: whose numbers they see; None = all."""

    name: str
    role: str
    tenants: frozenset[str] | None = None

    def sees(self, section: str) -> bool:
        """Whether pages of that section are theirs."""
        return section in ROLES[self.role].sections

    def may(self, what: str) -> bool:
        """Whether they may do that; who sees some tenants only may not, since it concerns all."""
        return self.tenants is None and what in ROLES[self.role].does


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Of the file: whoever is called like ``user`` (lower case) is such a person."""

    user: str
    role: str
    tenants: frozenset[str] | None


def read_people(path: Path) -> tuple[Entry, ...]:
    """The entries of a file. Raises BadPeople, which says what to change."""
    try:
        with path.open("rb") as file:
            found = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadPeople(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    entries = found.get("people")
    if set(found) != {"people"} or not isinstance(entries, list) or not entries:
        raise BadPeople(f"{path}: must hold entries [[people]] with user and role, and nothing else")
    return tuple(_entry(f"{path}: people entry {place}", entry) for place, entry in enumerate(entries, start=1))


def find_person(entries: Sequence[Entry], user: str) -> Person | None:
    """Who that is; None = nobody has said what they may see."""
    name = user.strip().lower()
    for entry in entries:
        if name and fnmatchcase(name, entry.user):
            return Person(name=user.strip(), role=entry.role, tenants=entry.tenants)
    return None


def _entry(where: str, entry: Any) -> Entry:
    if not isinstance(entry, dict) or (unknown := set(entry) - KEYS):
        wrong = ", ".join(sorted(unknown)) if isinstance(entry, dict) else "what is no table"
        raise BadPeople(f"{where}: {wrong} is unknown; choose of {', '.join(sorted(KEYS))}")
    user, role, tenants = entry.get("user"), entry.get("role"), entry.get("tenants")
    if not isinstance(user, str) or not user.strip():
        raise BadPeople(f"{where}: user must be a name as the proxy gives it, like ann@example.com or *@example.com")
    if not isinstance(role, str) or role not in ROLES:
        raise BadPeople(f"{where}: role must be one of {', '.join(ROLES)}")
    if tenants is None and role != VIEWER:
        return Entry(user=user.strip().lower(), role=role, tenants=None)
    if not isinstance(tenants, list) or not tenants or not all(isinstance(one, str) and one for one in tenants):
        needed = ", and a tenant-viewer must have some" if role == VIEWER else ""
        raise BadPeople(f'{where}: tenants must be a list of names like ["acme"]{needed}')
    return Entry(user=user.strip().lower(), role=role, tenants=frozenset(tenants))

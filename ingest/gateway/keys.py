"""API keys: who may write, and for which tenants.

The settings hold the SHA-256 of each key, never the key::

    [gateway.api_keys]
    acme-prod = {sha256 = "9f86…", tenant = "acme"}            # printf %s "$KEY" | sha256sum
    reseller = {sha256 = "60303…", tenants = ["north", "south"]}
    nodes = {sha256 = "fcde2…", tenant = "platform", gpus = true}  # may tell of GPUs, which all tenants pay for

In an environment variable: ``acme-prod=acme:9f86…,reseller=north|south:60303…,nodes=platform:fcde2…+gpus``. No keys =
open mode: everybody on this machine may write, and spans are believed about their tenant; so it is for loopback
addresses only.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ingest.errors import CannotStart
from ingest.gateway.refusals import Reason, Refused

SHA256_HEX = re.compile(r"[0-9a-fA-F]{64}")
CREDENTIAL_HEADERS = ("x-api-key", "spanledger-api-key")
SETTING = "gateway.api_keys"
GPUS_HEADER = "spanledger-gpus"
_WITH_GPUS = "+gpus"
UNATTRIBUTED = "unattributed"
"""What reports call that which has no tenant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who sends, and what is stamped on their records; a client of open mode has no tenants and no principal.

    ``gpus``: whether what they tell of GPUs and model servers is believed, for it moves what every tenant pays.
    """

    principal: str | None = None
    tenants: tuple[str, ...] = ()
    gpus: bool = False

    def headers(self) -> list[tuple[str, bytes]]:
        """Kafka headers of this client: one tenant is stamped, several are the list that spans must keep to."""
        if self.principal is None:
            return []
        tenants = "spanledger-tenant" if len(self.tenants) == 1 else "spanledger-tenants"
        told = [(tenants, ",".join(self.tenants).encode()), ("spanledger-principal", self.principal.encode())]
        return [*told, (GPUS_HEADER, b"1")] if self.gpus else told


ANYBODY = Client()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """All keys by their hash; empty in open mode."""

    clients: Mapping[bytes, Client]

    def identify(self, key: str | None) -> Client:
        """Client of a presented key; raises Refused.

        Every hash is compared, each in constant time, so the answer's time tells nothing about the keys.
        """
        if not self.clients:
            return ANYBODY
        if not key:
            raise Refused(Reason.UNAUTHENTICATED, "an API key is needed: authorization: Bearer KEY, or x-api-key: KEY")
        presented = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
        found: Client | None = None
        for digest, client in self.clients.items():
            if hmac.compare_digest(digest, presented):
                found = client
        if found is None:
            raise Refused(Reason.UNAUTHENTICATED, "this API key is not known here")
        return found


def presented_key(headers: Mapping[str, str]) -> str | None:
    """Key in the headers of a request (names in lower case or case-insensitive): a bearer token wins."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return next((headers[name] for name in CREDENTIAL_HEADERS if headers.get(name)), None)


def load_keys(table: Mapping[str, Any], *, host: str) -> KeyRing:
    """Keys from the settings; raises CannotStart, also for open mode on an address that others can reach."""
    if not table and not is_loopback(host):
        raise CannotStart(
            f"gateway.host = {host!r} without {SETTING} would let anybody who reaches it write: "
            f"set {SETTING}, or gateway.host = '127.0.0.1'"
        )
    clients: dict[bytes, Client] = {}
    for key_id, entry in table.items():
        digest, client = _read_entry(key_id, entry)
        if digest in clients:
            raise CannotStart(f"{SETTING}.{key_id}: the same key stands under {clients[digest].principal!r} already")
        clients[digest] = client
    return KeyRing(clients=clients)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address; a name other than ``localhost`` does not count."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _read_entry(key_id: str, entry: Any) -> tuple[bytes, Client]:
    if isinstance(entry, str):
        names, _, sha256 = entry.removesuffix(_WITH_GPUS).rpartition(":")
        entry = {"sha256": sha256, "tenants": names.split("|"), "gpus": entry.endswith(_WITH_GPUS)}
    if not isinstance(entry, Mapping):
        raise CannotStart(f"{SETTING}.{key_id}: must be a table with sha256 and tenant or tenants")
    if unknown := sorted(set(entry) - {"sha256", "tenant", "tenants", "gpus"}):
        raise CannotStart(
            f"{SETTING}.{key_id}: unknown {', '.join(unknown)}; allowed are sha256, tenant, tenants, gpus"
        )
    if not SHA256_HEX.fullmatch(str(entry.get("sha256", ""))):
        raise CannotStart(f"{SETTING}.{key_id}: sha256 must be the 64 hex digits of the key's SHA-256")
    if not isinstance(gpus := entry.get("gpus", False), bool):
        raise CannotStart(f"{SETTING}.{key_id}: gpus must be true or false")
    client = Client(principal=key_id, tenants=_read_tenants(key_id, entry), gpus=gpus)
    return bytes.fromhex(entry["sha256"]), client


def _read_tenants(key_id: str, entry: Mapping[str, Any]) -> tuple[str, ...]:
    if ("tenant" in entry) == ("tenants" in entry):
        raise CannotStart(f"{SETTING}.{key_id}: give either tenant = NAME or tenants = [NAMES]")
    tenants = entry["tenants"] if "tenants" in entry else [entry["tenant"]]
    if not isinstance(tenants, list) or not tenants:
        raise CannotStart(f"{SETTING}.{key_id}: tenants must be a list of names")
    if not all(isinstance(name, str) and name.strip() and "," not in name for name in tenants):
        raise CannotStart(f"{SETTING}.{key_id}: a tenant is a text without commas, and not empty")
    if UNATTRIBUTED in tenants:
        raise CannotStart(f"{SETTING}.{key_id}: no tenant is called {UNATTRIBUTED}: reports call so what has none")
    return tuple(tenants)

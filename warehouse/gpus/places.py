"""On which GPUs a call ran: by the server that it names, else by the pod, else by the host of who tells of it.

A call that names a server ran there or nowhere that we know: the name is compared with the addresses of model servers
(as their metrics tell them, or the file of GPUs), with pods, then with hosts. A call that names none was told by the
model server itself, so its own pod, then its host decides; of a client on such a host that asks somebody else that
would not be true, so it must be of a provider that people run themselves. Names are compared in lower case. Where none
is the same, one may be the other with a domain behind it (``llama-0`` and ``llama-0.llama.serving.svc``), unless it is
an IP address; names in two domains are two machines (``node-1.eu.corp``, ``node-1.us.corp``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from warehouse.gpus.file import Server, matches

HERE = frozenset({"localhost", "127.0.0.1", "::1", "[::1]", "0.0.0.0"})  # noqa: S104 - a name in spans
"""Servers on the machine of who asks."""
SELF_HOSTED = frozenset({"", "vllm", "sglang", "tgi", "ollama", "triton", "llama_cpp", "lmdeploy", "tensorrt_llm"})
"""Providers that people run themselves; "" = none is told."""
_PORT = re.compile(r"(?<=[^:]):\d+$")
_IP = re.compile(r"[\d.]+|\[?[0-9a-f:]*:[0-9a-f:]*\]?")


@dataclass(slots=True, kw_only=True)
class Gpu:
    """A GPU or a part of one within an hour, and how those who use it are called."""

    gpu: str
    mig: str
    hosts: set[str] = field(default_factory=set)
    pods: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)
    models: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a call says of where it ran; "" = nothing."""

    address: str
    pod: str
    host: str
    provider: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldServer:
    """What a model server's metrics say of it within an hour."""

    address: str | None
    pod: str | None
    host: str | None
    model: str | None


def names(text: str | None) -> frozenset[str]:
    """The name of a machine, without its port; nothing if there is none."""
    return frozenset(filter(None, [_PORT.sub("", (text or "").strip().lower()).rstrip(".")]))


def is_same(one: str, other: str) -> bool:
    """Whether two names mean one machine: the same, or one is the other in a domain."""
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    return long.startswith(f"{short}.") and not _IP.fullmatch(long)


def call_servers(gpus: Sequence[Gpu], servers: Iterable[ToldServer], given: Iterable[Server]) -> None:
    """Add to GPUs the addresses and models of the servers that run on them."""
    for server in servers:
        address = names(server.address)
        for gpu in _of_server(gpus, server, address):
            gpu.addresses |= address
            gpu.models |= {server.model.lower()} if server.model else set()
    for one in given:
        for gpu in gpus:
            if (
                matches(gpu.gpu, one.gpus)
                or any(matches(pod, one.pods) for pod in gpu.pods)
                or any(matches(host, one.hosts) for host in gpu.hosts)
            ):
                gpu.addresses |= names(one.address)


def find(call: Asked, gpus: Sequence[Gpu]) -> list[Gpu]:
    """The GPUs that a call ran on, all of a group that work on it together; none = nobody knows."""
    address = names(call.address)
    if address and not address & HERE:
        found = _first([_with(gpus, kind, address) for kind in ("addresses", "pods", "hosts")])
    elif address or call.provider in SELF_HOSTED:
        found = _first([_with(gpus, "pods", names(call.pod)), _with(gpus, "hosts", names(call.host))])
    else:
        found = []
    serving = [gpu for gpu in found if call.model.lower() in gpu.models]
    return serving or found


def _of_server(gpus: Sequence[Gpu], server: ToldServer, address: frozenset[str]) -> list[Gpu]:
    """By its pod where that is told, else by its host, else by its own address."""
    if server.pod:
        return _with(gpus, "pods", names(server.pod))
    return _first([_with(gpus, "hosts", names(server.host)), _with(gpus, "hosts", address)])


def _with(gpus: Sequence[Gpu], kind: str, wanted: frozenset[str]) -> list[Gpu]:
    exact = [gpu for gpu in gpus if wanted & getattr(gpu, kind)]
    return exact or [gpu for gpu in gpus if any(is_same(name, its) for name in wanted for its in getattr(gpu, kind))]


def _first(found: Sequence[list[Gpu]]) -> list[Gpu]:
    return next(filter(None, found), [])

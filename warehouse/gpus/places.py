"""On which GPUs a call ran: by the server that it names, else by the pod, else by the host of who tells of it.

A call that names a server ran there or nowhere that we know: the name is compared with the addresses of model servers
(as their metrics tell them, or the file of GPUs), with pods, then with hosts. A call that names none was told by the
model server itself, so its own pod, then its host decides; of a client on such a host that asks somebody else that
would not be true, so it must be of a provider that people run themselves. Names are compared in lower case. Where none
is the same, one may be the other with a domain behind it (``llama-0`` and ``llama-0.llama.serving.svc``), unless it is
an IP address; names in two domains are two machines (``node-1.eu.corp``, ``node-1.us.corp``). Ports tell servers of one
host apart where both sides tell one. Pods of one name in several namespaces are told apart by the namespace; where that
is not told, nobody knows which one is meant.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from warehouse.gpus.file import Server, matches

HERE = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - a name in spans
"""Servers on the machine of who asks."""
SELF_HOSTED = frozenset({"", "vllm", "sglang", "tgi", "ollama", "triton", "llama_cpp", "lmdeploy", "tensorrt_llm"})
"""Providers that people run themselves; "" = none is told."""
_BRACKETS = re.compile(r"\[(.*?)\](?::(\d+))?")
_SERVICE = "svc"
"""The fourth label of a pod's or service's name in a cluster: pod.service.namespace.svc."""


class Address(NamedTuple):
    """A machine's name without its port; ``port`` 0 = none is told."""

    name: str
    port: int = 0


class Pod(NamedTuple):
    """A pod; ``namespace`` "" = none is told."""

    name: str
    namespace: str = ""


@dataclass(slots=True, kw_only=True)
class Gpu:
    """A GPU or a part of one within some minutes, and how those who use it are called."""

    gpu: str
    part: str = ""
    hosts: set[str] = field(default_factory=set)
    pods: set[Pod] = field(default_factory=set)
    addresses: set[Address] = field(default_factory=set)
    models: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a call says of where it ran; "" and 0 = nothing."""

    address: str
    port: int = 0
    pod: str
    namespace: str = ""
    host: str
    provider: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldServer:
    """What a model server's metrics say of it."""

    address: str | None
    pod: str | None
    namespace: str | None = None
    host: str | None
    model: str | None


def read_address(text: str | None, port: int = 0) -> Address | None:
    """The name of a machine and its port, which goes before the one given; nothing if there is none."""
    told = (text or "").strip().lower()
    if found := _BRACKETS.fullmatch(told):
        name, own = found[1], found[2] or ""
    elif told.count(":") == 1:
        name, _, own = told.partition(":")
    else:
        name, own = told, ""
    name = _spell(name.rstrip("."))
    return Address(name, int(own) if own.isdecimal() else port) if name else None


def names(text: str | None) -> frozenset[str]:
    """The name of a machine, without its port; nothing if there is none."""
    address = read_address(text)
    return frozenset([address.name] if address else ())


def read_pod(name: str | None, namespace: str | None) -> frozenset[Pod]:
    """The pod of that name, if there is one."""
    told = (name or "").strip().lower()
    return frozenset([Pod(told, (namespace or "").strip().lower())] if told else ())


def is_same(one: str, other: str) -> bool:
    """Whether two names mean one machine: the same, or one is the other in a domain."""
    short, long = (one, other) if len(one) < len(other) else (other, one)
    if not long.startswith(short):
        return False
    return one == other or (long[len(short)] == "." and not _is_ip(long))


def call_servers(gpus: Sequence[Gpu], servers: Iterable[ToldServer], given: Sequence[Server]) -> None:
    """Add to GPUs the addresses and models of the servers that run on them; an address of the file is nowhere else."""
    fixed = {address for one in given if (address := read_address(one.address))}
    for server in servers:
        address = read_address(server.address)
        for gpu in _of_server(gpus, server, address):
            gpu.addresses |= {address} - fixed if address else set()
            gpu.models |= {server.model.lower()} if server.model else set()
    for one in given:
        for gpu in gpus:
            if (
                matches(gpu.gpu, one.gpus)
                or any(
                    matches(name, one.pods) for pod in gpu.pods for name in (pod.name, f"{pod.namespace}/{pod.name}")
                )
                or any(matches(host, one.hosts) for host in gpu.hosts)
            ):
                address = read_address(one.address)
                gpu.addresses |= {address} if address else set()


def reduce(call: Asked) -> Asked:
    """The call without what does not count: where it names a server, all clients of that ran at one place."""
    if not call.address or names(call.address) <= HERE:
        return call
    return replace(call, pod="", namespace="", host="", provider="")


def find(call: Asked, gpus: Sequence[Gpu]) -> list[Gpu]:
    """The GPUs that a call ran on, all of a group that work on it together; none = nobody knows."""
    address = read_address(call.address, call.port)
    if address and address.name not in HERE:
        steps: list[Callable[[], list[Gpu]]] = [
            lambda: _at(gpus, address),
            lambda: _in_pods(gpus, address.name, _namespace_in(address.name)),
            lambda: _on(gpus, address.name),
        ]
    elif address or call.provider in SELF_HOSTED:
        steps = [lambda: _in_own_pod(gpus, call), lambda: _of_names(gpus, call.host)]
    else:
        steps = []
    found = _first(steps)
    serving = [gpu for gpu in found if call.model.lower() in gpu.models]
    return serving or found


def _of_server(gpus: Sequence[Gpu], server: ToldServer, address: Address | None) -> list[Gpu]:
    """By its pod where that is told, else by its host, else by its own address."""
    pods = read_pod(server.pod, server.namespace)
    if pods:
        return [gpu for pod in pods for gpu in _in_pods(gpus, pod.name, pod.namespace)]
    return _first([lambda: _of_names(gpus, server.host), lambda: _on(gpus, address.name) if address else []])


def _at(gpus: Sequence[Gpu], wanted: Address) -> list[Gpu]:
    """Those that a server of this address runs on: of this port where that is told."""
    fits = [
        (gpu, one) for gpu in gpus for one in gpu.addresses if not one.port * wanted.port or one.port == wanted.port
    ]
    exact = [(gpu, one) for gpu, one in fits if one.name == wanted.name]
    found = exact or [(gpu, one) for gpu, one in fits if is_same(one.name, wanted.name)]
    if any(one.port == wanted.port for _, one in found):
        found = [(gpu, one) for gpu, one in found if not wanted.port or one.port == wanted.port]
    return _each(gpu for gpu, _ in found)


def _in_pods(gpus: Sequence[Gpu], name: str, namespace: str) -> list[Gpu]:
    """Those that a pod of this name uses, in this namespace where both sides tell one; none where there are several."""
    fits = [
        (gpu, pod)
        for gpu in gpus
        for pod in gpu.pods
        if not (namespace and pod.namespace) or pod.namespace == namespace
    ]
    exact = [(gpu, pod) for gpu, pod in fits if pod.name == name]
    found = exact or [(gpu, pod) for gpu, pod in fits if is_same(pod.name, name)]
    labelled = [(gpu, pod) for gpu, pod in found if pod.namespace in name.split(".")[1:]]
    found = found if len(_namespaces(found)) <= 1 else labelled
    return _each(gpu for gpu, _ in found) if len(_namespaces(found)) <= 1 else []


def _in_own_pod(gpus: Sequence[Gpu], call: Asked) -> list[Gpu]:
    """Those of who tells of the call; pods of other namespaces are on other hosts, or nobody knows."""
    found: list[Gpu] = []
    for pod in read_pod(call.pod, call.namespace):
        found = _in_pods(gpus, pod.name, pod.namespace) or _in_pods(_of_names(gpus, call.host), pod.name, pod.namespace)
    return found


def _of_names(gpus: Sequence[Gpu], text: str | None) -> list[Gpu]:
    return [gpu for name in names(text) for gpu in _on(gpus, name)]


def _on(gpus: Sequence[Gpu], name: str) -> list[Gpu]:
    exact = [gpu for gpu in gpus if name in gpu.hosts]
    return exact or [gpu for gpu in gpus if any(is_same(name, host) for host in gpu.hosts)]


def _each(found: Iterable[Gpu]) -> list[Gpu]:
    """Each GPU once, in the order in which they came."""
    return list({id(gpu): gpu for gpu in found}.values())


def _namespaces(found: Iterable[tuple[Gpu, Pod]]) -> set[str]:
    return {pod.namespace for _, pod in found}


def _namespace_in(name: str) -> str:
    """The namespace in the full name of a pod's server; "" = none is told."""
    labels = name.split(".")
    return labels[2] if _SERVICE in labels[3:4] else ""


def _spell(name: str) -> str:
    """An IP address as all write it."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _first(steps: Iterable[Callable[[], list[Gpu]]]) -> list[Gpu]:
    return next(filter(None, (step() for step in steps)), [])

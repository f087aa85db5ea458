"""On which GPUs a call ran: by the server that it names, else by the pod, else by the host of who tells."""

from __future__ import annotations

from typing import Any

import pytest

from warehouse.gpus.file import Server
from warehouse.gpus.places import Address, Asked, Gpu, Pod, ToldServer, call_servers, find, names, read_address
from warehouse.settle.gpus import slices_of
from warehouse.settle.placing import split_minutes


def gpu(name: str, host: str, *pods: str) -> Gpu:
    return Gpu(gpu=name, hosts=set(names(host)), pods={Pod(*reversed(pod.split("/"))) for pod in pods})


def fleet() -> list[Gpu]:
    """Two GPUs of one pod, one of another on the same host, one on a host without pods."""
    return [
        gpu("a0", "node-a", "llama-0"),
        gpu("a1", "node-a", "llama-0"),
        gpu("a2", "node-a", "qwen-0"),
        gpu("b0", "node-b.lan"),
    ]


def ran(gpus: list[Gpu] | None = None, **told: Any) -> list[str]:
    plain: dict[str, Any] = {"address": "", "pod": "", "host": "", "provider": "vllm", "model": "m"}
    return [one.gpu for one in find(Asked(**(plain | told)), gpus or fleet())]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Llama-0.llama.svc.:8000", ("llama-0.llama.svc", 8000)),
        ("10.0.0.5:8000", ("10.0.0.5", 8000)),
        ("2001:db8::370:7334", ("2001:db8::370:7334", 0)),  # no port 7334
        ("2001:DB8:0::5", ("2001:db8::5", 0)),
        ("[fd00::1]:8000", ("fd00::1", 8000)),
        ("[fd00::1]", ("fd00::1", 0)),
    ],
)
def test_an_address_is_a_name_without_case_and_its_port(text: str, address: tuple[str, int]):
    assert read_address(text) == Address(*address)


def test_the_port_in_an_address_goes_before_the_one_beside_it_and_no_text_is_no_address():
    assert read_address("a:1", 2) == Address("a", 1)
    assert read_address("a", 2) == Address("a", 2)
    assert read_address(None) is read_address(" ") is None


def test_servers_of_one_host_are_told_apart_by_their_ports():
    gpus = [gpu("one", "node-a"), gpu("two", "node-a"), gpu("three", "node-b")]
    given = [Server(address="node-a:8000", gpus=("one",)), Server(address="node-a:8001", gpus=("two",))]
    metrics = ToldServer(address="node-a:8000", pod=None, host="node-a", model="m")  # the file knows better
    call_servers(gpus, [metrics, ToldServer(address="node-b:8000", pod=None, host="node-b", model="n")], given)

    assert ran(gpus, address="node-a", port=8000) == ran(gpus, address="node-a:8000") == ["one"]
    assert ran(gpus, address="node-a", port=8001) == ["two"]
    assert ran(gpus, address="node-a", port=8002) == ["one", "two"]  # of its host, as nobody knows more
    assert ran(gpus, address="node-a") == ["one", "two"]


def test_pods_of_one_name_are_told_apart_by_namespace_and_else_nobody_knows_which():
    gpus = [gpu("p", "node-a", "prod/vllm-0"), gpu("s", "node-b", "staging/vllm-0"), gpu("o", "node-b", "prod/other")]
    call_servers(gpus, [ToldServer(address="10.0.0.1", pod="vllm-0", namespace="staging", host=None, model="m")], [])

    assert ran(gpus, address="vllm-0.vllm.prod.svc.cluster.local") == ["p"]
    assert ran(gpus, address="vllm-0.vllm.staging") == ["s"]
    assert (
        ran(gpus, address="vllm-0.vllm.third.svc")
        == ran(gpus, address="vllm-0.vllm")
        == ran(gpus, address="vllm-0")
        == []
    )
    assert ran(gpus, address="10.0.0.1") == ["s"]
    assert ran(gpus, pod="vllm-0", namespace="prod") == ["p"]
    assert ran(gpus, pod="vllm-0", host="node-b") == ["s"]  # the only one of its host
    assert ran(gpus, pod="vllm-0") == []
    assert ran(gpus, pod="other") == ["o"]


def test_the_file_may_name_the_namespace_of_pods():
    gpus = [gpu("p", "node-a", "prod/vllm-0"), gpu("s", "node-b", "staging/vllm-0")]
    call_servers(gpus, [], [Server(address="llm.internal", pods=("prod/*",))])

    assert ran(gpus, address="llm.internal") == ["p"]


def test_minutes_are_split_where_anything_changes():
    assert split_minutes([]) == [2**60 - 1]
    assert split_minutes([2**60 - 1, 0b1110, 0b1110, 0b0100]) == [0b0100, 0b1010, 2**60 - 1 - 0b1110]


@pytest.mark.parametrize(
    ("told", "gpus"),
    [
        ({"address": "llama-0.llama.serving.svc"}, ["a0", "a1"]),  # a group that works together
        ({"address": "node-a"}, ["a0", "a1", "a2"]),
        ({"address": "NODE-B"}, ["b0"]),
        ({"address": "node-a.lan:8000"}, ["a0", "a1", "a2"]),
        ({"address": "node-b.elsewhere"}, []),  # another domain is another machine
        ({"address": "node"}, []),
        ({"address": "api.openai.com", "host": "node-b", "provider": "openai"}, []),
        ({"address": "somewhere", "host": "node-b"}, []),  # a server that is named is that one or none
        ({"address": "localhost", "host": "node-b", "provider": "openai"}, ["b0"]),
        ({"pod": "qwen-0", "host": "node-a"}, ["a2"]),  # the pod before the host
        ({"pod": "job-7", "host": "node-b"}, ["b0"]),
        ({"host": "node-b", "provider": "openai"}, []),  # a client that happens to run beside a GPU
        ({"host": "node-b", "provider": ""}, ["b0"]),
        ({}, []),
    ],
)
def test_a_call_ran_where_it_says(told: dict[str, str], gpus: list[str]):
    assert ran(**told) == gpus


def test_a_servers_metrics_lead_from_its_address_to_the_gpus_of_its_pod_else_of_its_host():
    gpus = fleet()

    call_servers(
        gpus,
        [
            ToldServer(address="10.0.0.5:8000", pod="llama-0", host=None, model="llama"),
            ToldServer(address="10.0.0.6:8000", pod=None, host="node-b", model="small"),
            ToldServer(address="node-b:8001", pod=None, host=None, model="tiny"),
        ],
        [],
    )

    assert [ran(gpus, address=address) for address in ("10.0.0.5", "10.0.0.6", "node-b")] == [
        ["a0", "a1"],
        ["b0"],
        ["b0"],
    ]
    assert gpus[3].models == {"small", "tiny"}


def test_a_label_that_two_names_share_makes_them_no_machine():
    gpus = [gpu("eu", "node-1.eu.corp"), gpu("us", "node-1.us.corp"), gpu("own", "node-1")]
    call_servers(gpus, [], [Server(address="api.llm.internal", gpus=("own",))])

    assert ran(gpus, address="node-1.eu.corp") == ["eu"]
    assert ran(gpus, address="node-1") == ["own"]
    assert ran(gpus, address="api.openai.com", provider="openai") == []
    assert ran(gpus, address="api.llm.internal") == ["own"]


def test_the_file_leads_from_an_address_to_hosts_pods_or_gpus():
    gpus = fleet()

    given = [Server(address="llm.internal", pods=("llama-*",)), Server(address="one", gpus=("B0",), hosts=("node-z",))]
    call_servers(gpus, [], given)

    assert [ran(gpus, address=address) for address in ("llm.internal", "one")] == [["a0", "a1"], ["b0"]]


def test_of_several_servers_on_a_host_those_that_serve_the_model_are_meant():
    gpus = fleet()
    call_servers(gpus, [ToldServer(address=None, pod="qwen-0", host=None, model="Qwen")], [])

    assert ran(gpus, address="node-a", model="qwen") == ["a2"]
    assert ran(gpus, address="node-a", model="an-adapter") == ["a0", "a1", "a2"]


@pytest.mark.parametrize(
    ("profile", "model", "slices"),
    [
        ("1g.5gb", "NVIDIA A100-SXM4-40GB", (1, 7)),
        ("7g.80gb", "NVIDIA H100 80GB HBM3", (7, 7)),
        ("1g.10gb+me", "NVIDIA H100 80GB HBM3", (1, 7)),
        ("2g.12gb", "NVIDIA A30", (2, 4)),
        ("", "NVIDIA A30", (1, 4)),
        ("x", "", (1, 7)),
        ("4g.96gb", "NVIDIA RTX PRO 6000 Blackwell Server Edition", (4, 4)),
        ("1g.24gb", "NVIDIA RTX PRO 5000 Blackwell", (1, 2)),
        ("1c.3g.20gb", "NVIDIA A100-SXM4-40GB", (1, 7)),  # a third of 3 slices
    ],
)
def test_an_instance_is_so_many_slices_of_its_gpu(profile: str, model: str, slices: tuple[int, int]):
    assert slices_of(profile, model) == slices

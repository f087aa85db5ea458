"""All parts on default settings, as ``up`` starts them: how soon a span is visible, how much memory they take."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from processors.settings import WorkerSettings
from spanledger.__main__ import main
from spanledger.deployment import Deployment, Ports, environment
from spanledger.stack import Stack, free_port
from tests.flows.payloads import payload
from tests.ingest.gateway.serving import PROTOBUF, request
from tests.kafka import jars_cache

TRIALS = 3
TRICKLE_S = 0.1
PAUSE_S = 0.05  # between two questions: who asks without one takes the machine from those who are asked about
FLUSHES = 3
LOST_AFTER_S = 40.0
VISIBLE_WITHIN_S = 5.0
RESIDENT_MIB = 2.5 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """All parts, and where they are."""

    deployment: Deployment
    stack: Stack


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Broker, gateway, worker and dashboard on free ports, in a fresh directory."""
    data = tmp_path_factory.mktemp("stack")
    ports = Ports(**{name: free_port() for name in Ports.__dataclass_fields__})
    kafka, lake, jars = f"127.0.0.1:{ports.broker}", str(data / "lake"), jars_cache()
    variables = environment(ports, data=data, jars=jars, kafka=kafka, lake=lake)
    deployment = Deployment(data=data, jars=jars, ports=ports, environment=variables, own_broker=True)
    with Stack() as stack:
        deployment.start(stack, lambda _: None)
        yield Running(deployment=deployment, stack=stack)


def send(running: Running, number: int, tenant: str) -> None:
    """One span through the gateway; returns when it has answered."""
    headers = {"Content-Type": PROTOBUF}
    sent = payload(number, spans=1, tenant=tenant).value
    assert request(running.deployment.ports.http, "POST", "/v1/traces", sent, headers).status == 200


def seconds_until_visible(tenant: str) -> float:
    """Ask the verb again and again, in this process, until it shows the tenant."""
    began = time.monotonic()
    while tenant not in reported_tenants():
        assert time.monotonic() - began < LOST_AFTER_S, f"{tenant} never came"
        time.sleep(PAUSE_S)
    return time.monotonic() - began


def reported_tenants() -> set[str]:
    """Tenants with spend, as ``spanledger report`` prints them."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main(["report", "spend", "--by", "tenant", "--format", "json"]) == 0
    return {row["tenant"] for row in json.loads(printed.getvalue())}


@contextlib.contextmanager
def trickle(running: Running) -> Iterator[None]:
    """Other spans all the time, so that a span may come at any moment between two flushes."""
    over = threading.Event()

    def work() -> None:
        for number in itertools.count(10_000):
            send(running, number, "others")
            if over.wait(TRICKLE_S):
                return

    thread = threading.Thread(target=work, name="trickle")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(30)


@pytest.fixture(scope="module")
def warm(running: Running) -> Iterator[Running]:
    """The parts once the first span has come through; the environment is that of the verb."""
    with pytest.MonkeyPatch.context() as environ:
        environ.setenv("SPANLEDGER_LAKE", running.deployment.environment["SPANLEDGER_LAKE"])
        send(running, 1, "first")
        seconds_until_visible("first")
        yield running


@pytest.mark.alone
@pytest.mark.parametrize("traffic", ["alone", "among others"])
def test_a_span_is_visible_to_report_within_5_s_of_the_gateway_s_answer(
    warm: Running, traffic: str, capsys: pytest.CaptureFixture[str]
):
    took_s = []
    with contextlib.nullcontext() if traffic == "alone" else trickle(warm):
        for trial in range(TRIALS):
            tenant = f"{traffic} {trial}"
            send(warm, 100 + trial + TRIALS * (traffic == "alone"), tenant)
            took_s.append(seconds_until_visible(tenant))

    with capsys.disabled():
        median_s, worst_s = statistics.median(took_s), max(took_s)
        sys.stdout.write(f"\nfreshness {traffic}: median {median_s:.2f} s, worst {worst_s:.2f} s of {TRIALS}\n")
    assert worst_s < VISIBLE_WITHIN_S


def test_steady_traffic_does_not_make_flushes_follow_on_each_other(warm: Running):
    log = warm.deployment.data / "logs" / "worker.log"
    before, began = log.read_text().count("flushed spans="), time.monotonic()

    with trickle(warm):
        while (flushes := log.read_text().count("flushed spans=") - before) < FLUSHES:
            time.sleep(0.1)

    assert time.monotonic() - began > (FLUSHES - 1) * WorkerSettings().flush_seconds
    assert flushes == FLUSHES


def test_the_parts_at_rest_take_less_than_2_5_gib(warm: Running, capsys: pytest.CaptureFixture[str]):
    """After the trials, so everything is loaded that a first span loads."""
    resident_mib = warm.stack.resident_mib()

    with capsys.disabled():
        sys.stdout.write(f"\nresident {sum(resident_mib.values()):,.0f} MiB: {resident_mib}\n")
    assert set(resident_mib) == {"broker", "gateway", "worker", "dashboard"}
    assert sum(resident_mib.values()) < RESIDENT_MIB

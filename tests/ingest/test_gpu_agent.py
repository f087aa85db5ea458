"""The agent tells what NVML says in OpenTelemetry's words, and the worker understands it."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData

from ingest.errors import CannotStart
from ingest.gpus.agent import GpuAgent
from ingest.gpus.nvml import Gpus
from processors.engine import Engine, process_range
from processors.messages import Message
from processors.settings import WorkerSettings
from spanledger.__main__ import main
from tests.ingest.nvml import FakeNvml


class Kept(MetricExporter):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[MetricsData] = []

    def export(self, metrics_data: MetricsData, *_: object, **__: object) -> MetricExportResult:
        self.batches.append(metrics_data)
        return MetricExportResult.SUCCESS

    def force_flush(self, *_: object) -> bool:
        return True

    def shutdown(self, *_: object, **__: object) -> None:
        pass


def samples(kept: Kept) -> list[dict[str, Any]]:
    """What a worker makes of it."""
    now = time.time_ns() // 1000
    messages = [
        Message(
            topic="otlp_metrics",
            partition=0,
            offset=n,
            received_at_us=now,
            value=encode_metrics(one).SerializeToString(),
        )
        for n, one in enumerate(kept.batches)
    ]
    made = process_range(messages, Engine.of(WorkerSettings(), user_key=bytes(32)))
    assert (made.dropped, made.ignored) == ({}, 0)
    rows = made.tables["gpu_samples"].to_pylist()
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def test_what_nvml_says_becomes_samples_with_the_mean_of_what_was_seen():
    kept = Kept()
    agent = GpuAgent(Gpus(FakeNvml(busy=(20, 60))), kept, host="node-1")
    agent.poll()
    agent.poll()

    assert agent.export()

    rows = samples(kept)
    gauges = {row["gpu_uuid"]: row for row in rows if "cumulative" not in row}
    counters: dict[str, Any] = {}
    for row in rows:
        counters |= row if "cumulative" in row else {}  # each instrument began to count at a moment of its own
    names = ("utilisation", "power_watts", "memory_used_bytes", "memory_total_bytes", "gpu_model", "host", "source")
    assert [gauges["GPU-0"][name] for name in names] == [0.4, 181.5, 2**30, 2**35, "NVIDIA L40S", "node-1", "hw"]
    assert (counters["gpu_uuid"], counters["energy_joules"], counters["cumulative"]) == ("GPU-0", 9000.5, True)
    assert (counters["ecc_corrected_errors"], counters["ecc_uncorrected_errors"]) == (7, 1)


def test_what_a_gpu_does_not_tell_is_not_told_as_zero():
    kept = Kept()
    agent = GpuAgent(Gpus(FakeNvml()), kept, host="node-1")
    agent.poll()
    agent.export()

    (old,) = (row for row in samples(kept) if row["gpu_uuid"] == "GPU-1")

    assert "utilisation" not in old
    assert "energy_joules" not in old
    assert old["memory_used_bytes"] == 2**31


def test_what_was_seen_counts_once():
    kept = Kept()
    agent = GpuAgent(Gpus(FakeNvml(busy=(100, 0))), kept, host="node-1")
    for _ in range(2):
        agent.poll()
        agent.export()

    told = [row["utilisation"] for row in samples(kept) if "utilisation" in row]
    assert told == [1.0, 0.0]


def test_an_export_that_nobody_takes_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml())  # type: ignore[arg-type]
    monkeypatch.setattr("ingest.simulator.targets.TIMEOUT_S", 0.5)

    assert main(["gpu-agent", "--once", "--endpoint", "http://127.0.0.1:1"]) == 2

    assert "http://127.0.0.1:1 took nothing; check --endpoint and --api-key" in capsys.readouterr().err


def test_it_runs_until_stopped_and_gives_nvml_back():
    kept, nvml, stop = Kept(), FakeNvml(), threading.Event()
    agent = GpuAgent(Gpus(nvml), kept, host="node-1")
    runner = threading.Thread(target=agent.run, kwargs={"every_s": 0.01, "stop": stop})

    runner.start()
    deadline = time.monotonic() + 20
    while not kept.batches and time.monotonic() < deadline:
        time.sleep(0.01)
    stop.set()
    runner.join(20)
    agent.close()

    assert kept.batches
    assert not runner.is_alive()
    assert not nvml.is_open


@pytest.mark.parametrize(
    ("nvml", "said"),
    [
        (FakeNvml(broken="NVML Shared Library Not Found"), "has no NVIDIA GPU, or no driver .* Library Not Found"),
        (FakeNvml(count=0), "has no NVIDIA GPU: NVML counts none"),
    ],
)
def test_a_machine_without_a_gpu_says_so_in_one_line(
    nvml: FakeNvml, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setitem(sys.modules, "pynvml", nvml)  # type: ignore[arg-type]
    with pytest.raises(CannotStart, match=said):
        Gpus(nvml)

    assert main(["gpu-agent", "--once"]) == 2

    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("spanledger gpu-agent: this machine has no NVIDIA GPU")
    assert told.err.count("\n") == 1


def test_where_the_library_is_not_installed_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setitem(sys.modules, "pynvml", None)

    assert main(["gpu-agent", "--once"]) == 2
    assert capsys.readouterr().err == (
        "spanledger gpu-agent: nvidia-ml-py is not installed: pip install 'spanledger[gpu]'\n"
    )


@pytest.mark.parametrize("every", ["0.5", "301", "nan"])
def test_a_time_between_exports_that_leaves_gaps_is_refused(every: str, capsys: pytest.CaptureFixture[str]):
    assert main(["gpu-agent", "--every", every]) == 2
    assert "--every" in capsys.readouterr().err

"""Tells of the GPUs of this machine: OpenTelemetry's ``hw.gpu.*``, ``hw.power``, ``hw.energy`` and ``hw.errors``.

NVML's utilisation is of the last moment alone, so it is asked every second and what is told is the mean since the last
export. Everything is the OpenTelemetry SDK's: instruments that are asked when they are exported.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from time import monotonic

from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricExporter, MetricExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.util.types import AttributeValue

from ingest.gpus.nvml import Gpu, Gpus

POLL_S = 1.0


class GpuAgent:
    """Asks the GPUs and exports what they say. ``host``: the name of this machine."""

    def __init__(self, gpus: Gpus, exporter: MetricExporter, *, host: str) -> None:
        self._gpus = gpus
        self._busy: dict[str, list[float]] = {gpu.uuid: [] for gpu in gpus.all}
        resource = Resource({"service.name": "spanledger-gpu-agent", "host.name": host})
        self._exporter = exporter
        self._reader = InMemoryMetricReader()
        self._provider = MeterProvider(metric_readers=[self._reader], resource=resource, shutdown_on_exit=False)
        self._make_instruments()

    def run(self, *, every_s: float, stop: threading.Event) -> None:
        """Export every so many seconds until stopped."""
        due = monotonic() + every_s
        while not stop.is_set():
            self.poll()
            if monotonic() >= due:
                self.export()
                due = max(due + every_s, monotonic())
            stop.wait(POLL_S)

    def poll(self) -> None:
        """Ask how busy each GPU is."""
        for gpu in self._gpus.all:
            if (busy := self._gpus.utilisation(gpu)) is not None:
                self._busy[gpu.uuid].append(busy)

    def export(self) -> bool:
        """Tell what there is; False where it could not be sent: its time will be unmeasured, counters lose nothing."""
        told = self._reader.get_metrics_data()
        return told is not None and self._exporter.export(told) is MetricExportResult.SUCCESS

    def close(self) -> None:
        """Give everything back."""
        self._exporter.shutdown()
        self._provider.shutdown()
        self._gpus.close()

    def _make_instruments(self) -> None:
        meter = self._provider.get_meter("spanledger.gpu_agent")
        meter.create_observable_gauge("hw.gpu.utilization", [self._utilisation], unit="1")
        meter.create_observable_up_down_counter("hw.gpu.memory.usage", [self._memory_used], unit="By")
        meter.create_observable_up_down_counter("hw.gpu.memory.limit", [self._memory_total], unit="By")
        meter.create_observable_gauge("hw.power", [self._power], unit="W")
        meter.create_observable_counter("hw.energy", [self._energy], unit="J")
        meter.create_observable_counter("hw.errors", [self._errors], unit="{error}")

    def _utilisation(self, _: CallbackOptions) -> Iterable[Observation]:
        for gpu in self._gpus.all:
            told, self._busy[gpu.uuid] = self._busy[gpu.uuid], []
            if told:
                yield Observation(sum(told) / len(told), {**_attributes(gpu), "hw.gpu.task": "general"})

    def _memory_used(self, _: CallbackOptions) -> Iterable[Observation]:
        return self._memory(0)

    def _memory_total(self, _: CallbackOptions) -> Iterable[Observation]:
        return self._memory(1)

    def _memory(self, which: int) -> Iterable[Observation]:
        told = ((gpu, self._gpus.memory(gpu)) for gpu in self._gpus.all)
        return [Observation(memory[which], _attributes(gpu)) for gpu, memory in told if memory is not None]

    def _power(self, _: CallbackOptions) -> Iterable[Observation]:
        told = ((gpu, self._gpus.power_watts(gpu)) for gpu in self._gpus.all)
        return [Observation(watts, _attributes(gpu)) for gpu, watts in told if watts is not None]

    def _energy(self, _: CallbackOptions) -> Iterable[Observation]:
        told = ((gpu, self._gpus.energy_joules(gpu)) for gpu in self._gpus.all)
        return [Observation(joules, _attributes(gpu)) for gpu, joules in told if joules is not None]

    def _errors(self, _: CallbackOptions) -> Iterable[Observation]:
        return [
            Observation(count, {**_attributes(gpu), "error.type": kind})
            for gpu in self._gpus.all
            for kind, count in self._gpus.memory_errors(gpu).items()
        ]


def _attributes(gpu: Gpu) -> dict[str, AttributeValue]:
    return {
        "hw.id": gpu.uuid,
        "hw.model": gpu.model,
        "hw.name": f"GPU {gpu.index}",
        "hw.type": "gpu",
        "hw.vendor": "NVIDIA",
    }

"""The GPUs of this machine as NVML tells of them; what a GPU does not tell is None, never 0."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ingest.errors import CannotStart

PERCENT = 100.0
MILLI = 1000.0
_CORRECTED, _UNCORRECTED, _VOLATILE = 0, 1, 0
"""NVML's numbers of kinds of memory errors, and of counters since the driver was loaded."""


class Nvml(Protocol):
    """What is used of the module ``pynvml``; each function raises its ``NVMLError``."""

    NVMLError: type[Exception]

    def nvmlInit(self) -> None:  # noqa: N802 - NVML's names
        """Open the library."""

    def nvmlShutdown(self) -> None:  # noqa: N802
        """Close it."""

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        """How many GPUs there are."""

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Any:  # noqa: N802
        """One of them."""

    def nvmlDeviceGetUUID(self, handle: Any) -> str:  # noqa: N802
        """Its name for good."""

    def nvmlDeviceGetName(self, handle: Any) -> str:  # noqa: N802
        """Its model."""

    def nvmlDeviceGetUtilizationRates(self, handle: Any) -> Any:  # noqa: N802
        """``gpu``: percent of the last moment in which a kernel ran."""

    def nvmlDeviceGetMemoryInfo(self, handle: Any) -> Any:  # noqa: N802
        """``used`` and ``total`` bytes."""

    def nvmlDeviceGetPowerUsage(self, handle: Any) -> int:  # noqa: N802
        """Milliwatts."""

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: Any) -> int:  # noqa: N802
        """Millijoules since the driver was loaded."""

    def nvmlDeviceGetTotalEccErrors(self, handle: Any, kind: int, counter: int) -> int:  # noqa: N802
        """Memory errors of a kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One GPU."""

    uuid: str
    model: str
    index: int
    handle: Any


class Gpus:
    """All GPUs of this machine. Raises CannotStart, in one line, where there is none or NVML cannot be opened."""

    def __init__(self, nvml: Nvml) -> None:
        self._nvml = nvml
        try:
            nvml.nvmlInit()
            self.all = tuple(map(self._open, range(nvml.nvmlDeviceGetCount())))
        except nvml.NVMLError as error:
            raise CannotStart(f"this machine has no NVIDIA GPU, or no driver for it: NVML says {error}") from error
        if not self.all:
            raise CannotStart("this machine has no NVIDIA GPU: NVML counts none")

    def close(self) -> None:
        """Give NVML back."""
        self._nvml.nvmlShutdown()

    def utilisation(self, gpu: Gpu) -> float | None:
        """0..1 of the last moment (a sixth of a second to one, by the model)."""
        rates = self._ask(self._nvml.nvmlDeviceGetUtilizationRates, gpu)
        return None if rates is None else rates.gpu / PERCENT

    def memory(self, gpu: Gpu) -> tuple[int, int] | None:
        """Bytes used and in all."""
        told = self._ask(self._nvml.nvmlDeviceGetMemoryInfo, gpu)
        return None if told is None else (int(told.used), int(told.total))

    def power_watts(self, gpu: Gpu) -> float | None:
        """Now."""
        told = self._ask(self._nvml.nvmlDeviceGetPowerUsage, gpu)
        return None if told is None else told / MILLI

    def energy_joules(self, gpu: Gpu) -> float | None:
        """Since the driver was loaded."""
        told = self._ask(self._nvml.nvmlDeviceGetTotalEnergyConsumption, gpu)
        return None if told is None else told / MILLI

    def memory_errors(self, gpu: Gpu) -> dict[str, int]:
        """Since the driver was loaded, by ``corrected`` and ``uncorrected``; GPUs without ECC tell none."""
        kinds = {"corrected": _CORRECTED, "uncorrected": _UNCORRECTED}
        told = {
            name: self._ask(self._nvml.nvmlDeviceGetTotalEccErrors, gpu, kind, _VOLATILE)
            for name, kind in kinds.items()
        }
        return {name: int(count) for name, count in told.items() if count is not None}

    def _open(self, index: int) -> Gpu:
        handle = self._nvml.nvmlDeviceGetHandleByIndex(index)
        uuid, model = self._nvml.nvmlDeviceGetUUID(handle), self._nvml.nvmlDeviceGetName(handle)
        return Gpu(uuid=_text(uuid), model=_text(model), index=index, handle=handle)

    def _ask(self, question: Callable[..., Any], gpu: Gpu, *more: int) -> Any:
        """What NVML answers; None where this GPU does not tell it, as parts of one that is divided."""
        try:
            return question(gpu.handle, *more)
        except self._nvml.NVMLError:
            return None


def _text(told: str | bytes) -> str:
    """Older versions answer in bytes."""
    return told.decode() if isinstance(told, bytes) else told

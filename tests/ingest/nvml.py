# ruff: noqa: N802 - NVML's names
"""NVML as a machine with two GPUs would answer: one old, that does not tell everything."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


class FakeNvml:
    """Answers as ``pynvml`` does. ``busy``: percent, by turns; ``broken``: what opening it raises."""

    class NVMLError(Exception):
        """As there."""

    def __init__(self, *, count: int = 2, busy: tuple[int, ...] = (50,), broken: str = "") -> None:
        self._count, self._busy, self._broken = count, busy, broken
        self.asked = 0
        self.is_open = False

    def nvmlInit(self) -> None:
        if self._broken:
            raise self.NVMLError(self._broken)
        self.is_open = True

    def nvmlShutdown(self) -> None:
        self.is_open = False

    def nvmlDeviceGetCount(self) -> int:
        return self._count

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetUUID(self, handle: int) -> Any:
        return f"GPU-{handle}" if handle else b"GPU-0"  # older versions answer in bytes

    def nvmlDeviceGetName(self, handle: int) -> str:
        return ("NVIDIA L40S", "Tesla K80")[handle]

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:
        self._old(handle)
        self.asked += 1
        return SimpleNamespace(gpu=self._busy[(self.asked - 1) % len(self._busy)], memory=1)

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:
        return SimpleNamespace(used=2**30 * (handle + 1), total=2**35, free=0)

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:
        return 181_500 + handle

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:
        self._old(handle)
        return 9_000_500

    def nvmlDeviceGetTotalEccErrors(self, handle: int, kind: int, counter: int) -> int:
        self._old(handle)
        assert counter == 0
        return (7, 1)[kind]

    def _old(self, handle: int) -> None:
        if handle:
            raise self.NVMLError("Not Supported")

"""What a run of ``benchmarks.engine`` found, as an object for programs and as a table for people."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.clock import Cost
from benchmarks.corpus import Corpus

LAKE_TARGET = 80.0  # bytes a span after compaction
SMALLEST_SHOWN = 0.05  # bytes a span
NAMES = {
    "ours": "bytes -> Parquet",
    "decode": "  decode alone",
    "rows": "(a) protobuf objects, dict rows",
    "ptars": "(b) ptars, pivot",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one run found. ``costs``: of a pass over all payloads, by contestant; ``sizes``: see ``ours.compact``."""

    corpus: Corpus
    costs: dict[str, Cost]
    stages: dict[str, float]
    sizes: dict[str, int]
    rounds: int

    def rate(self, name: str) -> float | None:
        """Spans per CPU second; None where the contestant was not there."""
        return self.corpus.spans / self.costs[name].cpu_s if name in self.costs else None

    def ratio(self, name: str) -> float | None:
        """How many times the spans per CPU second of a rival ours does."""
        return self.costs[name].cpu_s / self.costs["ours"].cpu_s if name in self.costs else None

    def as_object(self) -> dict[str, float | int | None]:
        """The object of ``--format json``."""
        lake = sum(size for name, size in self.sizes.items() if "." not in name)
        return {
            "spans": self.corpus.spans,
            "bytes": self.corpus.bytes,
            "cpu_s": self.costs["ours"].cpu_s,
            "wall_s": self.costs["ours"].wall_s,
            "spans_per_cpu_s": self.rate("ours"),
            "decode_spans_per_cpu_s": self.rate("decode"),
            "rows_spans_per_cpu_s": self.rate("rows"),
            "ptars_spans_per_cpu_s": self.rate("ptars"),
            "ratio_rows": self.ratio("rows"),
            "ratio_ptars": self.ratio("ptars"),
            "lake_bytes_per_span": lake / self.corpus.spans,
        }


def table(result: Result) -> str:
    """For people: rates, stages, and what the lake's columns cost."""
    spans, found = result.corpus.spans, result.as_object()
    total = sum(result.stages.values())
    what = f"{spans:,} spans, {result.corpus.messages:,} messages, {result.corpus.bytes / spans:,.0f} bytes a span"
    lines = [f"{what}, {len(result.corpus.flushes)} flushes, median of {result.rounds}", ""]
    lines.append(f"{'':34}{'spans per CPU s':>16}{'wall s':>9}{'ours is':>9}")
    for name, words in NAMES.items():
        if name in result.costs:
            ratio = f"{result.ratio(name):8.1f}x" if name in ("rows", "ptars") else ""
            lines.append(f"{words:34}{result.rate(name):16,.0f}{result.costs[name].wall_s:9.2f}{ratio:>9}")
    lines += ["", f"{'stage':34}{'ns of CPU a span':>16}{'share':>9}"]
    for stage, cpu_s in result.stages.items():
        lines.append(f"{stage:34}{cpu_s / spans * 1e9:16,.0f}{cpu_s / total:9.0%}")
    lines += ["", f"{'compacted lake':34}{'bytes a span':>16}"]
    shown = {name: size for name, size in result.sizes.items() if size / spans >= SMALLEST_SHOWN}
    lines += [f"{name:34}{size / spans:16.1f}" for name, size in _largest_first(shown)]
    lines.append(f"{'all tables':34}{found['lake_bytes_per_span']:16.1f}   (target {LAKE_TARGET:.0f})")
    return "\n".join(lines)


def _largest_first(sizes: dict[str, int]) -> list[tuple[str, int]]:
    tables = sorted((name for name in sizes if "." not in name), key=lambda name: -sizes[name])
    columns = sorted((name for name in sizes if "." in name), key=lambda name: -sizes[name])
    return [(name, sizes[name]) for name in (*tables, *columns)]

"""Measurements, run by hand: what the engine costs, beside named rivals in the same run (docs/benchmarks.md)."""

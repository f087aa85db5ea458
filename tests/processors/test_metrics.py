"""What the worker measures about itself."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader

from processors.metrics import WorkerMetrics


def test_the_bounds_of_flush_seconds_tell_quick_flushes_from_slow_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
    monkeypatch.setattr("processors.metrics.metrics.get_meter", provider.get_meter)

    WorkerMetrics().observe("flush_seconds", 0.3)

    data = reader.get_metrics_data()
    assert data is not None
    (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
    (point,) = metric.data.data_points
    provider.shutdown()
    assert isinstance(point, HistogramDataPoint)
    assert (metric.name, point.explicit_bounds[0], point.explicit_bounds[-1]) == (
        "spanledger_worker_flush_seconds",
        0.01,
        60.0,
    )
    assert point.bucket_counts[point.explicit_bounds.index(0.5)] == 1

"""What the alerts measure about themselves."""

from __future__ import annotations

import runpy

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader

import alerts.metrics


def test_the_bounds_of_judge_seconds_tell_quick_judgements_from_slow_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
    monkeypatch.setattr("opentelemetry.metrics.get_meter", provider.get_meter)

    runpy.run_path(alerts.metrics.__file__)["judge_seconds"].record(0.3)

    data = reader.get_metrics_data()
    assert data is not None
    (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
    (point,) = metric.data.data_points
    provider.shutdown()
    assert isinstance(point, HistogramDataPoint)
    assert (point.explicit_bounds[0], point.explicit_bounds[-1]) == (0.01, 60.0)
    assert point.bucket_counts[point.explicit_bounds.index(0.5)] == 1

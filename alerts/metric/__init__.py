"""How odd each value of a metric is, of any kind: TTFT p95, error share, GPU utilisation, queue length, requests.

One pass, no look ahead, no tuning by series; 480 bytes a series, about 0.1 µs a value. A value and its time go in, a
score from 0 to 1 comes out: 0.5 is as far from what is usual as this series has lately been at most, and from ``alarm``
on it is an alarm. Scale and offset of a metric do not matter.

```
value ─▶ deviation from what is usual at this hour of the day (of the first day: from the mean)
      ─▶ three measures of it ─▶ each against its envelope ─▶ the oddest one is the score
```

**Measures**: the deviation; the same in units of what is usual at this hour, so that a quiet night is watched as well
as a busy day; and the mean of the last deviations, which sees new levels, drifts and unrest that no single value shows.

**Envelope**: the largest that a measure has lately been, in logarithms. It sinks by ``1 / forget`` a value and rises,
where it is exceeded, by at most ``rise``. So how often it is exceeded is up to ``forget``, whatever the distribution:
plain noise, uniform to log-normal, has an alarm in 500 to 1,100 values; if ``forget`` is 50,000, in 3,000 to 12,000.
This is the false-alert budget, and it calibrates each series by itself (the idea is stochastic approximation of a
quantile: Robbins & Monro, Annals of Mathematical Statistics 22, 1951). No spike blinds a series for long.

**Episodes**: after an alarm the next ``rest`` values are of the same episode and score 0.5 at most.

What it does on the Numenta benchmark, and how the constants were chosen: ``docs/benchmarks.md``.
"""

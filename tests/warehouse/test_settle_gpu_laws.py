"""Whatever GPUs and calls do: all parts are the bill to the picodollar, and the order of arrival changes nothing."""

from __future__ import annotations

import datetime as dt
import itertools
import tempfile
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, target
from hypothesis import strategies as st

from tests.warehouse import gpu_world
from tests.warehouse.gpu_world import at, call, minutes, sample, sums, total
from tests.warehouse.settling import World

MICROSECONDS = 3_600_000_000
LONGEST = 3600
FEW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])

RATE = st.integers(1, 10**14)
"""Picodollars an hour."""
WHOLE = (
    {"pod": "large", "namespace": "prod"},
    {"pod": "large", "namespace": "test"},
    {"pod": "small"},
    {"host": "node-2"},
)
INSTANCES = (
    {"mig_id": "1", "mig_profile": "1g.10gb", "pod": "small"},
    {"mig_id": "2", "mig_profile": "4g.40gb", "pod": "large"},
    {"mig_id": "2", "mig_profile": "3g.40gb", "pod": "large", "namespace": "prod"},
)
PORTS = (
    f'[[servers]]\naddress = "{gpu_world.NODE}:8000"\ngpus = ["GPU-1"]\n'
    f'[[servers]]\naddress = "{gpu_world.NODE}:8001"\ngpus = ["GPU-2"]\n'
)


@st.composite
def told(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Samples of two GPUs at odd times, some without activity: pods move, GPUs are divided and made whole again."""
    found = []
    for gpu in ("GPU-1", "GPU-2"):
        gaps = draw(st.lists(st.floats(0.5, 400) | st.floats(0.5, 4000), min_size=2, max_size=16))
        moment = draw(st.floats(0, 3000))
        for gap in gaps:
            moment = round(moment + gap, 6)
            parts = draw(
                st.sampled_from([WHOLE[:1], *((one,) for one in WHOLE), INSTANCES, INSTANCES[:2], INSTANCES[2:]])
            )
            for part in parts:
                values = {
                    "utilisation": draw(st.none() | st.floats(0, 1)),
                    "engine_active": draw(st.none() | st.floats(0, 1)),
                }
                if moment < 3 * LONGEST - 1:
                    found.append(sample(moment, None, gpu_uuid=gpu, **(values | part)))
    return found


CALL = st.builds(
    lambda number, begin, took, tenant, server, tokens: call(
        f"c{number}", begin, took, tenant,
        server_address=server[0], server_port=server[1], input_tokens=tokens[0], output_tokens=tokens[1], feature=None,
    ),
    st.integers(0, 10**6),
    st.floats(0, 2 * LONGEST),
    st.floats(0, LONGEST - 1),
    st.sampled_from(["acme", "globex", None]),
    st.sampled_from(
        list(itertools.product((gpu_world.NODE, "small", "large.x.prod.svc", "elsewhere"), (None, 8000, 8001)))
    ),
    st.tuples(st.integers(0, 10**6), st.integers(0, 10**5)),
)  # fmt: skip


def bill(samples: Iterable[dict[str, Any]], picos_per_hour: int) -> tuple[int, int]:
    """Microseconds that the GPUs were there, and picodollars, hour by hour; found another way than the SQL does."""
    moments: dict[str, set[int]] = {}
    for one in samples:
        moments.setdefault(one["gpu_uuid"], set()).add(round((one["sampled_at"] - at(0)).total_seconds() * 1e6))
    us, picos = 0, 0
    for each in moments.values():
        there = [pair for pair in itertools.pairwise(sorted(each)) if pair[1] - pair[0] <= LONGEST * 10**6]
        for hour in range(3):
            in_hour = sum(_overlap(pair, hour * 60 + minute) for minute in range(60) for pair in there)
            us, picos = us + in_hour, picos + picos_per_hour * in_hour // MICROSECONDS
    return us, picos


def _overlap(pair: tuple[int, int], minute: int) -> int:
    return max(0, min(pair[1], (minute + 1) * 60_000_000) - max(pair[0], minute * 60_000_000))


@pytest.mark.long
@FEW
@given(told(), st.lists(CALL, min_size=1, max_size=8, unique_by=lambda one: one["span_id"]), RATE, st.data())
def test_all_lines_are_the_bill_and_the_order_of_arrival_changes_nothing(
    samples: list[dict[str, Any]], calls: list[dict[str, Any]], picos: int, data: st.DataObject
):
    end = at(3 * LONGEST)
    rates = f'[[rates]]\ngpu_model = "*"\nusd_per_hour = "{Decimal(picos).scaleb(-12):f}"\n{PORTS}'
    first_samples, first_calls = (data.draw(st.sets(st.sampled_from(all_))) if all_ else set() for all_ in
                                  (range(len(samples)), range(len(calls))))  # fmt: skip
    with tempfile.TemporaryDirectory() as directory:
        how = gpu_world.settings(Path(directory), rates)
        at_once, in_parts = (World(Path(directory) / name) for name in ("once", "parts"))
        at_once.flush(calls, samples=samples)
        at_once.settle(now=end + dt.timedelta(hours=2), how=how)
        for number, is_first in enumerate((True, False)):
            some = [one for index, one in enumerate(samples) if (index in first_samples) is is_first]
            in_parts.flush(
                [one for index, one in enumerate(calls) if (index in first_calls) is is_first],
                samples=some,
                partition=number,
            )
            in_parts.settle(now=end + dt.timedelta(hours=2), how=how)

        rows = minutes(at_once)

        assert minutes(in_parts) == rows
    seconds, cost = total(rows)
    us, picodollars = bill(samples, picos)
    target(len(rows))
    assert (round(seconds * 1e6), int(cost.scaleb(12))) == (us, picodollars)
    assert all(
        time >= 0 and paid >= 0 for time, paid in sums(rows, "minute", "gpu", "mig_id", "line", "tenant").values()
    )

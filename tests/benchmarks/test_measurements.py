"""The other benchmarks: that their clocks, their makers of rows and their way through the worker say the truth."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

from benchmarks import questions, tenants
from benchmarks.corpus import corpus, make
from benchmarks.payloads import Shape
from benchmarks.processes import Sampled, cpu_s, peak_mib, watch_drain
from processors.settings import WorkerSettings
from warehouse.lake import Lake
from warehouse.reader import ALL, Warehouse
from warehouse.schemas import COST_KINDS, SAFETY, USAGE
from warehouse.settings import LakeSettings

pytestmark = pytest.mark.long

LOAD = questions.Workload(calls=10_000, days=2, tenants=2)


def test_cpu_seconds_are_those_of_a_process_and_its_children_and_not_its_sleep():
    burn = "import time\nwhile time.process_time() < 0.3: pass\n"
    child = f"subprocess.run([sys.executable, '-c', {burn!r}])"
    code = f"import subprocess, sys, time; {child}; print(1, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        used = cpu_s([process.pid])
        time.sleep(0.1)
        later, peak = cpu_s([process.pid]), peak_mib(process.pid)
        process.kill()

    assert 0.28 <= used < 1.5
    assert later == pytest.approx(used, abs=0.03)
    assert 5 < peak < 100


def test_a_drain_is_measured_from_its_start_and_between_its_first_and_last_progress():
    done = iter([0, 0, 100, 100, 300, 400])
    drained = watch_drain([], lambda: next(done), 400, within_s=10, poll_s=0.02)

    assert (drained.spans, drained.steady_spans) == (400, 300)
    assert drained.wall_s > drained.steady_wall_s >= 0.06


def test_a_drain_that_does_not_end_is_said():
    with pytest.raises(TimeoutError, match="7 of 8 spans"):
        watch_drain([], lambda: 7, 8, within_s=0.05, poll_s=0.02)


def test_looks_are_kept_with_their_time():
    with Sampled(lambda: "seen", 0.01) as looks:
        time.sleep(0.1)

    assert len(looks.seen) >= 3
    assert [what for _, what in looks.seen] == ["seen"] * len(looks.seen)
    assert sorted(at for at, _ in looks.seen) == [at for at, _ in looks.seen]


def test_made_usage_has_the_schema_and_its_parts_add_up():
    rows = questions.usage_rows(LOAD, questions.FIRST_DAY, np.arange(600), np.random.default_rng(1))
    calls = rows["calls"].to_pylist()

    assert rows.schema == USAGE
    assert min(calls) > 0
    assert sum(calls) == pytest.approx(LOAD.calls / LOAD.days * 600 / 1440, rel=0.1)
    for name in ("latency_hist", "ttft_hist", "tpot_hist"):
        assert [sum(bucket["count"] for bucket in row) for row in rows[name].to_pylist()] == calls
    assert sum(pc.sum(rows[name]).as_py() for name in COST_KINDS) == pc.sum(rows["cost_usd"]).as_py()
    assert pc.all(pc.less_equal(rows["cached_input_tokens"], rows["input_tokens"])).as_py()


def test_made_safety_has_the_schema():
    assert questions.safety_rows(LOAD, questions.FIRST_DAY).schema == SAFETY


def test_every_question_sees_all_that_was_made(tmp_path: Path):
    settings = LakeSettings(url=str(tmp_path))
    calls = questions.fill(Lake.open(settings), LOAD)
    answer = Warehouse(settings).ask("spend", ALL, by="tenant")
    found = questions.measure(settings, LOAD, rounds=1)

    assert sum(answer["calls"].to_pylist()) == calls == pytest.approx(LOAD.calls, rel=0.1)
    assert [one["rows"] for one in found.values()][:4] == [1, 2, 2 * 4 * 4, 2]
    assert all(one["rows"] > 0 for one in found.values())


def test_each_tenant_of_the_corpus_is_one_of_the_lake(tmp_path: Path):
    of = corpus(make(Shape(tenants=5, features=1), 400), WorkerSettings(flush_bytes=200_000))
    found = tenants.measure(of, 5, tmp_path)

    assert len(of.flushes) > 1
    assert found["series"] == 5 * 4
    assert 0 < found["usage_rows"] <= 400
    assert found["flush_us"] > found["roll_ups_us"] > 0

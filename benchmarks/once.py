"""What the steps cost that look at more than one span: once rules, users, outcomes, usage; microseconds a span.

    python -m benchmarks.once                       # 1,000, 20,000 and 100,000 spans of agents, and of calls alone

Rows say what is told how: ``plain`` nothing twice; of every tenth call ``nested`` a second instrumentation tells from
inside, ``beside`` another one side by side, ``again`` its record is sent twice. Medians of CPU seconds of the process.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.clock import cost_of, machine, median
from benchmarks.payloads import Shape, payloads
from processors.decode import decode
from processors.engine import Engine, _place_outcomes, _rename_users, bill
from processors.messages import Message
from processors.normalise import normalise
from processors.rollups import roll_up_usage
from processors.settings import WorkerSettings
from warehouse import once
from warehouse.schemas import OUTCOMES, SPANS

SIZES = (1_000, 20_000, 100_000)
EVERY = 10
RECORD_US = 1_790_000_500_000_000


def normalised(kind: str, spans: int, engine: Engine) -> pa.Table:
    """Spans as the once rules get them, from payloads that all differ."""
    messages = [
        Message(topic="otlp_spans", partition=0, offset=offset, received_at_us=RECORD_US, value=value)
        for offset, value in enumerate(payloads(Shape(kind=kind), spans))
    ]
    return normalise(decode(messages, engine.table), engine.rules).spans


def told_twice(spans: pa.Table, how: str) -> pa.Table:
    """Every tenth call a second time; the rest as it is."""
    calls = np.flatnonzero(pc.fill_null(spans["_model_call"], fill_value=False).to_numpy())[::EVERY]
    copies = spans.take(pa.array(calls))
    if how != "again":
        ids = np.frombuffer(np.arange(len(calls), dtype=">u8").tobytes(), "S8")
        copies = _put(copies, "parent_span_id", copies["span_id" if how == "nested" else "parent_span_id"])
        copies = _put(copies, "span_id", pa.array([bytes(id_).ljust(8, b"\1") for id_ in ids], pa.binary()))
        copies = _put(copies, "scope_name", pa.repeat("openinference.instrumentation.openai", len(calls)))
        copies = _put(copies, "response_id", pa.nulls(len(calls), pa.string()))
    both = pa.concat_tables([spans, copies])
    return _put(both, "_row", pa.array(np.arange(both.num_rows)))


def _put(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, column)


def steps(kind: str, size: int, engine: Engine) -> Iterator[tuple[str, int, Callable[[], object]]]:
    """Name, number of spans and the act of each step."""
    spans = normalised(kind, size, engine)
    told = once.apply(spans)
    stored = bill(spans, engine).select(SPANS.names).cast(SPANS)
    yield "once, plain", size, lambda: once.apply(spans)
    for how in ("nested", "beside", "again"):
        twice = told_twice(spans, how)
        yield f"once, {how}", twice.num_rows, lambda twice=twice: once.apply(twice)
    yield "users", size, lambda: _rename_users(spans, told, engine.rules.user_key)
    yield "usage", size, lambda: roll_up_usage(stored)
    outcomes = pa.table({name: [None] * 100 for name in OUTCOMES.names}).cast(OUTCOMES)
    yield "outcomes", size, lambda: _place_outcomes(outcomes, stored)


def measure(sizes: Iterable[int], rounds: int) -> Iterator[str]:
    """A line per step."""
    engine = Engine.of(WorkerSettings(), user_key=b"benchmark")
    for kind in ("traces", "chat"):
        for size in sizes:
            for name, spans, act in steps(kind, size, engine):
                act()
                cost = median(cost_of(act) for _ in range(rounds))
                yield f"{kind:8}{size:8}  {name:14}{cost.cpu_s * 1e3:10.2f} ms{cost.cpu_s / spans * 1e6:8.3f} us/span"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--spans", type=int, nargs="*", default=SIZES)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print(machine())
    for line in measure(given.spans, given.rounds):
        print(line, flush=True)


if __name__ == "__main__":
    main()

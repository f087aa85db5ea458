"""The truth: exact, additive, and the same after a trip through JSON."""

from __future__ import annotations

import random
from decimal import ROUND_HALF_EVEN, Decimal

from genai_prices import Usage, calc_price
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.simulator import IncidentSpec, Truth
from ingest.simulator.mechanisms import extra_tasks
from ingest.simulator.tasks import Task
from ingest.simulator.traffic import Traffic
from tests.ingest.simulated import MINUTE_NS, NOON_NS, tally

TRAFFIC = Traffic(calls_per_s=2, seed="truth")
TASKS = list(TRAFFIC.tasks(NOON_NS, NOON_NS + MINUTE_NS))
INCIDENT = IncidentSpec.parse("retry_loop@0+20").at(NOON_NS, index=0)
ALL_TASKS = [*TASKS, *extra_tasks(INCIDENT, TRAFFIC)]


def _of(tasks: list[Task]) -> Truth:
    return tally(tasks, [INCIDENT])


WHOLE = _of(ALL_TASKS)


@settings(max_examples=8, deadline=None)
@given(cut=st.integers(0, len(ALL_TASKS)), seed=st.integers(0, 100))
def test_the_truths_of_parts_merge_to_the_truth_of_the_whole(cut: int, seed: int) -> None:
    shuffled = random.Random(seed).sample(ALL_TASKS, len(ALL_TASKS))

    merged = _of(shuffled[:cut]).merge(_of(shuffled[cut:]))

    assert merged == WHOLE


def test_merging_with_nothing_changes_nothing() -> None:
    truth = WHOLE

    assert truth.merge(Truth()) == truth == Truth().merge(truth)


def test_json_keeps_everything() -> None:
    truth = WHOLE

    assert Truth.from_json(truth.to_json()) == truth


def test_json_of_nothing_keeps_unknown_money_and_times() -> None:
    assert Truth.from_json(Truth().to_json()) == Truth()


def test_a_cost_is_what_genai_prices_says_rounded_once() -> None:
    [priced] = [t for t in TASKS if t.feature.name == "meeting-notes" and t.steps[0].call and t.steps[0].call.usage][:1]
    call = priced.steps[0].call
    assert call
    assert call.usage

    truth = tally([priced])

    usage = Usage(input_tokens=call.usage.input_tokens, output_tokens=call.usage.output_tokens)
    expected = calc_price(usage, "gemini-2.5-flash", provider_id="google").total_price
    assert truth.cost_usd == expected.quantize(Decimal("1e-12"), rounding=ROUND_HALF_EVEN)


def test_a_model_without_a_price_has_tokens_but_no_cost() -> None:
    truth = tally([task for task in TASKS if task.feature.name == "ledger-chat"])

    assert truth.calls == truth.unpriced_calls > 0
    assert truth.tokens["input_tokens"] > 0
    assert truth.cost_usd is None
    assert [line.cost_usd for line in truth.by] == [None]


def test_lines_add_up_to_the_totals() -> None:
    truth = WHOLE

    assert sum(line.calls for line in truth.by) == truth.calls == truth.priced_calls + truth.unpriced_calls
    assert sum(line.cost_usd or 0 for line in truth.by) == truth.cost_usd
    assert sum(line.tokens["output_tokens"] for line in truth.by) == truth.tokens["output_tokens"]
    assert sum(truth.outcomes.values()) == truth.tasks == len(ALL_TASKS)


def test_the_order_of_arrival_does_not_matter() -> None:
    assert _of(ALL_TASKS[::-1]) == WHOLE

"""The page GPU: its words, and in a real browser the numbers of the reports."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from dashboards import gpu_lines
from tests.dashboards.conftest import CALM
from tests.dashboards.served import Dashboard, Reader, reading, serving
from tests.dashboards.test_sre_pages import EVERYTHING, cells
from tests.verbs import report
from tests.warehouse.gpu_world import at, call, samples, settings
from tests.warehouse.settling import World
from warehouse.settings import LakeSettings

GIB = 2**30


def make_gpu_ledger(directory: Path) -> LakeSettings:
    """One GPU for an hour, half busy: three fifths with acme's calls, two with globex'; another one is idle.

    Half of the memory of the first is in use, an eighth of the other's; a server of the model has a queue at times.
    """
    world = World(directory)
    calls = [
        call("a", 0, 3600, "acme", input_tokens=1500, output_tokens=500, stream=True, ttft_ms=400.0),  # 3000 by weight
        call("b", 0, 3600, "globex", feature="search", input_tokens=2000, output_tokens=0),  # 2000
    ]
    first = samples(0.5, memory_used_bytes=40.0 * GIB, memory_total_bytes=80.0 * GIB)
    idle = {"gpu_uuid": "GPU-2", "host": "node-2", "gpu_index": 1}
    second = samples(0.0, memory_used_bytes=10.0 * GIB, memory_total_bytes=80.0 * GIB, **idle)
    server = [
        {"source": "vllm", "sampled_at": at(60 * n), "model": "llama", "model_server": "node-1:8000"}
        | {"requests_running": 4.0, "requests_waiting": float(n % 4 == 0), "kv_cache_utilisation": 0.25}
        for n in range(60)
    ]
    world.flush(calls, samples=[*first, *second, *server])
    world.settle(how=settings(directory))
    return world.settings


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> LakeSettings:
    """GPUs of two nodes."""
    return make_gpu_ledger(tmp_path_factory.mktemp("gpus"))


@pytest.fixture(scope="module")
def served(lake: LakeSettings) -> Iterator[Dashboard]:
    """Its pages."""
    with serving(lake, **CALM) as dashboard:
        yield dashboard


@pytest.fixture
def someone(context: BrowserContext, served: Dashboard) -> Iterator[Reader]:
    """Who sees all."""
    del served
    with reading(context) as found:
        yield found


def test_the_first_line_says_how_busy_gpus_are_and_what_idle_time_costs(
    someone: Reader, served: Dashboard, lake: LakeSettings
):
    page = someone.open(f"{served.url}/gpu{EVERYTHING}")
    (told,) = report("gpu", "--by", "", variables={"SPANLEDGER_LAKE": lake.url})

    expect(page.locator(".sl-lead")).to_contain_text("2 GPUs were 25.0 % busy so far; $5.40 of $7.20 paid for idle")
    assert (told["utilisation"], float(str(told["idle_cost_usd"])), float(str(told["cost_usd"]))) == (0.25, 5.4, 7.2)
    expect(page.locator(".sl-sub").first).to_contain_text("31.2 % of the memory in use")
    lines = {cells(page, "Whose the time was", row)[0]: cells(page, "Whose the time was", row) for row in range(2)}
    assert lines["idle"] == ["idle", "75.0 %", "$5.40", "1.5 h"]
    assert lines["used"] == ["used", "25.0 %", "$1.80", "0.5 h"]
    devices = {one[1]: one for one in (cells(page, "By GPU", row) for row in range(2))}
    assert devices["GPU-1"] == ["node-1", "GPU-1", "50.0 %", "50.0 %", "$1.80", "$3.60"]
    assert devices["GPU-2"][2:5] == ["0 %", "12.5 %", "$3.60"]


def test_tenants_models_and_servers_have_their_costs_and_first_tokens(someone: Reader, served: Dashboard):
    page = someone.open(f"{served.url}/gpu{EVERYTHING}")

    use = cells(page, "By tenant, feature, model")
    assert use == ["acme", "chat", "llama", "1", "0.3 h", "$0.54", "100 %", "$1.08"]
    assert cells(page, "By tenant, feature, model", 1)[-1] == "$0.72"
    # both calls ran on GPU-1, whose whole hour the model bears: 3.60 for 4000 tokens, 1.80 without idle time
    assert cells(page, "Here and elsewhere") == ["llama", "here", "2", "1.0 h", "$0.90", "$0.45", "—", "$3.60"]
    served_by = cells(page, "Model servers")
    assert served_by[:6] == ["llama", "1", "4.00", "0.25", "25.0 %", "25.0 %"]
    assert served_by[7] == "400 ms"  # within 1 %

    page.get_by_role("table", name="By tenant, feature, model").get_by_role("link", name="acme").click()
    expect(page.locator(".sl-lead")).to_contain_text("0.3 h of GPUs used by 1 call so far, $1.08, $0.54 for 1,000")
    expect(page.get_by_role("table", name="By GPU")).to_have_count(0)


@pytest.mark.long
def test_who_sees_one_tenant_sees_its_own_use_alone(lake: LakeSettings, context: BrowserContext):
    with serving(lake, "--tenants", "globex", **CALM) as dashboard, reading(context) as guest:
        page = guest.open(f"{dashboard.url}/gpu{EVERYTHING}")

        expect(page.locator(".sl-lead")).to_contain_text("0.2 h of GPUs used by 1 call so far, $0.72")
        assert "acme" not in page.content()


def test_without_gpus_the_page_says_how_to_send_samples(reader: Reader, pages: Dashboard):
    page = reader.open(f"{pages.url}/gpu{EVERYTHING}")

    expect(page.locator(".sl-empty")).to_contain_text("No GPU is known here")
    expect(page.locator(".sl-empty")).to_contain_text("spanledger gpu-agent")


def test_hours_of_gpus_are_told_for_people():
    assert [gpu_lines.hours(one).text for one in (None, 0, 0.004, 0.375, 1.5, 1234.56)] == [
        "—", "0 h", "0.004 h", "0.38 h", "1.5 h", "1,234.6 h",
    ]  # fmt: skip


def test_without_a_rate_nobody_knows_what_idle_time_costs():
    line = gpu_lines.fleet({"utilisation": 0.5, "cost_usd": None}, 1, phrase="today")
    known = gpu_lines.fleet(
        {"utilisation": 1.0, "cost_usd": Decimal(2), "idle_cost_usd": Decimal(0)}, 2, phrase="today"
    )

    assert "1 GPU</b> was" in line
    assert "is not known without a rate" in line
    assert "2 GPUs</b> were" in known
    assert "$0.00</b> of" in known

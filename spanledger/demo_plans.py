"""What a demo's pages hold its calls against: budgets and objectives of the simulated companies, what GPUs cost."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from spanledger.files import write

MONTHLY_USD = {"acme": 14_000, "globex": 4_000, "hooli": 4_200, "initech": 400, "umbrella": 900}
"""At ``PLANNED_RATE``: nobody overruns, since a demo tells of its one incident alone."""
PLANNED_RATE = 0.5
BUDGET = """[[budgets]]
name = "{tenant}"
of = {{tenant = "{tenant}"}}
period = "month"
amount = "{amount}"
owner = "finance@{tenant}.example"
thresholds = []
"""
SLOS = """[[slos]]
name = "support chat answers"
signal = "availability"
of = {tenant = "acme", feature = "support-chat"}
target = 95

[[slos]]
name = "coding help begins at once"
signal = "ttft"
limit_ms = 1000
of = {tenant = "hooli", feature = "code-assistant"}
target = 95

[[slos]]
name = "contracts are read in time"
signal = "duration"
limit_ms = 10000
of = {tenant = "globex", feature = "contract-review"}
target = 95
window = "7d"
"""


GPUS = """[[rates]]
gpu_model = "NVIDIA H100*"
terms = "reserved"
usd_per_hour = "2.10"
"""


def write_plans(folder: Path, rate: float) -> dict[str, str]:
    """Write the files into the folder; the variables that name them. ``rate``: calls a second. Raises CannotRun."""
    budgets, slos, gpus = (folder / f"{name}.toml" for name in ("budgets", "slos", "gpus"))
    scale = Decimal(str(rate)) / Decimal(str(PLANNED_RATE))
    folder.mkdir(parents=True, exist_ok=True)
    told = (BUDGET.format(tenant=who, amount=f"{usd * scale:.2f}") for who, usd in MONTHLY_USD.items())
    write(budgets, "\n".join(told), "the demo's budgets")
    write(slos, SLOS, "the demo's objectives")
    write(gpus, GPUS, "what the demo's GPUs cost")
    return {
        "SPANLEDGER_SETTLE_BUDGETS": str(budgets),
        "SPANLEDGER_SETTLE_SLOS": str(slos),
        "SPANLEDGER_SETTLE_GPUS": str(gpus),
    }

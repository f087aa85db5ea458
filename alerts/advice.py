"""What to do first, by signal, and the page that says more."""

from __future__ import annotations

from collections.abc import Mapping

PAGES = "docs/runbooks"
_BUDGET = ("Ask the owner whether the amount or the plan is wrong; see who spends most.", "budgets.md")
ADVICE: Mapping[str, tuple[str, str]] = {
    "spend": ("Find out whether the principal is known; if not, change its key. Else look for a loop.", "spend.md"),
    "calls": ("Look for a loop of retries or of an agent; throttle the principal.", "calls.md"),
    "tokens_per_call": ("Compare the prompt with the one before; look for what is put into it.", "tokens-per-call.md"),
    "unit_price": ("Compare the model's prices; look for another tier or region.", "unit-price.md"),
    **dict.fromkeys(("budget_threshold", "budget_exceeded", "budget_slow_burn", "budget_fast_burn"), _BUDGET),
}
"""Signal -> what to do, and a page below ``PAGES``."""


def advise(signal: str) -> Mapping[str, str]:
    """``action`` and ``runbook`` of a signal."""
    action, page = ADVICE[signal]
    return {"action": action, "runbook": f"{PAGES}/{page}"}

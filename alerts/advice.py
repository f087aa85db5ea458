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
    "errors_rate_limit": ("Spread the load or ask for a higher limit; route to a fallback meanwhile.", "errors.md"),
    "errors_quota": ("Pay the bill or raise the quota at the provider; route to a fallback meanwhile.", "errors.md"),
    "errors_provider": ("Look at the provider's status page; route to a fallback until it is over.", "errors.md"),
    "errors_auth": ("See whether the key was changed, revoked or lacks a permission.", "errors.md"),
    "errors_content_filter": ("Look at what users ask: an attack, or a prompt that trips the filter.", "errors.md"),
    "errors_context_length": ("Compare the prompt with the one before; cut what is put into it.", "errors.md"),
    "errors_request": ("Undo the last release: it asks for what the provider does not know.", "errors.md"),
    "errors_answer": ("Compare prompt and model with those before: answers have lost their form.", "errors.md"),
    "errors_other": ("Look at the spans: their errors are of no known class.", "errors.md"),
    "retry_share": ("Find out what is tried again, and stop loops; every retry is paid for.", "retry-share.md"),
    "ttft_p95": ("See whether prompts have grown; else route to a faster model or region.", "ttft-p95.md"),
    "duration_p95": ("See whether answers have grown; else route to a faster model or region.", "duration-p95.md"),
    "cache_share": (
        "Compare the beginning of the prompt with the one before: what changes breaks it.",
        "cache-share.md",
    ),
    "unpriced_share": ("Add the model to the prices; until then its spend is not known.", "unpriced-share.md"),
    "injections": ("Find out who attacks; block the user or the source of the documents.", "injections.md"),
    "pii": ("Find out where the personal data come from; redact them before the call.", "pii.md"),
    "safety_blocks": ("Look at what is blocked: an attack, or a guard that is too strict.", "safety.md"),
    "safety_triggers": ("Look at what guards find, and whether they were changed.", "safety.md"),
    "tool_failures": ("See which tool fails and why; agents pay for trying it again.", "tools.md"),
    "retrieval_failures": ("See whether the vector store is up; answers lack their sources meanwhile.", "tools.md"),
    "agent_steps": ("Find the tasks with the most steps and stop them; limit the steps of a task.", "agent-steps.md"),
    "silence": ("See whether the application is up and still sends spans.", "silence.md"),
    "slo_fast_burn": ("See what fails, and stop the change that came with it; the page says how.", "slo.md"),
    "slo_slow_burn": ("See what fails in these hours; the budget will not last for the window.", "slo.md"),
    "gpu_saturated": (
        "Add servers of the model, or send part of its calls elsewhere.",
        "gpus.md",
    ),
    "gpu_idle": ("Stop the servers, or give their GPUs to another model; they are paid for.", "gpus.md"),
    "newcomer": ("Find out whether it is meant to be there; announce it in the calendar.", "newcomer.md"),
    "forecast_overrun": ("Ask the owner whether the amount or the plan is wrong; see who spends most.", "budgets.md"),
    **dict.fromkeys(("budget_threshold", "budget_exceeded", "budget_slow_burn", "budget_fast_burn"), _BUDGET),
}
"""Signal -> what to do, and a page below ``PAGES``."""


def advise(signal: str, runbooks_url: str | None = None) -> Mapping[str, str]:
    """``action`` and ``runbook`` of a signal; the page is a link where it is known where the pages are served."""
    action, page = ADVICE[signal]
    return {"action": action, "runbook": f"{(runbooks_url or PAGES).rstrip('/')}/{page}"}

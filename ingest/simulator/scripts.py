"""What one task of a feature does: the tree of steps that its script plays.

=========  =====================================================================================================
answer     one model call, nothing around it
grounded   guardrail, retrieval (with its embeddings), model call, sometimes a tool and a second call, guardrail
agent      an agent that calls models and tools in turns, its context growing
extract    a model call whose answer must parse; where it does not, it is repeated, and was paid for
index      a run of embeddings calls
=========  =====================================================================================================

Parents carry no usage: what children report is not repeated. Everything random is drawn from the ``Random`` passed in.
"""

from __future__ import annotations

from random import Random

from ingest.simulator.catalog import RETRIEVAL, SAFETY_GATEWAY, Feature, Model
from ingest.simulator.stage import Stage
from ingest.simulator.tasks import Evaluation, Task, Verdict

SILENT_SHARE = 0.2  # of tasks, whose outcome nobody tells
CONTENT_SHARE = 0.94  # of tasks that worked, whose user is served
NEW_QUESTION_SHARE = 0.5  # of retrievals, whose question has no embedding in the cache yet
TOOL_SHARE = 0.35  # of grounded answers, that need a tool
EVALUATED_SHARE = 0.25  # of answers, that an evaluator judges
SIDE_SHARE = 0.3  # of an agent's turns, that go to its fast model
GOOD_FROM = 0.5
JUDGED_SHARE = 0.3  # of the tasks of guarded features and agents that are done, whose answers somebody looks at
SAFE_SHARE = 0.985  # of these
VERDICTS = {
    Verdict(action="allowed"): 90.5,
    Verdict(action="redacted", category="pii"): 6.0,
    Verdict(action="blocked", category="prompt_injection"): 3.5,
}
"""What guardrails decide, in percent: most pass, personal data is masked, attacks are blocked."""


def play(feature: Feature, rng: Random, started_at_ns: int) -> Task:
    """One ordinary task of ``feature`` that starts at ``started_at_ns``."""
    stage = Stage(feature=feature, rng=rng, started_at_ns=started_at_ns)
    done = _SCRIPTS[feature.script](stage)
    return stage.close(outcome=_outcome(rng, done=done), safe=_safe(stage) if done else None)


def _outcome(rng: Random, *, done: bool) -> str | None:
    """Some tasks never tell; what is done still fails the user now and then."""
    if rng.random() < SILENT_SHARE:
        return None
    return "success" if done and rng.random() < CONTENT_SHARE else "failure"


def _safe(stage: Stage) -> str | None:
    """Whether the answers could be given to anybody; of few tasks somebody says so."""
    is_judged = stage.feature.guarded or stage.feature.script == "agent"
    if not is_judged or stage.aside.random() >= JUDGED_SHARE:
        return None
    return "safe" if stage.aside.random() < SAFE_SHARE else "unsafe"


def _answer(stage: Stage) -> bool:
    return stage.call(parent=None)


def _extract(stage: Stage) -> bool:
    root = stage.open("task", stage.feature.name)
    done = stage.call(parent=root, misparse_rate=0.05)
    stage.finish(root)
    return done


def _index(stage: Stage) -> bool:
    root = stage.open("task", stage.feature.name)
    failed = sum(not stage.embed(stage.feature.model, parent=root) for _ in range(stage.rng.randint(2, 6)))
    stage.finish(root)
    return failed == 0


def _grounded(stage: Stage) -> bool:
    root = stage.open("task", stage.feature.name)
    done = _pass_guardrail(stage, root, "input-filter") and _retrieve_and_answer(stage, root)
    stage.finish(root, evaluations=_evaluate(stage) if done else ())
    return done


def _retrieve_and_answer(stage: Stage, root: int) -> bool:
    _retrieve(stage, root)
    done = stage.call(parent=root)
    if done and stage.feature.tools and stage.rng.random() < TOOL_SHARE:
        stage.tool(parent=root)
        done = stage.call(parent=root)
    return done and _pass_guardrail(stage, root, "output-filter")


def _retrieve(stage: Stage, root: int) -> None:
    retrieval = stage.open("retrieval", f"{stage.feature.tenant}-knowledge", parent=root, service=RETRIEVAL)
    if stage.feature.side_model and stage.rng.random() < NEW_QUESTION_SHARE:
        stage.embed(stage.feature.side_model, parent=retrieval, service=RETRIEVAL, input_tokens=40)
    stage.wait(0.02, 0.12)
    stage.finish(retrieval)


def _pass_guardrail(stage: Stage, root: int, name: str) -> bool:
    """Whether the guarded feature may go on; an unguarded one always may."""
    if not stage.feature.guarded:
        return True
    verdict = stage.rng.choices(tuple(VERDICTS), tuple(VERDICTS.values()))[0]
    guardrail = stage.open("guardrail", name, parent=root, service=SAFETY_GATEWAY)
    stage.wait(0.01, 0.06)
    stage.finish(guardrail, verdict=verdict)
    return verdict.action != "blocked"


def _evaluate(stage: Stage) -> tuple[Evaluation, ...]:
    """A share of the answers is judged by an evaluator; later prompts are a little better grounded."""
    if stage.rng.random() > EVALUATED_SHARE:
        return ()
    better = 0.04 * (int(stage.prompt_version) % 3)
    return (
        _judged(stage.rng, "groundedness", 0.74 + better, "grounded", "ungrounded"),
        _judged(stage.rng, "helpfulness", 0.70 + better, "helpful", "unhelpful"),
    )


def _judged(rng: Random, name: str, mean: float, good: str, bad: str) -> Evaluation:
    """A score around ``mean``, and the word for it."""
    score = round(min(1.0, max(0.0, rng.gauss(mean, 0.15))), 3)
    return Evaluation(name=name, score=score, label=good if score >= GOOD_FROM else bad)


def _agent(stage: Stage) -> bool:
    root = stage.open("invoke_agent", stage.feature.name)
    done, turns = True, stage.rng.randint(3, 6)
    for turn in range(turns):
        last = turn + 1 == turns
        reason = "stop" if last else "tool_calls"
        done = stage.call(parent=root, model=_pick_model(stage), growth=1.0 + 0.35 * turn, finish_reason=reason)
        if not done:
            break
        if not last:
            stage.tool(parent=root)
    stage.finish(root, evaluations=_evaluate(stage) if done else ())
    return done


def _pick_model(stage: Stage) -> Model:
    """An agent gives some turns to its fast model, where it has one."""
    side = stage.feature.side_model
    return side if side and stage.rng.random() < SIDE_SHARE else stage.feature.model


_SCRIPTS = {"answer": _answer, "grounded": _grounded, "agent": _agent, "extract": _extract, "index": _index}

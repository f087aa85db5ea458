"""Scenes: what applications do and how it is told, each with the calls that it makes.

A scene is a function of the world and a ``Draw``: which instrumentations speak, how many calls, what they used. What it
adds to ``world.calls`` is written beside what is told, never reckoned from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.processors.worlds import OWN_MODEL, Call, Told, Usage, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """The chances of a scene."""

    one: str  # instrumentation
    other: str  # a second one, never the first
    used: Usage
    model: str
    count: int  # 1 to 4
    yes: bool
    maybe: bool
    lag: float  # milliseconds between two instrumentations of one call, below 5
    tenant: str | None


Scene = Callable[[World, Draw], None]


def chat(draw: Draw, **fields: object) -> Call:
    """A chat that went well."""
    return replace(Call(model=draw.model, usage=draw.used, tenant=draw.tenant), **fields)  # type: ignore[arg-type]


def web(world: World, draw: Draw, **fields: float) -> Told:
    """A request that an application serves; it says whose it is."""
    return world.plain(None, {"http.route": "/"} | ({"tenant.id": draw.tenant} if draw.tenant else {}), **fields)


def agent(world: World, parent: Told | None, **fields: float) -> Told:
    """An agent that repeats what its calls use."""
    given = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.usage.input_tokens": 9_999,
        "gen_ai.request.model": "gpt-4o",
    }
    return world.plain(parent, given, scope="gen_ai", **fields)


def tool(world: World, parent: Told, **fields: float) -> Told:
    """A tool that a model asked for."""
    return world.plain(
        parent, {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"}, scope="gen_ai", **fields
    )


def sequential_calls_with_equal_counts(world: World, draw: Draw) -> None:
    root = agent(world, web(world, draw))
    for n in range(draw.count):
        world.tell(draw.one, chat(draw), root, at=n * 1500, id=world.response_id() if draw.yes else None)
    world.calls += [chat(draw)] * draw.count


def concurrent_calls_with_equal_counts(world: World, draw: Draw) -> None:
    root = agent(world, web(world, draw))
    for n in range(draw.count):
        world.tell(draw.one, chat(draw), root, at=n * draw.lag, id=world.response_id() if draw.yes else None)
    world.calls += [chat(draw)] * draw.count


def calls_told_by_two_nested(world: World, draw: Draw) -> None:
    root = web(world, draw)
    for n in range(draw.count):
        id_ = world.response_id() if draw.maybe else None
        outer = world.tell(draw.one, chat(draw), root, at=n * draw.lag, ms=1000, id=id_, known=draw.yes)
        http = world.plain(outer, {"http.method": "POST"}, at=n * draw.lag) if draw.count == 3 else outer
        world.tell(draw.other, chat(draw), http, at=n * draw.lag + 1, ms=990, id=id_ if draw.yes else None)
    world.calls += [chat(draw)] * draw.count


def calls_told_by_two_side_by_side(world: World, draw: Draw) -> None:
    root = web(world, draw)
    for n in range(draw.count):
        at = n * 0.5
        world.tell(draw.one, chat(draw), root, at=at, ms=1000, id=world.response_id() if draw.maybe else None)
        world.tell(draw.other, chat(draw), root, at=at + draw.lag, ms=1000 - 2 * draw.lag, known=draw.yes)
    world.calls += [chat(draw)] * draw.count


def calls_told_by_two_at_the_same_instant(world: World, draw: Draw) -> None:
    root = web(world, draw)
    for _ in range(draw.count):
        world.tell(draw.one, chat(draw), root)
        world.tell(draw.other, chat(draw), root)
    world.calls += [chat(draw)] * draw.count


def calls_told_by_two_in_two_traces(world: World, draw: Draw) -> None:
    for n in range(draw.count):
        id_ = world.response_id() if draw.maybe else None
        world.tell(draw.one, chat(draw), at=n * 300, ms=1000, id=id_, failed=False)
        world.tell(draw.other, chat(draw), at=n * 300 + draw.lag, ms=1000 - 2 * draw.lag, id=id_)
    world.calls += [chat(draw)] * draw.count


def failed_calls_told_by_two(world: World, draw: Draw) -> None:
    root = web(world, draw) if draw.yes else None
    for n in range(draw.count):
        world.tell(draw.one, chat(draw), root, at=n * 200, ms=90, known=False, failed=True)
        world.tell(draw.other, chat(draw), root, at=n * 200 + draw.lag, ms=80, known=False, failed=True)
    world.calls += [chat(draw, usage=None)] * draw.count


def a_tracer_that_does_not_follow_the_context(world: World, draw: Draw) -> None:
    root = web(world, draw)
    world.tell(draw.one, chat(draw), agent(world, agent(world, root)), at=1, ms=1000)
    world.tell(draw.other, chat(draw), root, at=1 + draw.lag, ms=990)
    world.calls.append(chat(draw))


def client_and_gateway(world: World, draw: Draw) -> None:
    server, model = ("vllm", OWN_MODEL) if draw.yes else ("litellm_v1", draw.model)
    call, id_ = chat(draw, model=model), world.response_id()
    client = world.tell(draw.one, call, web(world, draw), id=id_)
    unknown = replace(call, tenant=None)  # the gateway does not know whose it is
    parent = client if draw.maybe else None
    gateway = world.tell(server, unknown, parent, at=4, ms=980, id=id_, service="proxy")
    if draw.count > 2 and not draw.yes:
        world.plain(gateway, {"gen_ai.request.model": model}, name="raw_gen_ai_request", scope="litellm", at=6, ms=970)
    world.calls.append(call)


def a_gateway_that_tries_a_second_provider(world: World, draw: Draw) -> None:
    client = world.tell(draw.one, chat(draw), web(world, draw), ms=2000)
    gateway = world.plain(client, {"http.route": "/v1"}, service="proxy", at=1, ms=1990)
    first = chat(draw, model="gpt-4o", usage=Usage(input=draw.used.input + 7, output=11) if draw.yes else None)
    world.tell("litellm_v1", first, gateway, at=2, ms=800, failed=True, service="proxy")
    world.tell("litellm_v1", chat(draw), gateway, at=900, ms=1000, service="proxy")
    world.calls += [first, chat(draw)]


def raw_copy(world: World, call: Call, parent: Told, id_: str, at: float) -> None:
    """What LiteLLM hangs below the span that was active: the provider's answer as it came."""
    used = call.usage or Usage(input=0)
    counts = {"prompt_tokens": used.input, "completion_tokens": used.output, "total_tokens": used.input + used.output}
    counts |= {"prompt_tokens_details": {"cached_tokens": used.cached}}
    counts |= {"completion_tokens_details": {"reasoning_tokens": used.reasoning}}
    given = {"llm.openai.id": id_, "llm.openai.model": call.model, "llm.openai.usage": repr(counts)}
    world.plain(parent, given, name="raw_gen_ai_request", scope="litellm", at=at, ms=90)


def litellm_with_its_raw_copies(world: World, draw: Draw) -> None:
    root = web(world, draw) if draw.yes else None
    for n in range(draw.count):
        id_, start = world.response_id(), n * 200
        if draw.maybe:  # the OpenAI client that LiteLLM asks through is watched too
            world.tell("openinference", chat(draw), root, at=start + 1 + draw.lag, ms=80, id=id_)
        outer = world.tell("litellm_v1", chat(draw), root, at=start, ms=100, id=id_)
        raw_copy(world, chat(draw), outer, id_, start + 5)
    world.calls += [chat(draw)] * draw.count


def litellm_over_a_span_of_the_application(world: World, draw: Draw) -> None:
    used = [replace(draw.used, input=draw.used.input + n) for n in range(draw.count)]
    calls, ids = [chat(draw, usage=one) for one in used], [world.response_id() for _ in used]
    overwritten = world.tell("litellm_v1", calls[-1], web(world, draw), ms=2000, id=ids[-1])
    overwritten.scope, overwritten.name = "web", "POST /answer"
    apart = 200 if draw.yes else 0
    for n, (call, id_) in enumerate(zip(calls, ids, strict=True)):
        raw_copy(world, call, overwritten, id_, 10 + n * apart)
        if draw.maybe:
            world.tell("openinference", call, overwritten, at=9 + n * apart, ms=92, id=id_)
    world.calls += calls


def hedged_requests(world: World, draw: Draw) -> None:
    root = world.tell(draw.one, chat(draw), web(world, draw), ms=1000)
    world.tell(draw.other, chat(draw), root, at=1, ms=900)
    late = chat(draw, usage=Usage(input=draw.used.input, output=draw.used.output + 50))
    world.tell(draw.other, late, root, at=2, ms=990)
    world.calls += [chat(draw), late]


def streams_told_by_request_and_record(world: World, draw: Draw) -> None:
    span, log = {"logfire.span_type": "span", "gen_ai.request.stream": True}, {"logfire.span_type": "log"}
    late = draw.lag * 1000 if draw.maybe else 0  # below one span they are known however late the stream is read
    below = web(world, draw) if draw.maybe and draw.count > 1 else None
    for n in range(draw.count):
        at = n * 120 if draw.yes else 0  # nearer ones may be paired crosswise by a flush that has not seen all
        wrapped = draw.maybe and draw.count == 1
        outer = world.tell("pydantic_ai", chat(draw), at=at - 1, ms=700 + late) if wrapped else below
        world.tell("logfire", chat(draw), outer, at=at, ms=5, known=False, also=span)
        name = f"streaming response from '{draw.model}' took 0.60s"
        world.tell("logfire", chat(draw), outer, at=at + 605 + late, ms=0, name=name, also=log | {"duration": 0.6})
    world.calls += [chat(draw)] * draw.count


def a_wrapper_that_adds_up(world: World, draw: Draw) -> None:
    count, used = draw.count + 1, draw.used
    sums = Usage(input=used.input * count, output=used.output * count, cached=used.cached * count)
    outer = world.tell(draw.one, chat(draw, usage=sums), web(world, draw), ms=9000)
    for n in range(count):
        world.tell(draw.one if draw.yes else draw.other, chat(draw), outer, at=n * 1100)
    world.calls += [chat(draw)] * count


def steps_of_the_vercel_sdk(world: World, draw: Draw) -> None:
    given = {"ai.operationId": "ai.generateText", "ai.model.id": draw.model, "ai.usage.promptTokens": 77_777}
    outer = world.plain(web(world, draw), given, scope="ai")
    for n in range(draw.count):
        world.tell("vercel_ai_legacy", chat(draw), outer, at=n * 1100, id=world.response_id())
    world.calls += [chat(draw)] * draw.count


ANYBODYS = ("otel_genai", "litellm_v1", "of nobody known")
"""Words that a span of the application may have too."""


def attempts_in_a_framework(world: World, draw: Draw) -> None:
    outer = world.tell(draw.one, chat(draw), web(world, draw), ms=5000) if draw.yes else web(world, draw)
    for n in range(draw.count):
        world.tell(draw.other, chat(draw), outer, at=n * 500 + 1, ms=90, known=False, failed=True)
    world.tell(draw.other, chat(draw), outer, at=draw.count * 500 + 1)
    is_request = draw.yes and draw.one not in ANYBODYS  # of a client that tries again, docs/once.md
    world.calls += [*([] if is_request else [chat(draw, usage=None)] * draw.count), chat(draw)]


def a_response_that_is_polled(world: World, draw: Draw) -> None:
    id_, fetch = world.response_id("resp_"), {"gen_ai.operation.name": "fetch_response"}
    root = web(world, draw)
    world.tell("otel_genai", chat(draw), root, id=id_, ms=50, known=draw.yes)
    for n in range(draw.count):
        known = n == draw.count - 1 or draw.yes
        world.tell("otel_genai", chat(draw), root, at=1000 * n + 500, ms=30, id=id_, known=known,
                   also=fetch if draw.maybe else {})  # fmt: skip
    world.calls.append(chat(draw))


def a_proxy_with_one_id_for_all(world: World, draw: Draw) -> None:
    root = web(world, draw)
    id_ = "chatcmpl-local-0001" if draw.yes else world.response_id("req-")
    for n in range(draw.count + 1):
        call = chat(draw, usage=replace(draw.used, output=draw.used.output + 10 * n))
        world.tell(draw.one, call, root, at=1200 * n, id=id_)
        world.calls.append(call)


def ids_that_say_nothing(world: World, draw: Draw) -> None:
    id_ = ("chatcmpl-417", "chatcmpl-xxxxxxxxxxxx", "00000000-0000-0000-0000-000000000000", "")[draw.count - 1]
    for n in range(2):
        world.tell(draw.one, chat(draw), web(world, draw), at=1200 * n, id=id_)
    world.calls += [chat(draw)] * 2


def a_tool_that_asks_another_model(world: World, draw: Draw) -> None:
    big = chat(
        draw, model="gpt-4o", usage=replace(draw.used, input=draw.used.input + 900, output=draw.used.output + 90)
    )
    outer = world.tell(draw.one, big, web(world, draw), ms=9000)
    if draw.maybe:
        outer = world.tell(draw.other, big, outer, at=1, ms=8990)
    small = chat(draw, model="gpt-4o-mini")
    inside = agent(world, outer) if draw.yes else tool(world, outer)
    world.tell(draw.one, small, inside, at=2000, ms=500)
    world.calls += [big, small]


def a_cheap_model_asked_inside_a_dear_one(world: World, draw: Draw) -> None:
    """Both may answer in one word: then only model, input and perhaps ids tell them apart."""
    word = replace(draw.used, output=1, reasoning=0)
    long = 1 if draw.lag < 2.5 else 300
    big = chat(draw, model="gpt-4o", usage=replace(word, input=word.input * draw.count + 7_001, output=long))
    outer = world.tell(draw.one, big, web(world, draw), ms=9000, id=world.response_id() if draw.yes else None)
    small = chat(draw, model="gpt-4o-mini", usage=word)
    for n in range(draw.count):
        id_ = world.response_id() if draw.maybe else None
        asked = world.tell(draw.other, small, outer, at=2000 * n + 100, ms=500, id=id_)
        if draw.maybe:
            world.tell(draw.one, small, asked, at=2000 * n + 101, ms=490, id=id_)
    world.calls += [big, *([small] * draw.count)]


def a_chat_that_embeds_first(world: World, draw: Draw) -> None:
    outer = world.tell(draw.one, chat(draw), web(world, draw), ms=2000)
    embedding = Call(model="text-embedding-3-small", operation="embeddings", usage=Usage(input=40), tenant=draw.tenant)
    world.tell(draw.one, embedding, outer, at=5, ms=50)
    if draw.yes:
        world.tell(draw.other, chat(draw), outer, at=60, ms=1900)
    world.calls += [chat(draw), embedding]


def two_agents_at_once(world: World, draw: Draw) -> None:
    root = web(world, draw)
    for convention in (draw.one, draw.other):
        world.tell(convention, chat(draw), agent(world, root if draw.yes else web(world, draw)), at=draw.lag, ms=1000)
    world.calls += [chat(draw)] * 2


def two_models_at_once(world: World, draw: Draw) -> None:
    root = agent(world, web(world, draw))
    for model in ("gpt-4o", "gpt-4o-mini"):
        world.tell(draw.one, chat(draw, model=model), root, at=1)
        world.tell(draw.other, chat(draw, model=model), root, at=2, ms=995)
        world.calls.append(chat(draw, model=model))


def embeddings_told_by_two(world: World, draw: Draw) -> None:
    root = web(world, draw)
    call = Call(model="text-embedding-3-small", operation="embeddings", usage=Usage(input=64), tenant=draw.tenant)
    for n in range(draw.count):
        outer = world.tell(draw.one, call, root, at=n * draw.lag, ms=300)
        world.tell(draw.other, call, outer if draw.yes else root, at=n * draw.lag + 1, ms=298)
    world.calls += [call] * draw.count


def calls_that_nobody_counted(world: World, draw: Draw) -> None:
    root = web(world, draw)
    for n in range(draw.count):
        outer = world.tell(draw.one, chat(draw), root, at=n * 1100, known=False)
        if draw.yes:
            world.tell(draw.other, chat(draw), outer, at=n * 1100 + 1, ms=990, known=False)
    world.calls += [chat(draw, usage=None)] * draw.count


SCENES: tuple[Scene, ...] = (
    *(sequential_calls_with_equal_counts, concurrent_calls_with_equal_counts, calls_told_by_two_nested),
    *(calls_told_by_two_side_by_side, calls_told_by_two_at_the_same_instant, calls_told_by_two_in_two_traces),
    *(failed_calls_told_by_two, a_tracer_that_does_not_follow_the_context, client_and_gateway),
    *(a_gateway_that_tries_a_second_provider, hedged_requests, streams_told_by_request_and_record),
    *(a_wrapper_that_adds_up, steps_of_the_vercel_sdk, attempts_in_a_framework, a_response_that_is_polled),
    *(a_proxy_with_one_id_for_all, ids_that_say_nothing, a_tool_that_asks_another_model, a_chat_that_embeds_first),
    *(two_agents_at_once, two_models_at_once, embeddings_told_by_two, calls_that_nobody_counted),
    *(a_cheap_model_asked_inside_a_dear_one, litellm_with_its_raw_copies, litellm_over_a_span_of_the_application),
)


def play(scenes: list[tuple[Scene, Draw]]) -> World:
    """The scenes, one after the other, a minute each."""
    world = World()
    for scene, draw in scenes:
        world.slot += 1
        scene(world, draw)
    return world

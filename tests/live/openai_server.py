"""A small OpenAI-compatible server on loopback: chat (whole and streamed), tools, embeddings, errors.

Which case is played stands in the last message or in the embedding's input. A stream's first chunk comes after
``FIRST_CHUNK_S``, so a time to first token has something to measure.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.live.cases import ANSWERING_MODEL, BY_NAME, EMBEDDING_MODEL, Case

FIRST_CHUNK_S = 0.06
WORDS = ("top ", "secret ", "answer")
TOOL_CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}


@dataclass(slots=True)
class OpenAIServer:
    """What the server has answered so far, by case; ``base_url`` is the client's."""

    requests: Counter[str] = field(default_factory=Counter)
    port: int = 0

    @property
    def base_url(self) -> str:
        """The API's base, as the client wants it."""
        return f"http://127.0.0.1:{self.port}/v1"

    def application(self) -> web.Application:
        """The routes."""
        application = web.Application()
        application.add_routes(
            [web.post("/v1/chat/completions", self._chat), web.post("/v1/embeddings", self._embeddings)]
        )
        return application

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        case = self._case(body["messages"][-1]["content"])
        refusal = self._refuse(case)
        if refusal is not None:
            return refusal
        if not body.get("stream"):
            return web.json_response(_completion(case))
        return await _stream(request, case)

    async def _embeddings(self, request: web.Request) -> web.StreamResponse:
        case = self._case((await request.json())["input"])
        vector = {"object": "embedding", "index": 0, "embedding": [0.1, 0.2, 0.3]}
        usage = {"prompt_tokens": case.input_tokens, "total_tokens": case.input_tokens}
        return web.json_response({"object": "list", "data": [vector], "model": EMBEDDING_MODEL, "usage": usage})

    def _case(self, content: str) -> Case:
        case = BY_NAME[content.split(":", 1)[0]]
        self.requests[case.name] += 1
        return case

    def _refuse(self, case: Case) -> web.Response | None:
        """The error of the case, while it is due."""
        if case.status == 200 or (case.refusals is not None and self.requests[case.name] > case.refusals):
            return None
        error = {"message": case.message, "type": _error_type(case), "param": None, "code": case.code}
        headers = {"retry-after-ms": "1"}  # the client's own header: it need not wait
        return web.json_response({"error": error}, status=case.status, headers=headers)


def _error_type(case: Case) -> str:
    if case.status == 500:
        return "server_error"
    return {"rate_limit_exceeded": "requests", "insufficient_quota": "insufficient_quota"}.get(
        case.code or "", "invalid_request_error"
    )


def _usage(case: Case) -> dict[str, Any]:
    return {
        "prompt_tokens": case.input_tokens,
        "completion_tokens": case.output_tokens,
        "total_tokens": case.input_tokens + case.output_tokens,
        "prompt_tokens_details": {"cached_tokens": case.cached_input_tokens, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": case.reasoning_tokens, "audio_tokens": 0},
    }


def _head(case: Case, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{case.name}", "object": kind, "created": 1_790_000_000, "model": ANSWERING_MODEL}


def _completion(case: Case) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None if case.tools else "".join(WORDS)}
    if case.tools:
        message["tool_calls"] = [TOOL_CALL]
    choice = {"index": 0, "message": message, "finish_reason": case.finish_reason, "logprobs": None}
    return _head(case, "chat.completion") | {"choices": [choice], "usage": _usage(case)}


async def _stream(request: web.Request, case: Case) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await asyncio.sleep(FIRST_CHUNK_S)
    for chunk in _chunks(case):
        await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
    await response.write(b"data: [DONE]\n\n")
    return response


def _chunks(case: Case) -> Iterator[dict[str, Any]]:
    head = _head(case, "chat.completion.chunk")
    deltas = [{"role": "assistant", "content": ""}, *({"content": word} for word in WORDS), {}]
    for i, delta in enumerate(deltas):
        reason = case.finish_reason if i + 1 == len(deltas) else None
        yield head | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
    if case.include_usage:
        yield head | {"choices": [], "usage": _usage(case)}


@contextmanager
def openai_server() -> Iterator[OpenAIServer]:
    """Run the server in a thread, on a free port."""
    server = OpenAIServer()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="openai-server")
    thread.start()
    runner = web.AppRunner(server.application())

    async def start() -> None:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.port = runner.addresses[0][1]

    try:
        asyncio.run_coroutine_threadsafe(start(), loop).result(10)
        yield server
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()

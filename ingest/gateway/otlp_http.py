"""OTLP/HTTP: POST /v1/traces, /v1/metrics, /v1/logs in protobuf or JSON, as it is or gzipped; and POST /v1/outcomes.

The key is checked before the body is read. aiohttp would unpack bodies by itself and without a bound, so that is turned
off: pieces are unpacked and counted as they arrive.
"""

from __future__ import annotations

import asyncio
import contextlib

from aiohttp import web

from ingest.gateway import answers, outcomes
from ingest.gateway.inflate import unpacker
from ingest.gateway.keys import Client, presented_key
from ingest.gateway.limits import OVERLOAD_RETRY_S, Charge
from ingest.gateway.payload import Encoding
from ingest.gateway.receiver import Receiver
from ingest.gateway.refusals import CODES, Reason, Refused
from ingest.gateway.signals import SIGNALS

LAST_WORDS_S = 1.0  # for answers that are written when a drain closes the connections
BY_PATH = {signal.path: signal for signal in SIGNALS}
NAMES = {outcomes.PATH: "outcomes", **{signal.path: signal.name for signal in SIGNALS}}
"""What the metrics call the paths."""


class HttpExport:
    """The handler of every HTTP request."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._open_requests = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def runner(self) -> web.AppRunner:
        """Server of this handler, ready for a site."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        return web.AppRunner(app, auto_decompress=False, access_log=None, shutdown_timeout=LAST_WORDS_S)

    async def drain(self, runner: web.AppRunner, timeout_s: float) -> None:
        """Close the port, wait for the open requests, then close the connections.

        aiohttp's own shutdown stops reading from connections at once, so that late requests would hang.
        """
        for site in list(runner.sites):
            await site.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        await runner.cleanup()

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request, whatever it is."""
        self._open_requests += 1
        self._idle.clear()
        try:
            return await self._answer(request)
        finally:
            self._open_requests -= 1
            if not self._open_requests:
                self._idle.set()

    async def _answer(self, request: web.Request) -> web.Response:
        encoding = answer_encoding(request)
        try:
            return await self._export(request, encoding)
        except Refused as refused:
            self._receiver.meters.count_refused(
                signal=NAMES.get(request.path, "none"), protocol="http", reason=refused.reason.value
            )
            return web.Response(
                status=refused.codes.http,
                headers=refusal_headers(refused),
                body=answers.encode(answers.status(refused), encoding),
                content_type=encoding.value,
            )

    async def _export(self, request: web.Request, encoding: Encoding) -> web.Response:
        if request.path not in NAMES:
            raise Refused(Reason.NOT_FOUND, f"no such path; there are {', '.join(sorted(NAMES))}")
        if request.method != "POST":
            raise Refused(Reason.BAD_METHOD, "OTLP requests are POST requests")
        client = self._receiver.admit(presented_key(request.headers))
        signal = BY_PATH.get(request.path)
        if signal is None:
            return await self._take_outcomes(request, client)
        if request.content_type != encoding.value:
            raise Refused(Reason.BAD_TYPE, f"Content-Type must be {' or '.join(Encoding)}")
        with self._receiver.in_flight.charge() as charge:
            body = await self._read(request, charge)
            accepted = await self._receiver.accept(
                signal=signal, encoding=encoding, client=client, body=body, charge=charge
            )
        self._receiver.meters.count_accepted(
            signal=signal.name,
            protocol="http",
            body_bytes=len(body),
            items=accepted.items,
            rejected=accepted.rejected,
        )
        answer = answers.encode(answers.exported(signal, accepted), encoding)
        return web.Response(body=answer, content_type=encoding.value)

    async def _take_outcomes(self, request: web.Request, client: Client) -> web.Response:
        """200 where any outcome was taken; 400 where none is right, or none was sent: each error is told."""
        if request.content_type != Encoding.JSON.value:
            raise Refused(Reason.BAD_TYPE, f"Content-Type must be {Encoding.JSON}")
        with self._receiver.in_flight.charge() as charge:
            body = await self._read(request, charge)
            posted = await self._receiver.accept_outcomes(client=client, body=body, charge=charge)
        meters, none_right = self._receiver.meters, posted.rejected and not posted.accepted
        if none_right:
            meters.count_refused(signal="outcomes", protocol="http", reason=Reason.MALFORMED.value)
        else:
            meters.count_accepted(
                signal="outcomes",
                protocol="http",
                body_bytes=len(body),
                items=posted.accepted + posted.rejected,
                rejected=posted.rejected,
            )
        return web.Response(
            status=CODES[Reason.MALFORMED].http if none_right else 200,
            body=posted.answer(),
            content_type=Encoding.JSON.value,
        )

    async def _read(self, request: web.Request, charge: Charge) -> bytes:
        limit = self._receiver.limits.request_bytes
        unpack = unpacker(request.headers.get("Content-Encoding", ""))
        _check_size(request.content_length or 0, limit)
        pieces: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._receiver.limits.read_timeout_s):
                async for packed in request.content.iter_any():
                    for piece in unpack.feed(packed):
                        size += len(piece)
                        _check_size(size, limit)
                        charge.grow(len(piece))
                        pieces.append(piece)
        except TimeoutError as error:
            raise Refused(Reason.TOO_SLOW, "the body came too slowly", retry_after_s=OVERLOAD_RETRY_S) from error
        if size or request.content_length:
            unpack.finish()
        return b"".join(pieces)


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise Refused(Reason.TOO_LARGE, f"a request may have {limit} bytes, before and after decompression")


def answer_encoding(request: web.Request) -> Encoding:
    """Encoding of the answer: the request's; JSON, which people can read, where that is none of OTLP's."""
    with contextlib.suppress(ValueError):
        return Encoding(request.content_type)
    return Encoding.JSON


def refusal_headers(refused: Refused) -> dict[str, str]:
    """Headers that HTTP wants beside a refusal's status."""
    if refused.retry_after_s is not None:
        return {"Retry-After": answers.retry_after(refused.retry_after_s)}
    if refused.reason is Reason.UNAUTHENTICATED:
        return {"WWW-Authenticate": 'Bearer realm="spanledger"'}
    if refused.reason is Reason.BAD_METHOD:
        return {"Allow": "POST"}
    return {}

"""Clients that keep sending, and remember what was acknowledged."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc

from tests.ingest.gateway.serving import PROTOBUF, export, request, spans

BACK_OFF_S = 0.05
REFUSED_OR_CUT = (OSError, http.client.HTTPException, grpc.RpcError)


@dataclass(slots=True, kw_only=True)
class Senders:
    """What some threads sent: one span a request, its number in ``acknowledged`` once the answer was a yes."""

    http_port: int
    grpc_port: int
    pad: int
    acknowledged: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    changed: threading.Condition = field(default_factory=threading.Condition)
    stopping: threading.Event = field(default_factory=threading.Event)
    next_number: int = 1

    def wait_for(self, condition: Callable[[], bool], timeout_s: float = 30.0) -> bool:
        """Wait until the answers so far make the condition true."""
        with self.changed:
            return self.changed.wait_for(condition, timeout_s)

    def send_over_http(self) -> None:
        """Send until stopped."""
        self._send(
            lambda body: request(self.http_port, "POST", "/v1/traces", body, {"Content-Type": PROTOBUF}).status == 200
        )

    def send_over_grpc(self) -> None:
        """Send until stopped."""
        self._send(lambda body: export(f"127.0.0.1:{self.grpc_port}", body) == b"")

    def _send(self, deliver: Callable[[bytes], bool]) -> None:
        while not self.stopping.is_set():
            with self.changed:
                number, self.next_number = self.next_number, self.next_number + 1
            try:
                yes = deliver(spans(1, first=number, service=f"shop-{number % 5}", pad=self.pad))
            except REFUSED_OR_CUT:
                yes = False
            with self.changed:
                (self.acknowledged if yes else self.refused).add(number)
                self.changed.notify_all()
            if not yes:
                self.stopping.wait(BACK_OFF_S)


@contextmanager
def sending(*, http_port: int, grpc_port: int, threads: int = 4, pad: int = 0) -> Iterator[Senders]:
    """Send from as many threads over each protocol while the block runs."""
    senders = Senders(http_port=http_port, grpc_port=grpc_port, pad=pad)
    running = [
        threading.Thread(target=target)
        for target in (senders.send_over_http, senders.send_over_grpc)
        for _ in range(threads)
    ]
    for thread in running:
        thread.start()
    try:
        yield senders
    finally:
        senders.stopping.set()
        for thread in running:
            thread.join(60)

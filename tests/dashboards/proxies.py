"""A proxy that signs people in, as those in front of pages do: it names the user to the pages, whatever clients say."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

HEAD_END = b"\r\n\r\n"


@contextmanager
def proxy(url: str, headers: Mapping[str, str]) -> Iterator[str]:
    """Address of a proxy before ``url`` that sends these headers instead of the client's, also where a socket opens."""
    behind = urlsplit(url)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = server.accept()
                    threading.Thread(target=serve, args=(client,), daemon=True).start()

        def serve(client: socket.socket) -> None:
            with contextlib.suppress(OSError), client:
                head, rest = _read_head(client)
                if not head:
                    return
                with socket.create_connection((behind.hostname, behind.port)) as pages:
                    pages.sendall(_with(head, headers) + rest)
                    threading.Thread(target=_pump, args=(client, pages), daemon=True).start()
                    _pump(pages, client)

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def _read_head(client: socket.socket) -> tuple[bytes, bytes]:
    data = b""
    while HEAD_END not in data:
        more = client.recv(65_536)
        if not more:
            return b"", b""
        data += more
    head, _, rest = data.partition(HEAD_END)
    return head, rest


def _with(head: bytes, headers: Mapping[str, str]) -> bytes:
    """The head with these headers and no others of their names; but for a socket, one request a connection."""
    first, *lines = head.decode("latin-1").split("\r\n")
    opens_socket = any(line.lower().startswith("upgrade:") for line in lines)
    dropped = {name.lower() for name in headers} | (set() if opens_socket else {"connection"})
    kept = [line for line in lines if line.partition(":")[0].lower() not in dropped]
    own = [f"{name}: {value}" for name, value in headers.items()]
    close = [] if opens_socket else ["Connection: close"]
    return "\r\n".join([first, *kept, *own, *close]).encode("latin-1") + HEAD_END


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)

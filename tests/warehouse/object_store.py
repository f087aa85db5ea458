"""A small object store on loopback that speaks the part of Amazon's S3 protocol that deltalake and pyarrow use.

Objects live in memory. It keeps the promise that a Delta log on an object store rests on: a PUT with ``If-None-Match``
creates an object once, whoever races. It is a process of its own, because deltalake holds Python's lock while it waits
for some answers.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape, unescape

BUCKET = "bucket"
SWITCH, COPY = "/-switch", "/-copy"


@dataclass(slots=True, kw_only=True)
class Objects:
    """What the store holds, and whether it answers."""

    whole: dict[str, bytes] = field(default_factory=dict)
    written_at: dict[str, datetime] = field(default_factory=dict)
    parts: dict[str, dict[int, bytes]] = field(default_factory=dict)
    down: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, key: str, content: bytes) -> None:
        """Create or replace an object."""
        self.whole[key], self.written_at[key] = content, datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectStore:
    """A running store, as tests see it."""

    port: int

    def options(self) -> dict[str, str]:
        """What deltalake wants to know; it gives up at once, so that tests of outages are short."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
            "max_retries": "0",
        }

    def switch(self, state: str) -> None:
        """Make it answer (``on``), or 503 to everything (``off``)."""
        url = f"http://127.0.0.1:{self.port}{SWITCH}?{state}"
        urllib.request.urlopen(urllib.request.Request(url, method="PUT"), timeout=10).close()


def copy_folder(endpoint: str, before: str, after: str) -> None:
    """Have a store copy all objects of a folder of its bucket into another one."""
    asked = urllib.parse.urlencode({"before": before, "after": after})
    request = urllib.request.Request(f"{endpoint}{COPY}?{asked}", method="PUT")
    urllib.request.urlopen(request, timeout=10).close()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    store: Objects

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Say nothing."""

    @property
    def key(self) -> str:
        """Key of the object within the bucket."""
        return urllib.parse.unquote(urllib.parse.urlsplit(self.path).path).removeprefix(f"/{BUCKET}").lstrip("/")

    @property
    def query(self) -> dict[str, str]:
        """Parameters of the request."""
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query, keep_blank_values=True))

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Send status, headers and body."""
        with contextlib.suppress(ConnectionError):  # deltalake hangs up on answers that it does not need
            self._answer(status, body, headers)

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def read_body(self) -> bytes:
        """The request's body."""
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def refuse(self) -> bool:
        """Whether the store is down; answers if so."""
        if self.store.down:
            self.answer(503, Connection="close")
        return self.store.down

    def do_GET(self) -> None:
        """An object, a part of it, or a list."""
        if self.refuse():
            return
        if not self.key:
            self.answer(200, self.listing(), Content_Type="application/xml")
        elif self.key not in self.store.whole:
            self.answer(404)
        else:
            self.answer_object(self.store.whole[self.key])

    do_HEAD = do_GET  # noqa: N815

    def answer_object(self, content: bytes) -> None:
        """Bytes of one object."""
        named = {"ETag": etag(content), "Last_Modified": format_datetime(self.store.written_at[self.key], usegmt=True)}
        wanted = self.headers.get("Range", "").removeprefix("bytes=")
        if not wanted:
            self.answer(200, content, **named)
            return
        first, _, last = wanted.partition("-")
        start = int(first) if first else len(content) - int(last)
        stop = min(int(last) + 1, len(content)) if first and last else len(content)
        self.answer(206, content[start:stop], Content_Range=f"bytes {start}-{stop - 1}/{len(content)}", **named)

    def listing(self) -> bytes:
        """ListObjectsV2."""
        prefix, delimiter = self.query.get("prefix", ""), self.query.get("delimiter", "")
        after = self.query.get("start-after", "")
        keys = [key for key in sorted(self.store.whole) if key.startswith(prefix) and key > after]
        tails = [key[len(prefix) :] for key in keys]
        folders = {prefix + tail.split(delimiter)[0] + delimiter for tail in tails if delimiter and delimiter in tail}
        found = [key for key in keys if not any(key.startswith(folder) for folder in folders)]
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key>"
            f"<LastModified>{self.store.written_at[key]:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
            f"<ETag>{escape(etag(self.store.whole[key]))}</ETag><Size>{len(self.store.whole[key])}</Size></Contents>"
            for key in found
        )
        common = "".join(f"<CommonPrefixes><Prefix>{escape(f)}</Prefix></CommonPrefixes>" for f in sorted(folders))
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}{common}</ListBucketResult>".encode()

    def do_PUT(self) -> None:
        """Create or replace an object, or take a part of one."""
        body = self.read_body()
        if self.path.startswith(SWITCH):
            self.store.down = self.path.endswith("off")
            self.answer(200)
            return
        if self.path.startswith(COPY):
            self.copy(**self.query)
            self.answer(200)
            return
        if self.refuse():
            return
        if "uploadId" in self.query:
            self.store.parts[self.query["uploadId"]][int(self.query["partNumber"])] = body
            self.answer(200, ETag=etag(body))
            return
        with self.store.lock:
            if self.headers.get("If-None-Match") == "*" and self.key in self.store.whole:
                self.answer(412)
                return
            self.store.put(self.key, body)
        self.answer(200, ETag=etag(body))

    def copy(self, before: str, after: str) -> None:
        """All objects of a folder once more, in another one."""
        with self.store.lock:
            for key, content in list(self.store.whole.items()):
                if key.startswith(f"{before}/"):
                    self.store.put(after + key.removeprefix(before), content)

    def do_POST(self) -> None:
        """Begin or complete an upload in parts, or delete several objects."""
        body = self.read_body().decode()
        if self.refuse():
            return
        if "delete" in self.query:
            keys = re.findall("<Key>(.*?)</Key>", body)
            for key in keys:
                self.store.whole.pop(unescape(key), None)
            deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
            self.answer(200, f"<DeleteResult>{deleted}</DeleteResult>".encode())
            return
        if "uploads" in self.query:
            upload = str(len(self.store.parts))
            self.store.parts[upload] = {}
            named = f"<UploadId>{upload}</UploadId>"
            self.answer(200, f"<InitiateMultipartUploadResult>{named}</InitiateMultipartUploadResult>".encode())
            return
        parts = self.store.parts[self.query["uploadId"]]
        self.store.put(self.key, b"".join(parts[number] for number in sorted(parts)))
        tag = escape(etag(self.store.whole[self.key]))
        self.answer(200, f"<CompleteMultipartUploadResult><ETag>{tag}</ETag></CompleteMultipartUploadResult>".encode())

    def do_DELETE(self) -> None:
        """Delete an object, if it is there."""
        if self.refuse():
            return
        self.store.whole.pop(self.key, None)
        self.answer(204)


def etag(content: bytes) -> str:
    """Entity tag of an object."""
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


@contextlib.contextmanager
def object_store() -> Iterator[ObjectStore]:
    """A store that listens on a free port, in a process of its own."""
    with subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield ObjectStore(port=int(process.stdout.readline() if process.stdout else 0))
        finally:
            process.terminate()


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"store": Objects()}))
    server.daemon_threads = True
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()

"""Request bodies: read in pieces, unpacked in pieces, never one byte past the limit.

A gzip bomb costs what it was allowed to cost: unpacking stops at the limit, whatever the sender claims.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from ingest.gateway.refusals import Reason, Refused

GZIP = zlib.MAX_WBITS | 16
PIECE_BYTES = 256 * 1024


class Identity:
    """A body as it came."""

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """The piece itself."""
        yield packed

    def finish(self) -> None:
        """Nothing can be missing that we would know of."""


class Gunzip:
    """A gzip body, of one or several members (RFC 1952, 2.2)."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(GZIP)

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """Unpack, at most PIECE_BYTES at a time; raises Refused (malformed)."""
        while True:
            if self._member.eof:
                self._member = zlib.decompressobj(GZIP)
            try:
                piece = self._member.decompress(packed, PIECE_BYTES)
            except zlib.error as error:
                raise Refused(Reason.MALFORMED, "the body is not valid gzip") from error
            if piece:
                yield piece
            packed = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if not packed and (self._member.eof or len(piece) < PIECE_BYTES):
                return

    def finish(self) -> None:
        """Raise Refused (malformed) where the last member is cut short."""
        if not self._member.eof:
            raise Refused(Reason.MALFORMED, "the gzip body ends too early")


def unpacker(content_encoding: str) -> Identity | Gunzip:
    """Unpacker of a Content-Encoding; raises Refused for those that OTLP does not ask for."""
    match content_encoding.strip().lower():
        case "" | "identity":
            return Identity()
        case "gzip" | "x-gzip":
            return Gunzip()
    raise Refused(Reason.BAD_ENCODING, "Content-Encoding must be gzip or identity")

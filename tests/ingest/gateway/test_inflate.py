"""Bodies in pieces."""

import gzip
import io
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.gateway.inflate import PIECE_BYTES, Gunzip, unpacker
from ingest.gateway.refusals import Reason, Refused


def unpack(packed: bytes, piece: int) -> bytes:
    gunzip = Gunzip()
    stream = io.BytesIO(packed)
    unpacked = b"".join(part for chunk in iter(lambda: stream.read(piece), b"") for part in gunzip.feed(chunk))
    gunzip.finish()
    return unpacked


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(members=st.lists(st.binary(max_size=2000), min_size=1, max_size=3), piece=st.integers(1, 700))
def test_gzip_comes_out_whole_however_it_is_cut_and_of_however_many_members(members: list[bytes], piece: int):
    packed = b"".join(gzip.compress(member) for member in members)

    unpacked = unpack(packed, piece)

    assert unpacked == b"".join(members)


@pytest.mark.parametrize("size", [PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 5 * PIECE_BYTES])
def test_a_body_around_the_size_of_a_piece_comes_out_whole(size: int):
    assert unpack(gzip.compress(bytes(size)), 1 << 20) == bytes(size)


def test_a_bomb_comes_out_in_small_pieces_only():
    bomb = gzip.compress(bytes(64 * 1024 * 1024))

    sizes = [len(piece) for piece, _ in zip(Gunzip().feed(bomb), range(10), strict=False)]

    assert max(sizes) == PIECE_BYTES


@pytest.mark.parametrize(
    "packed",
    [
        b"no gzip at all",
        gzip.compress(b"cut short", mtime=0)[:-9],
        gzip.compress(b"junk after", mtime=0) + b"junk",
        zlib.compress(b"zlib is not gzip"),
        gzip.compress(b"wrong sum", mtime=0)[:-8] + bytes(8),
        b"",
    ],
)
def test_what_is_not_gzip_is_refused_as_malformed(packed: bytes):
    with pytest.raises(Refused) as refused:
        unpack(packed, 5)

    assert refused.value.reason is Reason.MALFORMED


@pytest.mark.parametrize("name", ["", "identity", "gzip", " GZIP "])
def test_the_encodings_of_otlp_are_taken(name: str):
    assert unpacker(name)


@pytest.mark.parametrize("name", ["deflate", "br", "zstd", "gzip, gzip"])
def test_other_encodings_are_refused(name: str):
    with pytest.raises(Refused) as refused:
        unpacker(name)

    assert refused.value.reason is Reason.BAD_ENCODING

"""OTLP bytes to typed columns: ``decode(messages, table) -> Decoded``.

Every message gets a verdict: spans, or a ``DeadLetter`` (``bad_payload``, ``empty``); every span stands or is counted
as ``bad_span``. One bad payload never fails its neighbours. Protobuf and JSON take one path: JSON is made into protobuf
messages first (``otlp_json``), so both give the same columns.
"""

from processors.decode.decoded import Decoded
from processors.decode.walk import decode

__all__ = ["Decoded", "decode"]

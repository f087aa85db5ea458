"""Columns of what providers billed, as ``spanledger reconcile`` imports it: appended once a file, never changed."""

from __future__ import annotations

import pyarrow as pa

from warehouse.schemas.kinds import TIME, USD, fields

QUANTITY = pa.decimal128(38, 12)

INVOICES = pa.schema(
    [
        pa.field("day", pa.date32()),  # UTC day of charged_at
        pa.field("charged_at", TIME),
        *fields("provider account model token_kind tier charge unit", pa.string()),
        pa.field("quantity", QUANTITY),
        pa.field("cost_usd", USD),
        pa.field("amount", USD),
        pa.field("currency", pa.string()),
        pa.field("rounded_to_usd", USD),
        *fields("item format file sha256", pa.string()),
        pa.field("row", pa.int64()),
        *fields("made_at imported_at", TIME),
        pa.field("replaces", pa.bool_()),
        *fields("covers_from covers_to", pa.date32()),
        pa.field("charged_until", TIME),
        *fields("identity stated", pa.string()),
    ]
)
"""One line of a bill: what was charged, or only counted, on one UTC day; NULL where the file does not say.

``provider``: as the price catalogue names it (openai, anthropic, aws, azure …). ``account``: project, workspace or
account. ``token_kind``: input (neither cached nor written to a cache), cached_input, cache_write (5 minutes),
cache_write_1h, output, audio_input, audio_output; ``other``: what is no token. ``tier``: standard, batch, flex,
priority … ``charge``: usage, discount, credit, tax, fee. ``unit`` of ``quantity``: tokens, requests, searches …;
tokens one by one. ``amount`` in ``currency`` is what the file says, ``cost_usd`` the same in USD. ``rounded_to_usd``:
the last decimal place that amounts of the file have. ``item``: what the file calls the charge. ``file``, ``sha256``,
``row``: where it stands; ``made_at``: when the bill was made, as far as is known; ``imported_at``: of all files of one
run. ``replaces``: earlier runs' lines of the provider, format and account no longer count, of the days from
``covers_from`` to ``covers_to`` (of all lines of a file the same), of the line's own day where these are NULL.
``charged_until``: first instant after what the line is about. ``identity``: a hash of what names the row beside the
columns here, NULL in formats that name none; ``stated``: a hash of the whole row.
"""

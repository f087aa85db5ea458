"""Random payloads at both decoders: the compiled one and the one through the protobuf library must give the same.

``python -m benchmarks.fuzz --payloads 1000000``; exit 1 and the payload's seed at the first disagreement. With
``SPANLEDGER_CHECKED=1`` the compiled code checks every index against its array, and ends with an error where it would
read outside.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence

from benchmarks.random_payloads import random_payload
from processors.conventions.table import AliasTable, load_table
from processors.decode import walk, wire
from processors.decode.decoded import Decoded, spread_texts
from processors.messages import Message

BATCH = 50


def differences(one: Decoded, other: Decoded) -> list[str]:
    """What two decoders do not agree on; empty where they agree."""
    found = [name for name in ("dead", "dropped") if getattr(one, name) != getattr(other, name)]
    for table in ("spans", "winners", "evaluations", "messages"):
        left, right = (spread_texts(getattr(each, table)) for each in (one, other))
        if left.schema != right.schema or left.num_rows != right.num_rows:
            found.append(f"{table}: {left.num_rows} and {right.num_rows} rows")
            continue
        found += [
            f"{table}.{name}"
            for name in left.column_names
            if not left[name].equals(right[name]) and repr(left[name].to_pylist()) != repr(right[name].to_pylist())
        ]
    return found


def compare(payloads: Sequence[bytes], table: AliasTable) -> list[str]:
    """Differences between both decoders on one range of payloads."""
    messages = [
        Message(topic="otlp_spans", partition=0, offset=offset, received_at_us=0, value=payload)
        for offset, payload in enumerate(payloads)
    ]
    return differences(wire.decode(messages, table), walk.decode(messages, table))


def main() -> int:
    """Run until the number is reached, or until they disagree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--payloads", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    table = load_table()
    started = time.monotonic()
    for done in range(0, asked.payloads, BATCH):
        rng = random.Random(asked.seed * 1_000_003 + done)
        payloads = [random_payload(rng, table) for _ in range(BATCH)]
        found = compare(payloads, table)
        if found:
            print(f"seed={asked.seed} done={done}: {', '.join(found)}")
            alone = [one.hex() for one in payloads if compare([one], table)]
            print("\n".join(alone[:3]))
            return 1
        if done % 10_000 == 0:
            print(f"{done + BATCH} payloads, no disagreement, {time.monotonic() - started:.0f} s", flush=True)
    print(f"all {asked.payloads} payloads, no disagreement, {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())

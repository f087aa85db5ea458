"""Names of instrumentations: those of the table are kept, others are hashed."""

from __future__ import annotations

import pyarrow as pa
import pytest

from processors.normalise.secrets import HIDDEN
from processors.normalise.tellers import hide_tellers

KEY = b"key"
KNOWN = ["openinference.instrumentation.openai", "opentelemetry.instrumentation.genai.openai", "logfire.openai", "ai",
         "com.anthropic.sdk", f"{HIDDEN}0123456789abcdef", None]  # fmt: skip
OTHERS = ["my.shop", "alice", "logfire. what the user said", "openinference." + "x" * 200, "",
          "ai-service", "ai.koog", "airline-bot", "vllm-router"]  # fmt: skip


@pytest.mark.parametrize("encoded", [False, True])
def test_known_ones_are_kept_and_others_hashed(*, encoded: bool) -> None:
    names = pa.array([*KNOWN, *OTHERS, OTHERS[0]], pa.string())

    shown = hide_tellers(names.dictionary_encode() if encoded else names, KEY).to_pylist()

    assert shown[: len(KNOWN)] == KNOWN
    hidden = shown[len(KNOWN) :]
    assert all(name.startswith(HIDDEN) for name in hidden)
    assert hidden[0] == hidden[-1]
    assert len({*hidden}) == len(OTHERS)
    assert shown != hide_tellers(names, b"other").to_pylist()


def test_where_all_are_known_nothing_is_made_anew() -> None:
    names = pa.array(KNOWN, pa.string())

    assert hide_tellers(names, KEY) is names

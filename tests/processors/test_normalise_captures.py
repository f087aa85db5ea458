"""Every capture: some span of it says everything that its truth says, but for what only the once rules can know."""

import json
from typing import Any

import pytest

from processors.conventions.table import load_table
from processors.decode import decode
from processors.normalise import HELPERS, Rules, normalise
from tests.processors import captures
from tests.processors.otlp import message

KINDS = ("pb", "collector-pb", "json")
INHERITED = ("tenant", "feature")
OWN = tuple(name for name in captures.FIELDS if name not in ("cost_usd", *INHERITED))


@pytest.fixture(scope="module", params=KINDS)
def rows(request: pytest.FixtureRequest) -> dict[str, list[dict[str, Any]]]:
    """Model calls by capture."""
    loaded = captures.load(request.param)
    received_us = 1_795_400_000_000_000
    messages = [message(capture.value, offset=i, received_at_us=received_us) for i, capture in enumerate(loaded)]
    spans = normalise(decode(messages, load_table()), Rules(user_key=b"key", trusted_topics=None)).spans
    found: dict[str, list[dict[str, Any]]] = {capture.name: [] for capture in loaded}
    for row in spans.to_pylist():
        found[loaded[row["_message_index"]].name].append(row)
    return found


def test_some_span_of_every_capture_tells_its_truth(rows: dict[str, list[dict[str, Any]]]):
    wrong = {}
    loaded = [capture for kind in KINDS for capture in captures.load(kind) if capture.name in rows]
    for capture in loaded:
        candidates = [row for row in rows[capture.name] if row["_model_call"]]
        for call in capture.calls:
            best = min((captures.differences(call, row, OWN) for row in candidates), key=len, default=["no call"])
            if best:
                wrong[capture.name] = best

    assert wrong == {}


def test_the_tenants_and_features_of_the_truth_stand_on_some_span(rows: dict[str, list[dict[str, Any]]]):
    for capture in (capture for kind in KINDS for capture in captures.load(kind) if capture.name in rows):
        for name in INHERITED:
            allowed = [call[name] if isinstance(call[name], list) else [call[name]] for call in capture.calls]
            told = {row[name] for row in rows[capture.name]}

            assert all(told & set(choices) for choices in allowed), (capture.name, name)


def test_no_content_is_in_any_column_that_is_kept(rows: dict[str, list[dict[str, Any]]]):
    kept = [
        {name: value for name, value in row.items() if name not in HELPERS.names}
        for found in rows.values()
        for row in found
    ]
    text = json.dumps(kept, default=str, ensure_ascii=False).lower()
    words = {word for kind in KINDS for capture in captures.load(kind) for word in capture.must_not_contain}

    assert [word for word in words if word.lower() in text] == []
    assert words

"""POST /v1/outcomes: what it takes, what it refuses and says about it, and that a yes means that Kafka has it."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from ingest.gateway.kafka_outlet import unavailable
from ingest.gateway.keys import ANYBODY, Client
from ingest.gateway.outcomes import EVENT, FIELDS, MOST_ERRORS, MOST_OUTCOMES, Posted, read_outcomes
from ingest.gateway.outlet import MemoryOutlet
from ingest.gateway.refusals import Reason, Refused
from ingest.words import LABELS
from tests.ingest.gateway.serving import JSON, PROTOBUF, Answer, Serving, on_free_ports, serving

NOW_NS = 1_795_300_000_000_000_000
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD: dict[str, Any] = {"trace_id": TRACE, "name": "helpful", "score": 1}
FULL = {
    **GOOD,
    "span_id": SPAN.upper(),
    "label": "good",
    "review_minutes": 2.5,
    "source": "human",
    "response_id": "chatcmpl-1",
    "task_id": "T-1",
    "session_id": "S-1",
    "observed_at": "2026-01-31T12:00:00.5+01:00",
    "outcome_id": "mine-1",
    "tenant": "acme",
    "feature": "support",
}


def read(*items: Any, client: Client = ANYBODY) -> Posted:
    return read_outcomes(json.dumps(items).encode(), client, NOW_NS)


def records(value: bytes) -> list[LogRecord]:
    request = ExportLogsServiceRequest.FromString(value)
    return [one for found in request.resource_logs for scope in found.scope_logs for one in scope.log_records]


def attributes(record: LogRecord) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in record.attributes}


def test_an_outcome_becomes_a_log_record_that_says_all_of_it():
    (record,) = records(read(FULL).value)

    assert set(FULL) == set(FIELDS)
    assert (record.event_name, record.trace_id.hex(), record.span_id.hex()) == (EVENT, TRACE, SPAN)
    assert datetime.fromtimestamp(record.time_unix_nano / 1e9, UTC) == datetime(2026, 1, 31, 11, 0, 0, 500_000, UTC)
    assert attributes(record) == {
        "spanledger.outcome.name": "helpful",
        "spanledger.outcome.score": 1.0,
        "spanledger.outcome.label": "good",
        "spanledger.outcome.review_minutes": 2.5,
        "spanledger.outcome.source": "human",
        "gen_ai.response.id": "chatcmpl-1",
        "spanledger.outcome.task_id": "T-1",
        "spanledger.outcome.session_id": "S-1",
        "spanledger.outcome.id": "mine-1",
        "spanledger.tenant": "acme",
        "spanledger.feature": "support",
    }


def test_what_is_null_is_as_if_it_were_not_there():
    assert read({**dict.fromkeys(FIELDS), **GOOD}).value == read(GOOD).value


def test_outcomes_without_a_time_are_told_apart_by_a_nanosecond():
    told = records(read(GOOD, GOOD).value)

    assert [record.time_unix_nano for record in told] == [NOW_NS, NOW_NS + 1]


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("trace_id", "xyz", "32 hex digits"),
        ("trace_id", "0" * 32, "not all zero"),
        ("trace_id", TRACE + "0", "32 hex digits"),
        ("trace_id", 7, "32 hex digits"),
        ("span_id", TRACE, "16 hex digits"),
        ("score", "1", "a finite number"),
        ("score", True, "a finite number"),
        ("score", float("nan"), "a finite number"),
        ("score", float("inf"), "a finite number"),
        ("score", 10**400, "a finite number"),
        ("label", "", "a text of 1 to 64 characters"),
        ("label", "x" * 65, "a text of 1 to 64 characters"),
        ("label", "two\nlines", "in one line"),
        ("label", "\ud800", "in one line"),
        ("label", "NaN", "a word or a finite number"),
        ("label", "-Infinity", "a word or a finite number"),
        ("label", ["good"], "a text of 1 to 64 characters"),
        ("name", " ", "a text of 1 to 64 characters"),
        ("name", None, "is missing"),
        ("review_minutes", -1, "a number of minutes, 0 to"),
        ("review_minutes", 1e9, "a number of minutes, 0 to"),
        ("source", "robot", "one of human, explicit, evaluator, heuristic"),
        ("source", ["human"], "one of human"),
        ("observed_at", "yesterday", "a time with its offset"),
        ("observed_at", "2026-01-31T12:00:00", "a time with its offset"),
        ("observed_at", 1_795_300_000, "a time with its offset"),
        ("observed_at", "1969-01-01T00:00:00Z", "after 1970"),
        ("observed_at", "9999-01-01T00:00:00Z", "10 minutes ahead"),
        ("task_id", "x" * 257, "a text of 1 to 256 characters"),
        ("outcome_id", 12, "a text of 1 to 256 characters"),
    ],
)
def test_a_wrong_field_is_named_and_what_to_change_is_said(field: str, value: Any, says: str):
    posted = read({**GOOD, field: value})

    (problem,) = posted.problems
    assert (posted.accepted, problem.index, problem.field) == (0, 0, field)
    assert says in problem.error


@pytest.mark.parametrize(
    ("item", "field", "says"),
    [
        ("helpful", None, "must be an object"),
        ({"name": "helpful", "score": 1}, None, "one of trace_id, span_id, response_id, task_id, session_id"),
        ({"name": "helpful", "task_id": "T"}, None, "one of score, label, review_minutes"),
        ({**GOOD, "scor": 1}, "scor", "did you mean score?"),
        ({**GOOD, "comment": "I like it"}, "comment", "there are name, score"),
        ({**GOOD, "": 1}, "", "there are name, score"),
    ],
)
def test_an_outcome_that_says_too_little_or_too_much_is_refused(item: Any, field: str | None, says: str):
    (problem,) = read(item).problems

    assert problem.field == field
    assert says in problem.error


@pytest.mark.parametrize("field", ["name", "label"])
@pytest.mark.parametrize("word", ["jane@example.com", "told by Jane.Doe@mail.example.org", "sk-abcdefghijklmnop1234"])
def test_what_the_worker_would_not_keep_is_refused(field: str, word: str):
    (problem,) = read({**GOOD, field: word}).problems

    assert (problem.field, "address or a credential" in problem.error) == (field, True)


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"name": "success", "label": "maybe"}, "label"),
        ({"name": "success", "label": "safe"}, "label"),
        ({"name": "safe", "label": "success"}, "label"),
        ({"name": "success", "label": "success", "score": 0}, "score"),
        ({"name": "success", "label": "Failed", "score": 1}, "score"),
        ({"name": "success", "label": "success", "score": 0.5}, "score"),
        ({"name": "safe", "label": "unsafe", "score": 1}, "score"),
        ({"name": "Success", "label": "maybe"}, "label"),
        ({"name": "success", "score": 0.7}, "score"),
        ({"name": "SAFE", "score": 2}, "score"),
        ({"name": "success", "score": True}, "score"),
    ],
)
def test_a_label_that_means_nothing_or_contradicts_the_score_is_refused(told: dict[str, Any], field: str):
    (problem,) = read({"task_id": "T-1", **told}).problems

    assert problem.field == field


@pytest.mark.parametrize(
    "told",
    [
        {"name": "success", "label": " Resolved", "score": 1},
        {"name": "success", "label": "false", "score": 0},
        {"name": "success", "score": 1},
        {"name": "Success", "score": 0.0},
        {"name": "SUCCESS", "label": "1"},
        {"name": "safe", "label": "no"},
        {"name": "safe", "score": 0, "review_minutes": 2},
        {"name": "helpful", "label": "failure", "score": 1},
    ],
)
def test_a_label_that_agrees_or_is_of_another_name_is_taken(told: dict[str, Any]):
    assert read({"task_id": "T-1", **told}).problems == ()


def test_a_score_between_success_and_failure_is_answered_with_what_to_send():
    (problem,) = read({"task_id": "T-1", "name": "success", "score": 0.7}).problems

    assert problem.error == "of success must be 1 or 0, or send a label: success or failure"


def test_the_documentation_has_every_word_for_success_and_safe():
    text = (Path(__file__).parents[3] / "docs" / "outcomes.md").read_text(encoding="utf-8")

    for means in LABELS.values():
        for words in means.values():
            assert ", ".join(f"`{word}`" for word in words) in text


def test_a_key_speaks_for_its_tenants_only():
    one, two = Client(principal="k", tenants=("acme",)), Client(principal="k", tenants=("acme", "globex"))

    assert read({**GOOD, "tenant": "acme"}, client=one).rejected == 0
    assert read({**GOOD, "tenant": "globex"}, client=two).rejected == 0
    assert read(GOOD, client=two).rejected == 0
    (problem,) = read({**GOOD, "tenant": "globex"}, client=one).problems
    assert problem.field == "tenant"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b"NaNa", b"[]", b" [ ]"])
def test_what_is_no_json_or_empty_is_malformed(body: bytes):
    with pytest.raises(Refused) as refused:
        read_outcomes(body, ANYBODY, NOW_NS)

    assert refused.value.reason is Reason.MALFORMED


def test_too_many_outcomes_are_too_large():
    with pytest.raises(Refused) as refused:
        read(*[GOOD] * (MOST_OUTCOMES + 1))

    assert refused.value.reason is Reason.TOO_LARGE


def test_errors_are_counted_beyond_those_that_are_told():
    answer = json.loads(read(*["?"] * (MOST_ERRORS + 7), GOOD).answer())

    assert (answer["accepted"], answer["rejected"], len(answer["errors"])) == (1, MOST_ERRORS + 7, MOST_ERRORS)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*FIELDS, "else"]), inner, max_size=5),
    max_leaves=12,
)


@given(ANYTHING.filter(lambda body: body != []))
def test_any_json_has_a_verdict_on_every_item(body: Any):
    posted = read_outcomes(json.dumps(body).encode(), ANYBODY, NOW_NS)

    assert posted.accepted + posted.rejected == (len(body) if isinstance(body, list) else 1)
    assert len(records(posted.value)) == posted.accepted


# ---- over HTTP


def keyed(**settings: Any) -> Any:
    sha256 = hashlib.sha256(b"secret").hexdigest()
    return on_free_ports(api_keys={"acme-prod": {"sha256": sha256, "tenant": "acme"}}, **settings)


def post(to: Serving, *items: Any, **headers: str) -> Answer:
    return to.post("/v1/outcomes", json.dumps(items).encode(), JSON, **headers)


@pytest.fixture
def outlet() -> MemoryOutlet:
    return MemoryOutlet()


@pytest.fixture
def gateway(outlet: MemoryOutlet) -> Iterator[Serving]:
    with serving(outlet=outlet) as running:
        yield running


def test_outcomes_go_to_the_logs_topic_as_one_record(gateway: Serving, outlet: MemoryOutlet):
    answer = post(gateway, GOOD, FULL)

    (record,) = outlet.records
    assert (answer.status, json.loads(answer.body)) == (200, {"accepted": 2, "rejected": 0, "errors": []})
    assert (record.topic, record.headers) == ("otlp_logs", [("content-type", PROTOBUF.encode())])
    assert len(records(record.value)) == 2


def test_one_object_alone_is_one_outcome(gateway: Serving, outlet: MemoryOutlet):
    answer = gateway.post("/v1/outcomes", json.dumps(GOOD).encode(), f"{JSON}; charset=utf-8")

    assert (answer.status, len(records(outlet.records[0].value))) == (200, 1)


def test_what_is_right_is_taken_beside_what_is_wrong(gateway: Serving, outlet: MemoryOutlet):
    answer = post(gateway, GOOD, {**GOOD, "score": "high"}, GOOD)

    told = json.loads(answer.body)
    assert (answer.status, told["accepted"], told["rejected"]) == (200, 2, 1)
    assert told["errors"] == [{"index": 1, "field": "score", "error": "must be a finite number"}]
    assert len(records(outlet.records[0].value)) == 2


def test_nothing_right_is_a_400_and_nothing_is_sent(gateway: Serving, outlet: MemoryOutlet):
    answer = post(gateway, {**GOOD, "score": "high"})

    assert (answer.status, json.loads(answer.body)["rejected"]) == (400, 1)
    assert outlet.records == []


def test_an_empty_array_is_a_400_and_nothing_is_sent(gateway: Serving, outlet: MemoryOutlet):
    assert post(gateway).status == 400
    assert outlet.records == []


def test_a_gzipped_body_is_taken(gateway: Serving, outlet: MemoryOutlet):
    packed = gzip.compress(json.dumps(GOOD).encode())

    answer = gateway.post("/v1/outcomes", packed, JSON, Content_Encoding="gzip")

    assert (answer.status, len(outlet.records)) == (200, 1)


def test_the_tenant_of_the_key_is_stamped(outlet: MemoryOutlet):
    with serving(keyed(), outlet=outlet) as gateway:
        answer = post(gateway, GOOD, x_api_key="secret")

    assert answer.status == 200
    assert outlet.records[0].headers[:2] == [("spanledger-tenant", b"acme"), ("spanledger-principal", b"acme-prod")]


def test_without_a_key_it_is_401(outlet: MemoryOutlet):
    with serving(keyed(), outlet=outlet) as gateway:
        answers = [post(gateway, GOOD), post(gateway, GOOD, x_api_key="wrong")]

    assert [answer.status for answer in answers] == [401, 401]
    assert outlet.records == []


def test_limits_are_those_of_otlp(outlet: MemoryOutlet):
    with serving(on_free_ports(max_request_bytes=200, rate_limit_bytes_per_s=50), outlet=outlet) as gateway:
        answers = [post(gateway, FULL), post(gateway, GOOD), post(gateway, GOOD)]

    assert [answer.status for answer in answers] == [413, 200, 429]
    assert int(answers[2].headers["Retry-After"]) >= 1


def test_too_many_bytes_in_flight_are_503(outlet: MemoryOutlet):
    with serving(on_free_ports(max_in_flight_bytes=2100), outlet=outlet) as gateway:
        answer = post(gateway, GOOD)

    assert answer.status == 503
    assert outlet.records == []


def test_without_kafkas_acknowledgement_it_is_503(outlet: MemoryOutlet):
    outlet.fail = unavailable()
    with serving(outlet=outlet) as gateway:
        answer = post(gateway, GOOD)

    assert (answer.status, "Retry-After" in answer.headers) == (503, True)


def test_a_yes_waits_for_kafka(outlet: MemoryOutlet):
    outlet.hold = True
    with serving(on_free_ports(ack_timeout_s=0.3), outlet=outlet) as gateway:
        answer = post(gateway, GOOD)
        gateway.call(outlet.let_go)

    assert answer.status == 503
    assert len(outlet.records) == 1  # it may have arrived: that is what outcome_id is for


def test_other_methods_and_types_are_refused(gateway: Serving):
    wrong_type = gateway.post("/v1/outcomes", b"{}", PROTOBUF)
    lost = gateway.post("/v1/outcome", b"{}", JSON)

    assert (wrong_type.status, lost.status) == (415, 404)
    assert b"/v1/outcomes" in lost.body


def test_a_clock_that_is_a_little_ahead_is_believed():
    soon = datetime.fromtimestamp(NOW_NS / 1e9, UTC) + timedelta(minutes=5)

    assert read({**GOOD, "observed_at": soon.isoformat()}).rejected == 0


def test_the_documentation_has_every_field_and_no_other():
    page = (Path(__file__).parents[3] / "docs" / "outcomes.md").read_text(encoding="utf-8")
    table = page.partition("| field |")[2].partition("\n\n")[0]
    names = re.findall(r"`(\w+)`", "\n".join(line.split("|")[1] for line in table.splitlines()[2:]))

    assert sorted(names) == sorted(FIELDS)


def test_the_readmes_example_is_right():
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    (body,) = re.findall(r"-d '(\{.*\})'", readme)

    assert read_outcomes(body.encode(), ANYBODY, NOW_NS).problems == ()

"""Nothing that people wrote leaves the worker: every capture and a span full of markers, and every byte that comes out.

Sent through gateway, Kafka, worker and lake; then looked for in the lake's files (raw, and Parquet decoded), table
logs, the topics of ours with keys and headers, the logs of all processes with everything at DEBUG, both metrics pages,
what a webhook is told of an incident, and all that ``report``, ``alerts`` and ``inspect`` say. The one exception is the
raw value of a dead letter.
"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ingest.settings import KafkaSettings
from tests.alerts.servers import Receiver, receive
from tests.flows.deployment import Deployment
from tests.flows.entrance import Raw, drain, gateway_of, put, replay
from tests.flows.markers import MARKER, Markers, bad_payloads, incident_request, log_request, trace_request
from tests.ingest.gateway.serving import PROTOBUF, GatewayProcess, request
from tests.ingest.gateway.stored import stored
from tests.kafka import prefixed
from tests.processors.captures import HERE, load
from tests.verbs import say
from warehouse.questions import question_names

pytestmark = pytest.mark.long

METRICS = re.compile(r"metrics=(http://127\.0\.0\.1:\d+/metrics)")
SCOPE = "scope name"  # shown by an explanation: which instrumentation spoke
PLACES = (
    *("lake spans/_delta_log", "rows of spans", "rows of outcomes", "rows of safety", "commits", "dlq", "worker.log"),
    *("rows of incidents", "privacy.spanledger.alerts 0", "body of a webhook", "stdout of alerts list"),
    *("gateway.log", "metrics of the worker", "metrics of the gateway", "stdout of report spend", "stdout of inspect"),
)
INSPECTED = (
    *(["--all", "--format", "jsonl"], ["--all"], ["--all", "--explain"], ["--all", "--explain", "--format", "jsonl"]),
    ["--format", "csv"],
)
EXPLAINED = ["--explain", "--format", "json"]  # what JSON lines say, as an array
CONFIG = """[worker]
tags = ["my.tag"]
scan_pii = true
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What went in, and everything that came out, by place."""

    places: Mapping[str, str]
    said: Mapping[str, str]
    deployment: Deployment

    def marked(self) -> dict[str, dict[str, str]]:
        """Place where markers came out -> these, and what they were put into."""
        found = {place: set(MARKER.findall(text)) for place, text in self.said.items()}
        return {place: {mark: self.places[mark] for mark in sorted(marks)} for place, marks in found.items() if marks}

    def leaks(self, words: Mapping[str, str]) -> dict[str, list[str]]:
        """Place where a word came out -> what the words were put into."""
        found = {
            place: [f"{word}: {of}" for word, of in words.items() if word.lower() in text]
            for place, text in self.said.items()
        }
        return {place: what for place, what in found.items() if what}


@pytest.fixture(scope="module")
def sent(bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Sent:
    """Send everything once, wait for the lake, and gather all that came out."""
    directory = tmp_path_factory.mktemp("privacy")
    (directory / "spanledger.toml").write_text(CONFIG, encoding="utf-8")
    environment = {
        "SPANLEDGER_ALERTS_ENABLED": "true",
        "SPANLEDGER_WORKER_TAGS": "my.tag",
        "SPANLEDGER_WORKER_SCAN_PII": "true",
    }
    kafka = prefixed(KafkaSettings(bootstrap=bootstrap, partitions=2), "privacy")
    deployment = Deployment(kafka, directory, environment)
    mark = Markers()
    files = _synthetic(directory, mark)
    said: dict[str, str] = {}
    try:
        with receive() as webhook, gateway_of(deployment) as gateway:
            environment["SPANLEDGER_ALERTS_WEBHOOK_URL"] = webhook.url
            deployment.start_worker(module="tests.flows.talking_worker")
            replay(sorted((HERE / "pb").iterdir()), gateway)
            replay(sorted((HERE / "json").iterdir()), gateway)
            _post(gateway, "/v1/traces", files["trace"].read_bytes())
            _post(gateway, "/v1/logs", log_request(mark))
            put(kafka, [Raw(value=value) for value in bad_payloads(mark)])
            _post(gateway, "/v1/traces", incident_request(mark))
            drain(deployment)
            said |= _told(webhook) | _pages(deployment, gateway)
    finally:
        deployment.stop()
    said |= dict(_lake(deployment)) | dict(_topics(kafka)) | dict(_logs(deployment))
    said |= dict(_verbs(deployment, [files["trace"], HERE / "json" / "vercel-ai-sdk-chat.json"]))
    return Sent(places=mark.places, said={place: text.lower() for place, text in said.items()}, deployment=deployment)


def _synthetic(directory: Path, mark: Markers) -> dict[str, Path]:
    trace = directory / "markers.pb"
    trace.write_bytes(trace_request(mark))
    return {"trace": trace}


def _post(gateway: GatewayProcess, path: str, body: bytes) -> None:
    answer = request(gateway.http_port, "POST", path, body, {"Content-Type": PROTOBUF})
    assert answer.status == 200, answer


def _lake(deployment: Deployment) -> Iterator[tuple[str, str]]:
    for file in sorted(path for path in deployment.lake.rglob("*") if path.is_file()):
        name = str(file.relative_to(deployment.lake))
        yield f"lake {name}", file.read_bytes().decode("latin-1")
        if file.suffix == ".parquet":
            yield f"rows of {name}", str(pq.ParquetFile(file).read().to_pylist())


def _topics(kafka: KafkaSettings) -> Iterator[tuple[str, str]]:
    for topic in (kafka.commits_topic, kafka.alerts_topic, kafka.dlq_topic):
        for number, record in enumerate(stored(kafka, topic)):
            yield f"{topic} {number} key and headers", str((record.key, record.headers))
            if topic != kafka.dlq_topic:
                yield f"{topic} {number}", str(record.value)


def _logs(deployment: Deployment) -> Iterator[tuple[str, str]]:
    for file in sorted(deployment.directory.glob("*.log")):
        yield file.name, file.read_text(encoding="utf-8", errors="replace")


def _told(webhook: Receiver) -> dict[str, str]:
    """What came by webhook, until an incident was told of."""
    assert webhook.wait_until(lambda: bool(webhook.bodies)), "no incident was told of"
    return {
        f"{what} of a webhook, {number}": str(told)
        for what, some in (("body", webhook.bodies), ("headers", webhook.headers))
        for number, told in enumerate(some)
    }


def _pages(deployment: Deployment, gateway: GatewayProcess) -> dict[str, str]:
    found = METRICS.search(deployment.log.read_text(encoding="utf-8", errors="replace"))
    assert found is not None
    urls = {"metrics of the worker": found[1], "metrics of the gateway": gateway.metrics_url}
    return {name: urllib.request.urlopen(url, timeout=10).read().decode() for name, url in urls.items()}


def _verbs(deployment: Deployment, files: list[Path]) -> Iterator[tuple[str, str]]:
    """What the verbs print, on both streams."""
    commands = [["report", name, "--format", form] for name in question_names() for form in ("json", "table")]
    commands += [
        ["report", "safety", "--by", "tenant,feature"],
        ["alerts", "list", "--format", "json"],
        ["inspect", "nowhere"],
    ]
    commands += [["inspect", str(file), *more] for file in files for more in INSPECTED]
    commands += [["inspect", str(files[-1]), *EXPLAINED]]
    for command in commands:
        said = say(*command, variables=deployment.variables(), directory=deployment.directory)
        yield f"stdout of {' '.join(command)}", said.out
        yield f"stderr of {' '.join(command)}", said.err


def test_everything_that_comes_out_was_looked_at(sent: Sent):
    text = "\n".join(sent.said)

    for place in PLACES:
        assert place in text, place
    assert "gpt-4o-mini" in "".join(text for place, text in sent.said.items() if place.startswith("rows of spans"))
    assert len(sent.places) > 500
    assert sum(rows.count("'trace_id'") for place, rows in sent.said.items() if place.startswith("rows of spans")) > 500
    assert "debug" in sent.said["worker.log"]
    assert all(
        "acme" in text and "hidden-" in text
        for place, text in sent.said.items()
        if place.startswith(("body of", "rows of incidents"))
    )


def test_no_marker_comes_out_anywhere(sent: Sent):
    leaks = {place: set(marks.values()) - {SCOPE} for place, marks in sent.marked().items()}

    assert all(MARKER.fullmatch(mark) for mark in sent.places)
    assert {place: what for place, what in leaks.items() if what} == {}


def test_the_name_of_an_instrumentation_is_shown_to_who_has_the_file_and_to_nobody_else(sent: Sent):
    leaks = [place for place, marks in sent.marked().items() if SCOPE in marks.values()]

    assert {place.partition(" /")[0] for place in leaks} == {"stdout of inspect"}
    assert all("--explain" in place for place in leaks)


def test_no_content_of_any_capture_comes_out_anywhere(sent: Sent):
    words = {
        word: capture.name for kind in ("pb", "json") for capture in load(kind) for word in capture.must_not_contain
    }

    assert words
    assert sent.leaks(words) == {}

#!/usr/bin/env python3
"""Send captures through a real Collector, by every way into SpanLedger, and compare what lands in the lake.

Usage: python -m deploy.collector.check COLLECTOR. Starts broker, gateway and worker on free ports
in a new directory. Exit 0: all agrees.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import duckdb
import polars as pl

from ingest.kafka import end_offsets
from ingest.replay.fresh import FreshIds
from ingest.settings import KafkaSettings
from ingest.simulator import Truth
from spanledger.measure import wait_drained
from spanledger.settings import load
from spanledger.stack import Part, Stack, free_port
from spanledger.verdict import Check

HERE = Path(__file__).resolve().parent
CAPTURES = sorted((HERE.parent.parent / "tests/data/captures/pb").glob("*.pb"))
CONFIG = HERE.parent / "otel-collector.yaml"
SIGNALS = ("traces", "metrics", "logs")
GRPC, HTTP = (
    tuple(f"--set=service.pipelines.{signal}.exporters=[{exporter}]" for signal in SIGNALS)
    for exporter in ("otlp_grpc", "otlp_http")
)
HEADER = "--set=exporters.kafka.record_headers=[{name: spanledger-tenant, value: kafka-header}]"
WAYS: dict[str, tuple[str, ...]] = {  # name, also of key and tenant -> flags of the Collector
    "direct": (),
    "grpc": GRPC,
    "grpc-plain": (*GRPC, "--set=exporters.otlp_grpc.compression=none"),
    "http": HTTP,
    "kafka": (),  # no key: tenants as the spans say
    "kafka-header": (HEADER,),
}
TOKEN = ("--set=extensions.bearertokenauth.header=x-api-key", "--set=extensions.bearertokenauth.scheme=")  # as replay
SMALL = "--set=exporters.{}.sending_queue.batch.min_size=1"  # many requests: some are open when the gateway dies
KILLS = {"killed-grpc": (*GRPC, SMALL.format("otlp_grpc")), "killed-http": (*HTTP, SMALL.format("otlp_http"))}
REFUSAL = ("Permanent error", "this API key is not known here")
SUMS = ("calls", "priced_calls", "input_tokens", "cached_input_tokens", "output_tokens", "cost_usd")
OWN = {"trace_id", "span_id", "parent_span_id", "suppressed_by", "response_id", "tenant", "principal", "user_id"}
OWN |= {"source_app_id", "source_partition", "source_offset", "received_at", "tenant_rank"}  # what two ways have not
RANK = r',?"tenant_rank":\d+'
"""Likewise, in what a record told before the rules changed it."""
OTHER_SIGNALS = (
    '{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[{"asInt":1}]}}]}]}]}',
    '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityText":"INFO"}]}]}]}',
)


@dataclass(slots=True, kw_only=True)
class Bench:
    """Running parts and what was found."""

    binary: str
    data: Path
    variables: dict[str, str]
    kafka: KafkaSettings
    agrees: bool = True
    landed: dict[str, tuple[pl.DataFrame, dict[str, object]]] = field(default_factory=dict)

    def agree(self, name: str, expected: object, found: object) -> None:
        """Note and print one comparison."""
        check = Check(name=name, expected=expected, found=found)
        self.agrees &= check.agrees
        print(check.line(), flush=True)  # noqa: T201

    def cli(self, *words: str) -> str:
        """What a verb prints."""
        command = [sys.executable, "-m", "spanledger", *words]
        return subprocess.check_output(command, text=True, env={**os.environ, **self.variables})

    def part(self, *words: str) -> Part:
        """A verb that runs by itself."""
        return Part(name=words[0], words=words, environment=self.variables, log=self.data / f"{words[0]}.log")

    def rows(self, tenant: str) -> pl.DataFrame:
        """Rows of a tenant, for kafka of those that the spans name, once Kafka is drained; as a DuckDB client reads."""
        wait_drained(self.kafka, self.data / "lake", within_s=60, check=lambda: None)
        self.cli("lake", "attach", str(self.data / "lake.duckdb"))
        spans: pl.DataFrame = duckdb.connect(self.data / "lake.duckdb", read_only=True).sql("FROM spans").pl()
        named = pl.col("tenant").is_in([*WAYS, *KILLS]).fill_null(value=False)
        return spans.filter(~named if tenant == "kafka" else pl.col("tenant") == tenant)

    def others(self) -> int:
        """Records of metrics and logs."""
        return sum(end_offsets(self.kafka, ["otlp_metrics", "otlp_logs"]).values())

    @contextmanager
    def collector(self, name: str, *words: str) -> Iterator[tuple[str, Path]]:
        """Run a Collector; gives its URL and its log. What it has not sent at the end stays in its state."""
        http, log = f"127.0.0.1:{free_port()}", self.data / f"collector-{name}.log"
        key = f"key-{name}"
        own = {"COLLECTOR_HTTP": http, "COLLECTOR_STATE": str(self.data / f"state-{name}")}
        variables = {**os.environ, **self.variables, **own, "COLLECTOR_TOKEN": key, "SPANLEDGER_API_KEY": key}
        with log.open("wb") as out:
            process = subprocess.Popen([self.binary, f"--config={CONFIG}", *TOKEN, *words], env=variables, stderr=out)
        try:
            _wait(lambda: "Everything is ready" in log.read_text(), f"{name}: the Collector runs, see {log}")
            yield f"http://{http}", log
        finally:
            process.terminate()
            process.wait(60)

    def replay(self, name: str, url: str) -> tuple[int, int]:
        """Send the captures with other ids; how many spans that were, and the mask: XOR with it gives the old ids."""
        fresh, folder = FreshIds.draw(Random(name)), self.data / name  # noqa: S311 (repeatable)
        folder.mkdir()
        for capture in CAPTURES:
            (folder / capture.name).write_bytes(fresh.renew(capture.read_bytes(), "application/x-protobuf"))
        for content in OTHER_SIGNALS:
            (folder / f"{len(content)}.json").write_text(content)
        words = ("--endpoint", url, "--api-key", f"key-{name}", "--format", "json")
        sent = json.loads(self.cli("replay", *map(str, folder.iterdir()), *words))
        return sum(one["spans"] or 0 for one in sent), int.from_bytes(fresh.trace_mask + fresh.span_mask)

    def check_way(self, name: str) -> None:
        """The captures by one way: a row per span, equal to the direct way's but for what is its own."""
        if name == "direct":
            spans, mask = self.replay(name, f"http://{self.variables['GATEWAY_HTTP']}")
        else:
            with self.collector(name, *WAYS[name]) as (url, _):
                spans, mask = self.replay(name, url)
                _wait(lambda: self.rows(name).height >= spans, f"{name}: {spans} spans land")
                _wait(lambda: self.others() >= 2 * (list(WAYS).index(name) + 1), f"{name}: metrics and logs land")
        rows = self.rows(name)
        ids = [(int.from_bytes(t + s) ^ mask).to_bytes(24) for t, s in rows["trace_id", "span_id"].rows()]
        as_told = pl.col("as_told").str.replace(RANK, "").replace("{}", None)
        table = rows.drop(OWN).with_columns(as_told, pl.Series("ids", ids)).sort("ids")
        tenants = [word for tenant in rows["tenant"].unique() for word in ("--tenant", tenant or "unattributed")]
        spend = json.loads(self.cli("report", "spend", "--by", "", "--format", "json", *tenants))[0]
        first, sums = self.landed.setdefault("direct", (table, {name: spend[name] for name in SUMS}))
        self.agree(f"{name}: rows, different ids", (spans, spans), (rows.height, len(set(ids))))
        self.agree(f"{name}: rows as the direct ones", expected=True, found=table.equals(first))
        self.agree(f"{name}: report spend", sums, {name: spend[name] for name in SUMS})

    def check_kills(self, name: str, gateway: Part, stack: Stack) -> None:
        """A simulated workload while the gateway is killed four times: no span is missing, the cost is the truth's."""
        file, words = self.data / f"{name}.json", ("--history=6", "--rate=3", "--for=10", f"--seed={name}", "--truth")
        with self.collector(name, *KILLS[name]) as (url, log):
            stack.start(self.part("simulate", *words, str(file), "--endpoint", url, "--api-key", f"key-{name}"))
            for _ in range(4):
                time.sleep(4)
                subprocess.run(("/bin/kill", "-9", str(gateway.pid)), check=True)
                gateway.start()
            _wait(file.exists, f"{name}: everything is sent")
            truth = Truth.from_json(file.read_text())
            _wait(lambda: self.rows(name)["span_id"].n_unique() >= truth.spans, f"{name}: {truth.spans} spans land")
        rows = self.rows(name)
        spans = rows.unique(("trace_id", "span_id"))
        self.agree(f"{name}: the Collector had to retry", expected=True, found="Will retry" in log.read_text())
        self.agree(f"{name}: spans ({len(rows) - len(spans)} of them landed twice)", truth.spans, spans.height)
        self.agree(f"{name}: cost, USD", truth.cost_usd, spans.filter("billable")["cost_usd"].sum())

    def check_refused(self, name: str, *words: str) -> None:
        """With a wrong key nothing lands, and the Collector says why, once and for all."""
        with self.collector(name, *words) as (url, log):
            self.replay(name, url)
            _wait(lambda: "Dropping data" in log.read_text(), f"{name}: the Collector gives up")
        self.agree(f"{name}: the log", REFUSAL, tuple(text for text in REFUSAL if text in log.read_text()))
        self.agree(f"{name}: rows", 0, self.rows(name).height)


def _wait(reached: Callable[[], bool], what: str, within_s: float = 90) -> None:
    until = time.monotonic() + within_s
    while not reached():
        if time.monotonic() > until:
            raise SystemExit(f"not within {within_s:.0f} s: {what}")
        time.sleep(0.2)


def main(binary: str) -> int:
    """Run all checks; 0 when everything agrees."""
    data = Path(tempfile.mkdtemp(prefix="spanledger-collector-"))
    broker, grpc, http = free_port(), free_port(), free_port()
    keys = ((name, hashlib.sha256(f"key-{name}".encode()).hexdigest()) for name in (*WAYS, *KILLS))
    variables = {
        "SPANLEDGER_DATA": str(data), "SPANLEDGER_LAKE": str(data / "lake"), "SPANLEDGER_KAFKA": f"127.0.0.1:{broker}",
        "SPANLEDGER_BROKER_PORT": str(broker), "SPANLEDGER_BROKER_JARS": str(load().data / "jars"),
        "SPANLEDGER_GATEWAY_GRPC_PORT": str(grpc), "SPANLEDGER_GATEWAY_HTTP_PORT": str(http),
        "SPANLEDGER_GATEWAY_API_KEYS": ",".join(f"{name}={name}:{sha256}" for name, sha256 in keys),
        "GATEWAY_GRPC": f"127.0.0.1:{grpc}", "GATEWAY_HTTP": f"127.0.0.1:{http}", "COLLECTOR_GRPC": "127.0.0.1:0",
    }  # fmt: skip
    bench = Bench(binary=binary, data=data, variables=variables, kafka=KafkaSettings(bootstrap=f"127.0.0.1:{broker}"))
    with Stack() as stack:
        for verb, ready in (("broker", "topics:"), ("worker", "worker starts"), ("gateway", "gateway ready")):
            stack.wait_until_said(part := stack.start(bench.part(verb)), ready, within_s=60)
        for name in WAYS:
            bench.check_way(name)
        bench.agree("metrics, logs", 2 * len(WAYS), bench.others())
        for name in KILLS:
            bench.check_kills(name, part, stack)
        for name, words in KILLS.items():
            bench.check_refused(name.replace("killed", "refused"), *words)
    print(f"verdict: {'everything agrees' if bench.agrees else 'it does NOT agree'}; logs and lake in {data}")  # noqa: T201
    return 0 if bench.agrees else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

"""Metrics of GPUs and of model servers become samples in known units, whoever tells them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from processors.conventions.gpu import gpu_labels, gpu_metrics, label_columns, value_columns
from processors.engine import Engine, process_range
from processors.messages import Message, Processed
from processors.settings import WorkerSettings
from tests.processors.otlp import RECEIVED_US, START_NS
from tests.processors.scraped import scraped
from warehouse.schemas import GPU_SAMPLES, TABLES

ENGINE = Engine.of(WorkerSettings(), user_key=bytes(32))
DATA = Path(__file__).parent.parent / "data" / "gpu"
GPU = '{gpu="0",UUID="GPU-1",modelName="NVIDIA H100 80GB HBM3",Hostname="node-1"}'
SERVER = '{model_name="llama",engine="0"}'


def read(*requests: ExportMetricsServiceRequest, **fields: Any) -> Processed:
    plain = {"topic": "otlp_metrics", "partition": 0, "received_at_us": RECEIVED_US, "tenant": None}
    messages = [
        Message(value=one.SerializeToString(), offset=offset, **(plain | fields)) for offset, one in enumerate(requests)
    ]
    return process_range(messages, ENGINE)


def samples(*requests: ExportMetricsServiceRequest) -> list[dict[str, Any]]:
    """Rows, without what they do not say."""
    rows = read(*requests).tables["gpu_samples"].to_pylist()
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def scrape(file: str, **how: Any) -> ExportMetricsServiceRequest:
    return scraped((DATA / file).read_text(), **how)


def told(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row.get(name) for name in names) for row in rows]


def test_a_scrape_of_dcgm_is_one_row_of_gauges_a_gpu_in_known_units_and_one_of_counters():
    rows = samples(scrape("dcgm.prom"))

    first, second = (row for row in rows if "cumulative" not in row)
    (counters,) = (row for row in rows if "cumulative" in row)
    assert (first["utilisation"], first["engine_active"], first["power_watts"]) == (0.64, 0.613042, 512.731)
    assert (first["memory_used_bytes"], first["xid_code"]) == (71264 * 2**20, 79)
    assert (second["utilisation"], second["engine_active"], second["memory_used_bytes"]) == (0.01, 0.004811, 2**20)
    assert (counters["energy_joules"], counters["ecc_uncorrected_errors"]) == (9412345.678, 2)
    assert (counters["sampled_at"] - counters["counted_since"]).total_seconds() == 1000
    names = ("source", "gpu_uuid", "gpu_index", "gpu_model", "host", "pod")
    whose = (
        "dcgm",
        "GPU-0d6b2f3a-6d51-4a4e-9d0e-2f6f3c1a7b10",
        0,
        "NVIDIA H100 80GB HBM3",
        "gpu-node-1",
        "llama-70b-0",
    )
    assert told([first, counters], *names) == [whose, whose]


def test_one_percent_is_a_hundredth_and_a_ratio_of_one_is_all_by_the_metrics_name_alone():
    text = f"DCGM_FI_DEV_GPU_UTIL{GPU} 1\nDCGM_FI_PROF_GR_ENGINE_ACTIVE{GPU} 1\n"

    assert told(samples(scraped(text)), "utilisation", "engine_active") == [(0.01, 1.0)]


def test_instances_of_a_gpu_are_told_apart_and_pods_are_named_by_either_spelling():
    rows = samples(scrape("dcgm-mig-old-names.prom"))

    assert told(rows, "mig_id", "mig_profile", "pod", "engine_active") == [
        ("13", "1g.5gb", "small-model-0", 0.25),
        ("2", "3g.20gb", "large-model-0", 0.9),
    ]
    assert {row["gpu_uuid"] for row in rows} == {"GPU-3b7e9a1c-5d70-4d0a-b1e5-6f1a4f1c9e22"}


def test_a_scrape_of_vllm_is_what_its_server_does():
    rows = samples(scrape("vllm.prom", target="10.0.3.4:8000", job="llama"))

    gauges, counters = rows
    assert told(rows, "source", "model_server", "model", "engine", "gpu_uuid") == 2 * [
        ("vllm", "10.0.3.4:8000", "meta-llama/Llama-3.3-70B-Instruct", "0", None)
    ]
    assert told([gauges], "requests_running", "requests_waiting", "kv_cache_utilisation") == [(12, 3, 0.8125)]
    assert told([counters], "prompt_tokens", "generation_tokens", "cumulative") == [(1_845_213, 402_119, True)]


def test_its_tokens_are_those_of_a_service_too_and_the_other_metrics_are_counted():
    made = read(scrape("vllm.prom"))

    assert made.tables["token_samples"]["tokens"].to_pylist() == [1_845_213, 402_119]
    assert (made.ignored, made.dropped) == (1, {})


def test_an_export_of_hw_gpu_is_one_row_of_its_gpu_and_other_hardware_is_left_alone():
    (message,) = [Message(
        topic="otlp_metrics", partition=0, offset=0, received_at_us=1_790_000_001_000_000,
        value=(DATA / "hw-gpu.json").read_bytes(),
    )]  # fmt: skip

    made = process_range([message], ENGINE)

    gauges, counters = made.tables["gpu_samples"].to_pylist()
    assert told([gauges], "source", "gpu_uuid", "gpu_model", "host", "utilisation", "power_watts") == [
        ("hw", "GPU-52a1f0de-7c39-4b4c-8f0b-0f5c5d0f7a33", "NVIDIA L40S", "gpu-node-2", 0.37, 181.5)
    ]
    assert (gauges["memory_used_bytes"], gauges["memory_total_bytes"]) == (20 * 2**30, 48301604864)
    assert (counters["energy_joules"], counters["ecc_uncorrected_errors"]) == (1_815_000, 1)
    assert (made.ignored, made.dropped) == (0, {})


_WORDS = sorted(name for name in gpu_metrics() if not name.startswith("hw."))


@pytest.mark.parametrize("name", _WORDS)
def test_every_spelling_of_a_metric_fills_its_field(name: str):
    (reading,) = gpu_metrics()[name]
    kind = "counter" if reading.counter else "gauge"
    labels = SERVER if reading.source == "vllm" else GPU

    (row,) = samples(scraped(f"# TYPE {name} {kind}\n{name}{labels} 1\n"))

    assert (row["source"], row[reading.field]) == (reading.source, float(reading.scale))
    assert row.get("cumulative") == (True if reading.counter else None)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"DCGM_FI_DEV_GPU_UTIL{GPU} 101", "out_of_range"),
        (f"DCGM_FI_DEV_GPU_UTIL{GPU} -1", "out_of_range"),
        (f"DCGM_FI_DEV_GPU_UTIL{GPU} 2147483632", "out_of_range"),  # what DCGM says where it knows nothing
        (f"DCGM_FI_DEV_FB_USED{GPU} 2147483632", "out_of_range"),
        (f"DCGM_FI_DEV_FB_TOTAL{GPU} 9223372036854775794", "out_of_range"),
        (f"DCGM_FI_DEV_POWER_USAGE{GPU} 140737488355328", "out_of_range"),
        (f"DCGM_FI_DEV_XID_ERRORS{GPU} 2147483635", "out_of_range"),
        (f"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{GPU} 9223372036854775792", "out_of_range"),
        (f"DCGM_FI_DEV_ECC_DBE_VOL_TOTAL{GPU} 2147483634", "out_of_range"),
        (f"vllm:num_requests_running{SERVER} 1e300", "out_of_range"),
        (f"vllm:prompt_tokens_total{SERVER} 1e300", "out_of_range"),
        (f"DCGM_FI_PROF_GR_ENGINE_ACTIVE{GPU} 64", "out_of_range"),
        (f"vllm:kv_cache_usage_perc{SERVER} 81.25", "out_of_range"),
        (f"DCGM_FI_DEV_FB_USED{GPU} -5", "out_of_range"),
        (f"DCGM_FI_DEV_GPU_UTIL{GPU} NaN", "bad_point"),
        (f"DCGM_FI_DEV_POWER_USAGE{GPU} +Inf", "bad_point"),
        ('DCGM_FI_DEV_GPU_UTIL{Hostname="node-1"} 5', "bad_point"),
    ],
)
def test_what_cannot_be_is_left_out_and_counted_and_its_neighbour_stands(line: str, reason: str):
    made = read(scraped(f'{line}\nDCGM_FI_DEV_GPU_UTIL{{UUID="GPU-2"}} 50\n'))

    assert made.tables["gpu_samples"]["utilisation"].to_pylist() == [0.5]
    assert made.dropped == {reason: 1}


def test_a_series_that_has_ended_says_nothing():
    request = scraped(f"DCGM_FI_DEV_GPU_UTIL{GPU} 50\n")
    request.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0].flags = 1

    made = read(request)

    assert (made.tables["gpu_samples"].num_rows, made.dropped, made.ignored) == (0, {}, 0)


def test_a_counter_is_kept_as_told_with_its_interval():
    name = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"
    text = f"# TYPE {name} counter\n{name}{GPU} 5000\n"
    untyped = scraped(f"{name}{GPU} 5000\n")
    delta, untold = scraped(text), scraped(text)
    delta.resource_metrics[0].scope_metrics[0].metrics[0].sum.aggregation_temporality = 1
    untold.resource_metrics[0].scope_metrics[0].metrics[0].sum.aggregation_temporality = 0

    rows = samples(scraped(text), delta, untyped)
    refused = read(untold)

    assert told(rows, "energy_joules", "cumulative") == [(5.0, True), (5.0, False), (5.0, True)]
    assert ["counted_since" in row for row in rows] == [True, True, False]
    assert (refused.tables["gpu_samples"].num_rows, refused.dropped) == (0, {"bad_point": 1})


def test_scrapes_of_two_moments_are_rows_of_two_moments_in_one_message_too():
    early, late = (scrape("dcgm.prom", at_ns=START_NS - ago) for ago in (10**10, 0))
    early.resource_metrics.extend(late.resource_metrics)

    rows = samples(early)

    assert len({row["sampled_at"] for row in rows}) == 2
    assert len(rows) == 6


def test_a_pod_that_shares_a_gpu_in_slices_of_time_has_a_row_of_its_own():
    shared = GPU[:-1]
    text = "".join(f'DCGM_FI_DEV_GPU_UTIL{shared},pod="{pod}"}} 70\n' for pod in ("a", "b"))

    assert told(samples(scraped(text)), "pod", "utilisation") == [("a", 0.7), ("b", 0.7)]


def test_the_exporters_own_pod_is_nobodys():
    request = scraped(f"DCGM_FI_DEV_GPU_UTIL{GPU} 50\n")
    pod = request.resource_metrics[0].resource.attributes.add(key="k8s.pod.name")
    pod.value.string_value = "dcgm-exporter-x7k2p"

    assert told(samples(request), "pod") == [(None,)]


@pytest.mark.parametrize("stamp", [{"tenant": "acme"}, {"tenants": ("acme", "globex")}, {"principal": "key-1"}])
def test_a_tenants_own_key_says_nothing_of_gpus_and_servers_which_is_counted(stamp: dict[str, Any]):
    refused = read(scrape("dcgm.prom"), scrape("vllm.prom"), **stamp)
    allowed = read(scrape("dcgm.prom"), scrape("vllm.prom"), gpus=True, **stamp)

    told = allowed.tables["gpu_samples"]
    assert (refused.tables["gpu_samples"].num_rows, told.num_rows) == (0, 5)
    assert refused.dropped == {"gpus_not_allowed": sum(_values(told))}
    assert allowed.dropped == {}
    assert refused.tables["token_samples"].equals(allowed.tables["token_samples"])  # what a service counts is its own


def _values(rows: pa.Table) -> list[int]:
    return [len(rows) - rows[name].null_count for name in value_columns()]


def test_the_tenant_of_the_key_holds_and_a_secret_in_a_label_is_not_kept():
    secret = "sk-proj-AbCdEf0123456789AbCdEf"
    text = f'DCGM_FI_DEV_GPU_UTIL{{UUID="GPU-1",modelName="{secret}",pod="{secret}",Hostname="node-1"}} 50\n'

    made = read(scraped(text), tenant="acme", gpus=True)

    (row,) = made.tables["gpu_samples"].to_pylist()
    assert (row["tenant"], row["gpu_model"], row["host"]) == ("acme", None, "node-1")
    assert row["pod"].startswith("hidden-")
    assert made.hidden == {"hidden_value": 1}


def test_the_tables_are_in_their_schemas_and_conventions_fill_columns_that_there_are():
    assert read(scrape("dcgm.prom")).tables["gpu_samples"].schema == TABLES["gpu_samples"].flushed
    assert {*label_columns(), *value_columns()} <= set(GPU_SAMPLES.names)
    assert {reading.source for readings in gpu_metrics().values() for reading in readings} == set(gpu_labels())

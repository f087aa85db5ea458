"""GPU: how busy GPUs are, what idle time costs, who used them and for how much, and how full the model servers are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from dashboards import charts, figures, gpu_lines
from dashboards.controls import choose_one
from dashboards.first_line import draw_first_line
from dashboards.frame import empty, part, side_by_side
from dashboards.grid import Column, Row
from dashboards.listing import draw_table
from dashboards.look import Axis, Look, again

LINES = ("used", "unattributed", "idle", "unmeasured")
VIEWS = {"hours": "Hours", "cost": "Cost", "share": "Busy and full"}
FULL = {"kv_cache_mean": "KV cache in use", "waiting_share": "samples with a queue"}
FIRST_TOKEN = {"ttft_p50_ms": "median", "ttft_p95_ms": "95 %"}
NONE_YET = """<div class="sl-empty"><h2>No GPU is known here</h2>
<p>Send metrics of NVIDIA's dcgm-exporter and of your model servers to the gateway (OTLP, <code>/v1/metrics</code>), as
a Collector does that scrapes them; <code>docs/gpu.md</code> has its file.</p>
<p>Where no dcgm-exporter runs: <code>spanledger gpu-agent</code> on the machine itself. To try it without a GPU:
<code>spanledger simulate --history 3 --for 0 --gpus</code>.</p></div>"""
NOT_SETTLED = """<div class="sl-empty"><h2>No GPU time is settled in this view</h2>
<p>Samples have come, but whose a GPU's hours are is known when they are settled. A worker settles by itself; to close
the hours that are over now: <code>spanledger settle</code>. <a href="{everything}">Show everything</a></p></div>"""
NOT_YOURS = """<div class="sl-empty"><h2>No GPU time in this view</h2>
<p>No call that this period and these filters let through ran on a GPU that is known.
<a href="{everything}">Show everything</a></p></div>"""


def _draw(look: Look) -> None:
    booked, chosen = look.books(), look.view.where()
    whole = look.answers.whole and not chosen
    total = next(iter(booked.of("gpu") if whole else _used(booked)), None)
    if total is None:
        st.html(_why_empty(look, whole))
    elif whole:
        _draw_fleet(booked, total)
    else:
        say = partial(gpu_lines.used, total, phrase=look.period.phrase)
        draw_first_line(booked, lambda before: say(before=before), lambda earlier: next(iter(_used(earlier)), None))
    if total is not None:
        _draw_use(booked)
        _draw_models(booked)
    _draw_saturation(look)


show = again(_draw)


def _why_empty(look: Look, whole: bool) -> str:
    if not whole:
        return empty(NOT_YOURS, look.view)
    known = look.answers.ask("gpu-memory", by="") or look.answers.ask("gpu", by="")
    return empty(NOT_SETTLED, look.view) if known else NONE_YET


def _used(look: Look, by: Sequence[str] = ()) -> list[Row]:
    """What calls of the view used."""
    period = look.period
    where = look.view.where() | {"line": ("used",)}
    return look.answers.ask("gpu", by=tuple(by), start=period.start, end=period.end, where=where)


def _memory(look: Look, by: Sequence[str] = (), bucket: str | None = None) -> list[Row]:
    over = {"bucket": bucket, "zone": look.view.zone.key} if bucket else {}
    return look.answers.ask("gpu-memory", by=tuple(by), start=look.period.start, end=look.period.end, **over)


def _draw_fleet(look: Look, total: Row) -> None:
    """All GPUs: what is nobody's is for who sees all, and no tenant, feature or model has it."""
    devices = look.of("gpu", by=("host", "gpu", "gpu_model"))
    say = partial(gpu_lines.fleet, total, len({row["gpu"] for row in devices}), phrase=look.period.phrase)
    draw_first_line(look, lambda before: say(before=before), lambda earlier: next(iter(earlier.of("gpu")), None))
    st.html(gpu_lines.second(total, next(iter(_memory(look)), None)))
    _draw_chart(look)
    left, right = side_by_side(2)
    with left:
        _draw_lines(look.of("gpu", by=("line",)))
    with right:
        _draw_devices(devices, {(row["host"], row["gpu"]): row for row in _memory(look, ("host", "gpu"))})


def _draw_chart(look: Look) -> None:
    axis = look.axis()
    bucket = axis["bucket"]
    with part(f"Per {bucket}", f"In settled hours, times in {look.view.zone.key}"):
        chosen = choose_one("What to draw", VIEWS, key="draw")
    by_line = look.of("gpu", by=("line",), bucket=bucket)
    axis = _from_first(axis, by_line)
    if chosen == "share":
        full = {row["bucket"]: row["memory_mean"] for row in _memory(look, bucket=bucket)}
        rows = [{**row, "memory": full.get(row["bucket"])} for row in look.of("gpu", bucket=bucket)]
        chart = charts.lines(rows, columns={"utilisation": "busy", "memory": "memory in use"}, unit="share", **axis)
    elif chosen == "cost":
        chart = charts.over_time(by_line, dimension="line", largest=LINES, **axis)
    else:
        chart = in_hours(by_line, axis)
    st.vega_lite_chart(chart, alt=f"{VIEWS[chosen]} of GPUs per {bucket}. The tables hold the numbers.")


def in_hours(rows: Sequence[Row], axis: Axis) -> dict[str, Any]:
    """The chart of GPU-hours by line. Rows: ``bucket``, ``line``, ``gpu_hours``."""
    told = [{**row, "GPU-hours": round(row["gpu_hours"], 3)} for row in rows]
    chart = charts.counts(told, value="GPU-hours", name="line", largest=LINES, **axis)
    chart["encoding"]["y"]["axis"] |= {"format": ",.3~f"}  # half an hour is 0.5, not 500m
    return chart


def _from_first(axis: Axis, rows: Sequence[Row]) -> Axis:
    """The axis from the first of the rows where calls begin later: GPUs are there before them."""
    first, last = axis["bounds"]
    return Axis(bucket=axis["bucket"], zone=axis["zone"], bounds=(min(first, *(row["bucket"] for row in rows)), last))


def _draw_lines(rows: Sequence[Row]) -> None:
    draw_table(
        "Whose the time was",
        rows,
        [
            Column(name="line", title="Line"),
            Column(name="time_share", title="Of all", shown=figures.share),
            Column(name="cost_usd", title="Cost", shown=figures.usd),
            Column(name="gpu_hours", title="GPU time", shown=gpu_lines.hours, bar=True),
        ],
        name="gpu-by-line",
        note="All lines together are the bill",
    )


def _draw_devices(rows: Sequence[Row], memory: Mapping[tuple[str | None, str], Row]) -> None:
    full = [{**row, "memory": memory.get((row["host"], row["gpu"]), {}).get("memory_mean")} for row in rows]
    draw_table(
        "By GPU",
        full,
        [
            Column(name="host", title="Host", unknown="unknown"),
            Column(name="gpu", title="GPU"),
            Column(name="utilisation", title="Busy", shown=figures.share),
            Column(name="memory", title="Memory", shown=figures.share),
            Column(name="idle_cost_usd", title="Idle", shown=figures.usd),
            Column(name="cost_usd", title="Cost", shown=figures.usd, bar=True),
        ],
        name="gpu-by-gpu",
        note="Memory is the mean of the samples",
    )


def _draw_use(look: Look) -> None:
    by = ("tenant", "feature", "model")
    draw_table(
        "By tenant, feature, model",
        _used(look, by),
        [
            *(Column(name=name, title=name.capitalize(), link=look.view.narrowing(name)) for name in by),
            Column(name="calls", title="Calls", shown=figures.count),  # others ran where no GPU is known: no address
            Column(name="gpu_hours", title="GPU time", shown=gpu_lines.hours),
            Column(name="cost_per_1k_tokens_usd", title="Per 1k tokens", shown=figures.usd),
            Column(name="costed_share", title="Of the tokens", shown=figures.share),
            Column(name="cost_usd", title="Cost", shown=figures.usd, bar=True),
        ],
        name="gpu-by-use",
        note="Of the time that calls used; the price of tokens is of those whose time was measured and has a rate",
        none="No call of this view ran on a GPU that is known.",
    )


def _draw_models(look: Look) -> None:
    asked = {"start": look.period.start, "end": look.period.end}
    models = look.view.where().get("model")
    rows = [row for row in look.answers.ask("gpu-models", **asked) if not models or row["model"] in models]
    draw_table(
        "Here and elsewhere",
        [{**row, "where": "here" if row["hosting"] == "self_hosted" else "hosted"} for row in rows],
        [
            Column(name="model", title="Model", link=look.view.narrowing("model"), unknown="unknown"),
            Column(name="where", title="Runs"),
            Column(name="calls", title="Calls", shown=figures.count),
            Column(name="gpu_hours", title="GPU time", shown=gpu_lines.hours),
            Column(name="cost_per_1k_tokens_usd", title="Per 1k tokens", shown=figures.usd),
            Column(name="used_cost_per_1k_tokens_usd", title="Without idle", shown=figures.usd),
            Column(name="cost_per_successful_task_usd", title="Per success", shown=figures.usd),
            Column(name="cost_usd", title="Cost", shown=figures.usd, bar=True),
        ],
        name="gpu-models",
        note="A model that runs here bears the whole hours of its GPUs, idle ones too; filters of models hold",
        exported=rows,
        shown=10,
    )


def _draw_saturation(look: Look) -> None:
    """How full servers are beside how long first tokens take: of the samples as they are, settled or not."""
    asked = {"start": look.period.start, "end": look.period.end}
    models = look.view.where().get("model")
    rows = [
        row for row in look.answers.ask("gpu-saturation", bucket=None, **asked) if not models or row["model"] in models
    ]
    if not rows:
        return
    axis = look.axis()
    with part(
        f"Saturation per {axis['bucket']}", "How full the servers of a model are, beside the first tokens of its calls"
    ):
        model = choose_one("Model", {row["model"]: row["model"] for row in rows}, key="served")
    told = look.answers.ask("gpu-saturation", bucket=axis["bucket"], zone=look.view.zone.key, **asked)
    told = [row for row in told if row["model"] == model]
    axis = _from_first(axis, told)
    left, right = side_by_side(2, "-full")
    with left:
        chart = charts.lines(told, columns=FULL, unit="share", **axis)
        st.vega_lite_chart(chart, alt="Lines: KV cache and queue. The table holds the numbers.")
    with right:
        _draw_first_tokens(told, axis)
    calls_of = replace(look.view, chosen={}).calls_of(("model",))  # filters of tenants and features do not hold here
    draw_table(
        "Model servers",
        rows,
        [
            Column(name="model", title="Model"),
            Column(name="servers", title="Servers", shown=figures.count),
            Column(name="running_mean", title="Running", shown=figures.decimal),
            Column(name="waiting_mean", title="Waiting", shown=figures.decimal),
            Column(name="waiting_share", title="Queue in", shown=figures.share),
            Column(name="kv_cache_mean", title="KV cache", shown=figures.share),
            Column(name="kv_cache_max", title="At most", shown=figures.share),
            Column(name="ttft_p50_ms", title="First token", shown=figures.milliseconds),
            Column(name="ttft_p95_ms", title="95 %", shown=figures.milliseconds),
            Column(name="served_tokens", title="Tokens served", shown=figures.count),
            Column(name="seen_tokens", title="Of calls", shown=figures.count, leads=calls_of),
        ],
        name="gpu-saturation",
        note="By samples as they came, settled or not",
    )


def _draw_first_tokens(rows: Sequence[Row], axis: Axis) -> None:
    if all(row["ttft_p50_ms"] is None for row in rows):
        st.html('<p class="sl-sub">No call of it tells when its first token came.</p>')
        return
    chart = charts.lines(rows, columns=FIRST_TOKEN, **axis)
    st.vega_lite_chart(chart, alt="Lines: time to first token. The table holds the numbers.")

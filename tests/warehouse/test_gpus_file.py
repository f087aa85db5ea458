"""The file of GPUs: rates by node or model and day, servers, weights; what cannot be is refused by its name."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from warehouse.errors import BadFleet
from warehouse.gpus import Fleet, read_fleet
from warehouse.gpus.file import Weights

DAY = dt.date(2026, 11, 20)


def read(tmp_path: Path, text: str) -> Fleet:
    file = tmp_path / "gpus.toml"
    file.write_text(text)
    return read_fleet(str(file))


def rate(usd: str, **fields: str) -> str:
    told = {"usd_per_hour": f'"{usd}"'} | {
        name: value if name in ("from", "until") else f'"{value}"' for name, value in fields.items()
    }
    return "[[rates]]\n" + "".join(f"{name} = {value}\n" for name, value in told.items())


def cost(fleet: Fleet, host: str | None, model: str | None, day: dt.date = DAY) -> tuple[str, float] | None:
    found = fleet.rate([host], [model], day)
    return (found.terms, found.picos_per_hour / 1e12) if found else None


def test_no_file_says_nothing():
    assert read_fleet("") == Fleet()
    assert cost(read_fleet(""), "node-1", "NVIDIA H100") is None


def test_a_rate_of_the_node_goes_before_one_of_the_model_in_any_case_of_letters(tmp_path: Path):
    fleet = read(tmp_path, rate("1", node="spot-*", terms="spot") + rate("3", gpu_model="nvidia h100*"))

    assert cost(fleet, "SPOT-7", "NVIDIA H100 80GB HBM3") == ("spot", 1.0)
    assert cost(fleet, "node-1", "NVIDIA H100 80GB HBM3") == ("on_demand", 3.0)
    assert cost(fleet, "node-1", "NVIDIA L40S") is None
    assert cost(fleet, None, None) is None


def test_a_gpu_that_is_called_by_two_names_has_the_rate_of_either(tmp_path: Path):
    fleet = read(tmp_path, rate("1", node="node-1", terms="spot") + rate("3", gpu_model="*"))

    found = fleet.rate([None, "node-1.dc.internal", "node-1"], [None, "NVIDIA H100"], DAY)

    assert found
    assert found.terms == "spot"


def test_of_rates_of_one_kind_the_one_holds_that_began_last_until_it_ends(tmp_path: Path):
    text = rate("4", gpu_model="*") + rate("3", **{"gpu_model": "*", "from": "2026-11-01", "until": "2026-12-01"})
    fleet = read(tmp_path, text)

    costs = [cost(fleet, None, "x", day) for day in (dt.date(2026, 10, 31), DAY, dt.date(2026, 12, 1))]
    assert costs == [("on_demand", 4.0), ("on_demand", 3.0), ("on_demand", 4.0)]


def test_both_a_node_and_a_model_must_fit_where_both_are_said(tmp_path: Path):
    fleet = read(tmp_path, rate("2", node="n*", gpu_model="*A100*", terms="reserved"))

    assert [cost(fleet, "n1", "NVIDIA A100"), cost(fleet, "n1", "NVIDIA H100")] == [("reserved", 2.0), None]


def test_weights_are_a_models_own_else_those_of_all_else_the_default(tmp_path: Path):
    text = '[weights]\noutput = 4\n[weights.models."llama-*"]\ncached_input = "0.05"\n[weights.models."*"]\ninput = 2\n'
    fleet = read(tmp_path, text)

    assert fleet.weights_of("Llama-3") == Weights(input=1000, cached_input=50, output=4000)
    assert fleet.weights_of("qwen") == Weights(input=2000, cached_input=125, output=4000)
    assert Fleet().weights_of(None) == Weights(input=1000, cached_input=125, output=3000)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[rates]]\nusd_per_hour = '1'\n", "which node or gpu_model"),
        ("[[rates]]\nnode = 'a'\nusd_per_hour = 1.5\n", "usd_per_hour = 1.5"),
        ("[[rates]]\nnode = 'a'\n", "usd_per_hour"),
        ("[[rates]]\nnode = 'a'\nusd_per_hour = '2000000'\n", "a million USD"),
        ("[[rates]]\nnode = 'a'\nusd_per_hour = '1'\nterms = 'free'\n", "on_demand, reserved, spot"),
        ("[[rates]]\nnode = 'a'\nusd_per_hour = '1'\nfrom = 2026-02-01\nuntil = 2026-01-01\n", "must be before"),
        ("[[rates]]\nnode = 'a'\nusd_per_hour = '1'\nfrom = 'soon'\n", "a day like"),
        ("[[rates]]\nnode = 'a'\nusd_per_hour = '1'\nzone = 'b'\n", "has no 'zone'"),
        ("[[servers]]\naddress = 'llm'\n", "hosts, pods or gpus"),
        ("[[servers]]\nhosts = ['a']\n", "address"),
        ("[[servers]]\naddress = 'llm'\nhosts = 'a'\n", "a list of names"),
        ("[weights]\noutput = -1\n", "output = -1"),
        ("[weights]\noutput = '0.0001'\n", "3 decimals"),
        ("[weights]\nprefill = 1\n", "has no 'prefill'"),
        ("[rate]\n", "has no 'rate'"),
        ("rates = 1\n", "must be tables"),
        ("[[rates\n", "is not TOML"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(tmp_path: Path, text: str, said: str):
    with pytest.raises(BadFleet, match=said):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_told():
    with pytest.raises(BadFleet, match="cannot be read"):
        read_fleet("/nowhere/gpus.toml")

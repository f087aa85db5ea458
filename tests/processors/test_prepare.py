"""What a first flush would have to compile is compiled before."""

from __future__ import annotations

from pathlib import Path

from processors.decode.wire import attributes
from processors.decode.wire.compiled import CACHE
from processors.engine import Engine
from processors.prepare import prepare
from processors.settings import WorkerSettings
from warehouse.once import kernels


def test_every_loop_of_the_once_rules_is_compiled_by_the_sample():
    prepare(Engine.of(WorkerSettings(), user_key=b"a key of the tests"))

    made = {name: function for name, function in vars(kernels).items() if hasattr(function, "signatures")}
    called = {name for name in made if not name.startswith("_")}
    assert called > {"find_parents", "walk_down"}
    assert {name for name in called if not made[name].signatures} == set()


def test_the_decoder_is_compiled_once_wherever_its_sources_lie():
    made = [function for function in vars(attributes).values() if hasattr(function, "stats")]

    assert made
    assert {Path(function.stats.cache_path) for function in made} == {CACHE}

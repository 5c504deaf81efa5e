"""The measurements of bench/ are run by hand, for minutes: here only that none names what is no longer there."""

import importlib
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench"


@pytest.mark.parametrize("name", sorted(path.stem for path in BENCH.glob("*.py")))
def test_every_measurement_is_a_module_that_can_be_imported_and_says_how_it_is_run(name):
    module = importlib.import_module(f"bench.{name}")
    assert module.__doc__
    assert not hasattr(module, "main") or f"bench.{name}" in module.__doc__ or f"bench/{name}" in module.__doc__

"""What is measured, and of what. How is tested in tests/runtime/test_bench.py."""

import pytest

import mtzoo
from mtzoo.recipes import bench as recipe


def test_a_base_is_measured_in_the_same_rounds(model_path, monkeypatch):
    monkeypatch.setattr(recipe, "bench_one", lambda path, threads, runs, on_round: ("alone", path, threads, runs))
    monkeypatch.setattr(recipe, "bench_against", lambda path, base, threads, runs, on_round: (("model", path), ("base", base)))
    assert mtzoo.bench(model_path, threads=1, runs=3).model == ("alone", model_path, 1, 3)
    result = mtzoo.bench(model_path, base=str(model_path))
    assert (result.model, result.base) == (("model", model_path), ("base", model_path))
    with pytest.raises(mtzoo.UserError, match="model 'gone'"):
        mtzoo.bench("gone")

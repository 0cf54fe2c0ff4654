"""What is measured, and of what. How is tested in tests/runtime/test_bench.py and tests/engine/test_frame_times.py."""

from types import SimpleNamespace

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


def test_frames_are_those_of_a_file_or_a_folder(project, monkeypatch):
    monkeypatch.setattr(recipe, "time_frames", lambda model, files, threads, runs, on_round: SimpleNamespace(model=model, files=files))
    monkeypatch.setattr(recipe, "DeployModel", lambda model, threads: model)
    monkeypatch.setattr(recipe, "load_pair", lambda resize, crop, window, executor, threads: (resize, crop))
    monkeypatch.setattr(recipe, "find_model", lambda name: name)
    images = project / "images"
    assert recipe.bench_frames("one", images / "0.png").files == [images / "0.png"]
    of_pair = recipe.bench_frames(("wide", "near"), images)
    assert len(of_pair.files) == 6
    assert of_pair.model == ("wide", "near")

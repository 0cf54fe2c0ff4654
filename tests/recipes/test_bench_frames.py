"""Of what frames are measured. How is tested in tests/runtime/test_frame_times.py."""

from types import SimpleNamespace

from mtzoo.recipes import bench_frames as recipe


def test_frames_are_those_of_a_file_or_a_folder(project, monkeypatch):
    monkeypatch.setattr(recipe, "time_frames", lambda model, files, threads, runs, on_round: SimpleNamespace(model=model, files=files))
    monkeypatch.setattr(recipe, "DeployModel", lambda model, threads: model)
    monkeypatch.setattr(recipe.ModelPair, "load", lambda resize, crop, threads: (resize, crop))
    monkeypatch.setattr(recipe, "find_model", lambda name: name)
    images = project / "images"
    assert recipe.bench_frames("one", images / "0.png").files == [images / "0.png"]
    of_pair = recipe.bench_frames(("wide", "near"), images)
    assert len(of_pair.files) == 6
    assert of_pair.model == ("wide", "near")

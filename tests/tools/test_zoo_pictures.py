"""tools/zoo_pictures.py: one rendered scene, drawn with the answers of each model."""

import cv2
import numpy as np
import pytest


@pytest.fixture
def tool(load_tool):
    return load_tool("zoo_pictures")


class Noise:
    """Stands for a result whose picture is too rich for a small file."""

    def predict(self, image):
        assert image.is_file()
        return self

    def plot(self):
        return np.random.default_rng(0).integers(0, 255, (1080, 1920, 3), dtype=np.uint8)


@pytest.fixture
def scene(tool, tmp_path, monkeypatch):
    def write_dataset(folder, num, seed, *, size_hw, workers):
        (folder / "images").mkdir(parents=True)
        (folder / "images" / "000000.jpg").write_bytes(b"")
        assert (num, size_hw) == (1, (1080, 1920))

    monkeypatch.setattr(tool, "write_dataset", write_dataset)
    return tmp_path / "out"


def test_each_model_gets_a_small_picture(tool, scene, monkeypatch, capsys):
    monkeypatch.setattr(tool, "DeployModel", lambda name: Noise())
    assert tool.main(["--out", str(scene), "--models", "a", "b"]) == 0
    assert capsys.readouterr().out.startswith(f"{scene / 'a.jpg'}: ")
    assert cv2.imread(str(scene / "b.jpg")).shape == (450, 800, 3)


def test_a_model_that_is_not_there_is_one_line(tool, scene, capsys):
    assert tool.main(["--out", str(scene), "--models", "scenes_resise"]) == 2
    error = capsys.readouterr().err
    assert "scenes_resize" in error
    assert error.count("\n") == 1

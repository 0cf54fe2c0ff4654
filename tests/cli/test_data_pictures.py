"""`mtzoo data view` and `mtzoo data stats`."""

import cv2
import numpy as np
import pytest

from mtzoo.cli.data_stats import object_bars
from mtzoo.cli.main import main
from mtzoo.config import ExperimentConfig
from tests.tiny import tiny_config, write_images


@pytest.fixture
def config(tmp_path, monkeypatch) -> ExperimentConfig:
    config = tiny_config(write_images(tmp_path / "data"))
    for verb in ("view", "stats"):
        monkeypatch.setattr(f"mtzoo.cli.data_{verb}.config_from_arguments", lambda *_: config)
    return config


def test_samples_are_drawn_on_one_sheet(config, tmp_path, capsys):
    out = tmp_path / "seen"
    assert main(["data", "view", "tiny", "--out", str(out), "--num-images", "5", "--columns", "2"]) == 0
    crop = config.train_geometry.crop_hw
    assert capsys.readouterr().out.splitlines()[1:] == [f"5 samples of {crop[1]}x{crop[0]}: {out / 'samples.png'}"]
    sheet = cv2.imread(str(out / "samples.png"))
    assert sheet.shape[0] > 3 * crop[0]
    assert sheet.shape[1] > 2 * crop[1]
    assert main(["data", "view", "tiny", "--out", str(out)]) == 2
    assert "not empty" in capsys.readouterr().err


def test_view_takes_more_samples_than_there_are_images(config, tmp_path):
    assert main(["data", "view", "tiny", "--out", str(tmp_path / "seen"), "--num-images", "8"]) == 0
    assert main(["data", "view", "tiny", "--out", str(tmp_path / "none"), "--num-images", "0"]) == 2


def test_stats_are_tables_and_a_picture(config, tmp_path, capsys):
    picture = tmp_path / "stats.png"
    assert main(["data", "stats", "tiny", "--out", str(picture)]) == 0
    told = capsys.readouterr().out
    assert told.splitlines()[1] == "6 images in train"
    yellow = next(line for line in told.splitlines() if "yellow" in line)
    assert [cell.strip() for cell in yellow.strip("│┃| ").replace("┃", "│").split("│")] == ["yellow", "6", "0", "3", "0", "0", "3"]
    shares = [float(line.split("%")[0].split("│")[-1]) for line in told.splitlines() if "%" in line]
    assert len(shares) == 3
    assert sum(shares) == pytest.approx(100, abs=0.02)
    assert cv2.imread(str(picture)).shape[1] > 800
    assert main(["data", "stats", "tiny", "--out", str(picture)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["data", "stats", "tiny", "--out", str(tmp_path / "stats.svg")]) == 2


def test_without_out_stats_write_nothing_and_run_again(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert main(["data", "stats", "tiny"]) == 0
    assert main(["data", "stats", "tiny", "--split", "val"]) == 0
    assert sorted(tmp_path.rglob("*")) == before


def test_a_class_without_labels_is_not_a_class_without_objects():
    bars = object_bars(["sign", "boat"], np.array([3, 0]), np.array([[0, 0, 0, 0], [0, 0, 0, 0]]))
    assert [bar.note for bar in bars] == ["0", "not labelled"]

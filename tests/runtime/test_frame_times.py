import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from mtzoo.cli.main import main
from mtzoo.deploy.export import export_model
from mtzoo.ops.geometry import CropWindow, DeployGeometry
from mtzoo.postprocess.merge import MergeRule
from mtzoo.runtime.frame_times import (
    BOXES,
    DECODE,
    DRAWING,
    LABELS,
    LAYOUT,
    MERGE,
    NETWORK,
    RESIZE,
    FrameTimes,
    time_frames,
)
from mtzoo.runtime.model import DeployModel
from mtzoo.runtime.pair import ModelPair
from tests.deploy.helpers import HW, spec

OWN = (RESIZE, LAYOUT, NETWORK, BOXES)


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "drive"
    folder.mkdir()
    for i, hw in enumerate([(144, 180), (72, 96)]):
        cv2.imwrite(str(folder / f"{i}.png"), np.random.default_rng(i).integers(0, 256, (*hw, 3), dtype=np.uint8))
    return folder


def load(path):
    return DeployModel.load(path, executor="onnxruntime", threads=1)


def test_the_stages_of_a_frame(model_path, images):
    threads = cv2.getNumThreads()
    done = []
    report = time_frames(load(model_path), sorted(images.iterdir()), 1, 3, done.append)
    assert [(stage, of) for stage, of, _, _ in report.rows] == [(stage, "") for stage in (DECODE, *OWN, LABELS, DRAWING)]
    assert all(median >= quickest > 0 for *_, median, quickest in report.rows)
    assert done == [1, 2, 3]
    assert (report.images, report.original_hw) == (2, None)
    assert cv2.getNumThreads() == threads


def test_a_pair_is_merged_before_label_maps_are_enlarged(frozen, model_path, images, tmp_path):
    crop = tmp_path / "crop.onnx"
    export_model(frozen, replace(spec(3), geometry=DeployGeometry(HW, window=CropWindow((70, 60), (144, 180)))), crop, postprocess=True)
    report = time_frames(ModelPair(load(model_path), load(crop), MergeRule()), [images / "0.png"], 1, 1)
    both = [(stage, of) for of in ("resize", "crop") for stage in OWN]
    assert [(stage, of) for stage, of, _, _ in report.rows] == [(DECODE, ""), *both, (MERGE, ""), (LABELS, ""), (DRAWING, "")]
    assert report.original_hw == (144, 180)


def test_what_a_frame_costs_besides_the_network():
    rows = ((DECODE, "", 8.0, 7.0), (RESIZE, "", 1.0, 0.5), (NETWORK, "", 20.0, 19.0), (LABELS, "", 0.5, 0.4), (DRAWING, "", 9.0, 8.0))
    report = FrameTimes("cpu", 1, 1, 1, (4, 6), rows)
    assert report.host_ms == 1.5
    assert report.total_ms == 38.5


@pytest.mark.slow
def test_the_verb_prints_a_table_and_writes_the_figures(model_path, images, tmp_path, capsys):
    assert main(["bench", str(model_path), "--images", str(images), "--threads", "1", "--runs", "2",
                 "--json", str(tmp_path / "frames.json")]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    report = json.loads((tmp_path / "frames.json").read_text())
    assert f"all but decode, network and drawing: {report['host_ms']:.2f} ms" in printed
    assert "label maps to original size" in printed
    assert "2 frames of 2 images, of different sizes" in printed


@pytest.mark.parametrize(("arguments", "fault"), [
    (["--images", "drive"], "name one model"),
    (["m.onnx", "--resize", "r.onnx", "--crop", "c.onnx", "--images", "drive"], "name one model"),
    (["--resize", "r.onnx", "--crop", "c.onnx"], "--resize, --crop and --images go together"),
    (["m.onnx", "--images", "drive", "--base", "b.onnx"], "--base"), (["m.onnx", "--images", "gone"], "gone: no such file")])
def test_what_does_not_fit_together_is_one_line(images, monkeypatch, capsys, arguments, fault):
    monkeypatch.chdir(images.parent)
    assert main(["bench", *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert fault in error
    assert "\n" not in error

"""`mtzoo predict --resize --crop` and `mtzoo eval-pair`."""

import json
from dataclasses import replace

import cv2
import pytest

from mtzoo.cli.main import main
from mtzoo.deploy.export import export_model
from mtzoo.recipes.models import export_spec
from tests.deploy.helpers import spec
from tests.runtime.test_model import photo
from tests.tiny import GRAPH_NODES, HW, tiny_config, write_images

CAMERA = {"original_hw": [64, 96], "focal": [80, 80], "center": [48, 30], "yaw_deg": 5}


@pytest.fixture(scope="module")
def pair(frozen, tmp_path_factory):
    """(resize model, crop model) of the tiny network, with data in their configs."""
    root = tmp_path_factory.mktemp("pair")
    data = write_images(root / "data")
    resize = tiny_config(data, nodes=GRAPH_NODES)
    shape = {**resize.resolved["int_inference_export_input_shape"], "image": [1, 3, 32, 64], "crop_xy": [1, 2]}
    window = {"vanishing_point": [48, 30], "original_hw": list(HW)}
    crop = tiny_config(data, nodes=GRAPH_NODES, deploy_geometry={"input_hw": [32, 64], "window": window},
                       int_inference_export_input_shape=shape, merge={"duplicate_iou": 0.4})
    for name, config in (("resize", resize), ("crop", crop)):
        tasks = {task: replace(info, decoder=spec(3).tasks[task].decoder) for task, info in export_spec(config, 3).tasks.items()}
        export_model(frozen, replace(export_spec(config, 3), tasks=tasks), root / f"{name}.onnx", postprocess=True)
    return root / "resize.onnx", root / "crop.onnx"


def test_predict_merges_and_frames_the_window(pair, tmp_path):
    resize, crop = pair
    cv2.imwrite(str(tmp_path / "a.png"), photo(HW))
    arguments = ["predict", "--resize", str(resize), "--crop", str(crop), str(tmp_path / "a.png"), "--executor", "onnxruntime"]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert (results["resize"], results["crop"]) == ("resize.onnx", "crop.onnx")
    assert results["images"][0]["window"] == [16, 14, 80, 46]
    (tmp_path / "camera.json").write_text(json.dumps({"camera": CAMERA}))
    assert main([*arguments, "--out", str(tmp_path / "turned"), "--window", str(tmp_path / "camera.json")]) == 0
    turned = json.loads((tmp_path / "turned" / "results.json").read_text())["images"][0]["window"]
    assert turned == [9, 14, 73, 46]  # 80 * tan(5 degrees) = 7 to the left


@pytest.mark.parametrize(("arguments", "message"), [
    (["--resize", "RESIZE"], "--resize and --crop go together"),
    (["--resize", "RESIZE", "--crop", "RESIZE"], "--crop names a model that sees the whole image"),
    (["--window", "WINDOW"], "anchr: unknown key; did you mean 'anchor'"),
])
def test_halves_and_misspelt_windows_are_told(pair, tmp_path, capsys, arguments, message):
    cv2.imwrite(str(tmp_path / "a.png"), photo(HW))
    (tmp_path / "w.json").write_text(json.dumps({"vanishing_point": [5, 5], "original_hw": [64, 96], "anchr": [0, 0]}))
    names = {"RESIZE": str(pair[0]), "WINDOW": str(tmp_path / "w.json")}
    arguments = [names.get(a, a) for a in arguments]
    model = [] if "--resize" in arguments else [str(pair[1])]
    assert main(["predict", *arguments, *model, str(tmp_path / "a.png"), "--out", str(tmp_path / "out"),
                 "--executor", "onnxruntime"]) == 2
    assert message in capsys.readouterr().err


def test_a_model_without_images_is_told(pair, tmp_path, capsys):
    assert main(["predict", str(pair[0]), "--out", str(tmp_path / "out")]) == 2
    assert "no image to run" in capsys.readouterr().err


@pytest.mark.slow
def test_eval_pair_gives_each_alone_and_merged(pair, tmp_path, capsys):
    resize, crop = pair
    out = tmp_path / "figures.json"
    assert main(["eval-pair", "--resize", str(resize), "--crop", str(crop), "--json", str(out), "--runs", "2", "--threads", "1",
                 "--cfg-options", f"data_root={resize.parent / 'data'}"]) == 0
    figures = json.loads(out.read_text())
    assert set(figures["boxes"]) == set(figures["mIoU"]) == {"resize", "crop", "merged"}
    assert set(figures["boxes"]["merged"]["det"]["AP50"]) == {"all", "small", "medium", "large"}
    assert 0 <= figures["mIoU"]["merged"]["seg"] <= 100
    assert figures["latency"]["latency_ms"]["whole image"] > 0
    assert "the pair is" in capsys.readouterr().out

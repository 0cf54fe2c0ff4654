"""`mtzoo eval` of both forms of a checkpoint."""

import json

import cv2
import numpy as np
import pytest

from mtzoo.cli.main import main
from mtzoo.config import config_from_dict
from mtzoo.data.loader import collate_eval
from mtzoo.engine.checkpoint import Checkpoint, Progress, save_checkpoint
from mtzoo.engine.pictures import pick_samples
from mtzoo.engine.stages import fold_for_step, quantization_of
from mtzoo.layers import normalize_image
from mtzoo.quantization import calibrate, prepare
from tests.cli.ptq_helpers import write_checkpoint, write_own_masks
from tests.tiny import HW, config_values, tiny_config, write_images


def write_fake_quant(path, config, step):
    """A checkpoint of that step with fake-quant in, whose masks are what it said in float."""
    net = write_checkpoint(path, config)
    write_own_masks(net, config)
    prepare(net, quantization_of(config))
    for earlier in range(1, step + 1):
        fold_for_step(net, config, earlier)
    calibrate(net, [normalize_image(collate_eval(pick_samples(config, 6)).images)])
    save_checkpoint(path, Checkpoint(dict(config.resolved), Progress(step, True, 0, True), net.state_dict()))


def metrics_of(path, tmp_path, *arguments):
    assert main(["eval", str(path), "--json", str(tmp_path / "m.json"), *arguments]) == 0
    return json.loads((tmp_path / "m.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize(("step", "executor"), [(2, "openvino"), pytest.param(0, "onnxruntime", marks=pytest.mark.thorough)])
def test_both_forms_of_a_fake_quant_checkpoint(tmp_path, capsys, step, executor):
    config = tiny_config(write_images(tmp_path / "data"), ["seg"])
    write_fake_quant(tmp_path / "x.pt", config, step)
    found = metrics_of(tmp_path / "x.pt", tmp_path, "--convert", "--executor", executor)
    assert list(found) == ["fake-quant", f"integers, {executor}"]
    fake, integers = found.values()
    assert fake == metrics_of(tmp_path / "x.pt", tmp_path)
    assert 20 < fake["seg/mIoU"] < 100
    # with all BN folded the two are equal; folding itself moves weights to other grids
    assert (fake == integers) == (step == 2)
    assert abs(fake["seg/mIoU"] - integers["seg/mIoU"]) < 30
    assert f"integers, {executor}" in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
def test_what_is_not_exact_is_not_called_integers(tmp_path):
    config = tiny_config(write_images(tmp_path / "data"), ["seg"], quantization={"not_quant_pattern": ["nodes.seg_head.*"]})
    write_fake_quant(tmp_path / "x.pt", config, 2)
    found = metrics_of(tmp_path / "x.pt", tmp_path, "--convert")
    assert list(found) == ["fake-quant", "not exact, openvino"]


def test_a_float_checkpoint_has_nothing_to_convert(tmp_path, capsys):
    config = tiny_config(write_images(tmp_path / "data"), ["seg"])
    write_checkpoint(tmp_path / "x.pt", config)
    assert main(["eval", str(tmp_path / "x.pt"), "--convert"]) == 2
    assert "x.pt: a float checkpoint" in capsys.readouterr().err
    assert main(["eval", str(tmp_path / "x.onnx"), "--convert"]) == 2
    assert "is converted already" in capsys.readouterr().err


def test_metrics_without_ground_truth_are_null_and_the_limit_is_told_nothing_more(tmp_path):
    config = tiny_config(write_images(tmp_path / "data"), ["seg"])
    write_checkpoint(tmp_path / "x.pt", config)
    found = metrics_of(tmp_path / "x.pt", tmp_path, "--limit", "1")
    assert "NaN" not in (tmp_path / "m.json").read_text()
    assert found["seg/mIoU"] is not None


def test_what_goes_wrong_is_drawn_by_task(tmp_path, capsys):
    config = tiny_config(write_images(tmp_path / "data"))
    write_checkpoint(tmp_path / "x.pt", config)
    metrics = metrics_of(tmp_path / "x.pt", tmp_path, "--out", str(tmp_path / "wrong"), "--worst", "2")
    values = json.loads((tmp_path / "wrong" / "details.json").read_text())
    confusion = np.array(values["seg"]["confusion"])
    hits, union = np.diag(confusion), confusion.sum(0) + confusion.sum(1) - np.diag(confusion)
    assert metrics["seg/IoU/ground"] == pytest.approx(100 * hits[1] / union[1])
    assert metrics["det/AP50/blue"] == pytest.approx(100 * np.mean(values["det"]["precision_by_recall"]["blue"]), abs=0.01)
    for task in ("seg", "det"):
        assert cv2.imread(str(tmp_path / "wrong" / f"{task}.png")).shape[1] > 300
        pictures = sorted((tmp_path / "wrong" / "worst").glob(f"{task}-*.jpg"))
        assert len(pictures) == len(values[task]["worst"]) == 2
        assert all(cv2.imread(str(picture)).shape == (HW[0], 2 * HW[1], 3) for picture in pictures)
    assert f"mistakes: {tmp_path / 'wrong'}" in capsys.readouterr().out
    assert main(["eval", str(tmp_path / "x.pt"), "--out", str(tmp_path / "wrong")]) == 2
    assert "exists already and is not empty" in capsys.readouterr().err
    assert main(["eval", str(tmp_path / "x.pt"), "--worst", "3"]) == 2
    assert "--worst: has an effect only with --out" in capsys.readouterr().err


def test_a_place_for_the_metrics_that_cannot_be_written_is_told_before_anything_is_read(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["eval", str(tmp_path / "gone.pt"), "--json", str(tmp_path / "file" / "m.json")]) == 2
    assert capsys.readouterr().err.startswith("error: --json ")


def test_a_source_that_the_config_copied_is_overridden_too(tmp_path, capsys):
    values = config_values(write_images(tmp_path / "data"), ["seg"])
    values["tasks"]["seg"]["val"] = [{**values["sources"]["masks"], "name": "masks", "label_map": {"0": 0, "1": 1, "2": 2}}]
    write_checkpoint(tmp_path / "x.pt", config_from_dict(values))
    assert main(["eval", str(tmp_path / "x.pt"), "--cfg-options", "sources.masks.images=/nonexistent"]) == 2
    out, err = capsys.readouterr()
    assert f"val images /nonexistent, labels {tmp_path}/data/masks" in out
    assert "no images folder /nonexistent" in err


def test_what_eval_does_not_read_is_told(tmp_path, capsys):
    config = tiny_config(write_images(tmp_path / "data"), ["seg"])
    write_checkpoint(tmp_path / "x.pt", config)
    assert main(["eval", str(tmp_path / "x.pt"), "--limit", "1", "--cfg-options", "solver.0.float_phase.batch_size=3"]) == 0
    assert "solver.0.float_phase.batch_size: changes nothing" in capsys.readouterr().err


def test_a_device_for_a_deploy_model_is_told_to_change_nothing(tmp_path, capsys):
    assert main(["eval", str(tmp_path / "gone.onnx"), "--ctx", "cpu"]) == 2
    note, error = capsys.readouterr().err.splitlines()
    assert note == "--ctx: changes nothing; a deploy model runs on the CPU"
    assert error.startswith(f"error: model '{tmp_path / 'gone.onnx'}': no such file")


def test_views_are_averaged_for_a_float_checkpoint_alone(tmp_path, capsys):
    config = tiny_config(write_images(tmp_path / "data"), ["seg"])
    write_own_masks(write_checkpoint(tmp_path / "x.pt", config), config)
    plain, found = metrics_of(tmp_path / "x.pt", tmp_path), metrics_of(tmp_path / "x.pt", tmp_path, "--tta", "flip", "0.5")
    assert plain["seg/mIoU"] > found["seg/mIoU"]  # the masks are what it says of one view
    told = " ".join(capsys.readouterr().err.split())
    assert "--tta: the answers to several views of each image are made one, which no deploy model does" in told
    write_fake_quant(tmp_path / "q.pt", config, 0)
    assert main(["eval", str(tmp_path / "q.pt"), "--tta", "flip"]) == 2
    assert "a quantized checkpoint" in capsys.readouterr().err
    assert main(["eval", str(tmp_path / "x.onnx"), "--tta", "flip"]) == 2
    assert "works with a float checkpoint" in capsys.readouterr().err

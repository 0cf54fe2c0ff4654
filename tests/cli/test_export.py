"""`mtzoo export`: what a checkpoint of each step gives."""

import pytest
import torch

from mtzoo.cli.main import main
from mtzoo.deploy.file import read_deploy_file
from mtzoo.deploy.load import fake_quant_network, integer_network, network_outputs, stored_integers
from mtzoo.runtime.executors import build_executor
from mtzoo.runtime.feeds import feeds_for
from mtzoo.runtime.verify import with_raw_outputs
from mtzoo.structures import flatten_outputs
from tests.checkpoints import write_checkpoint
from tests.quantization.helpers import differing, images
from tests.tiny import tiny_config, write_images


@pytest.fixture
def checkpoint(tmp_path):
    """step -> a checkpoint as quant-train leaves it."""
    config = tiny_config(write_images(tmp_path / "data"))

    def write(step, quantized=True):
        return write_checkpoint(tmp_path / f"step-{step}.pt", config, step, quantized=quantized)

    return write


def test_the_last_step_gives_boxes_and_label_maps(checkpoint, tmp_path, capsys):
    path, out = checkpoint(3), tmp_path / "model.onnx"
    assert main(["export", str(path), "--out", str(out)]) == 0
    file = read_deploy_file(out)
    assert {t.name for t in file.info.outputs} == {"det.boxes", "det.scores", "det.classes", "det.count", "seg.labels"}
    assert stored_integers(file)
    assert "seg.labels uint8" in capsys.readouterr().out
    assert main(["export", str(path), "--out", str(out), "--keep-raw"]) == 0
    assert "seg.logits" in {t.name for t in read_deploy_file(out).info.outputs}


def test_the_image_pixel_by_pixel(checkpoint, tmp_path, capsys):
    path, out = checkpoint(3), tmp_path / "model.onnx"
    assert main(["export", str(path), "--out", str(out), "--layout", "nhwc"]) == 0
    info = read_deploy_file(out).info
    assert (info.input_layout, info.inputs[0].shape) == ("nhwc", (1, *info.geometry.input_hw, 3))
    assert info.config["int_inference_export_input_shape"]["layout"] == "nhwc"
    capsys.readouterr()
    assert main(["export", str(path), "--out", str(out), "--layout", "hwc"]) == 2
    assert "int_inference_export_input_shape.layout" in capsys.readouterr().err


def test_several_images_at_once(checkpoint, tmp_path, capsys):
    path, out = checkpoint(3), tmp_path / "model.onnx"
    assert main(["export", str(path), "--out", str(out), "--batch", "2"]) == 0
    info = read_deploy_file(out).info
    assert info.batch == 2
    assert {tensor.shape[0] for tensor in (*info.inputs, *info.outputs)} == {2}
    capsys.readouterr()
    for batch in ("0", "17"):
        assert main(["export", str(path), "--out", str(tmp_path / "no.onnx"), "--batch", batch]) == 2
        assert "batch" in capsys.readouterr().err
    assert not (tmp_path / "no.onnx").exists()


def test_earlier_steps_give_raw_maps(checkpoint, capsys):
    path = checkpoint(1)
    assert main(["export", str(path)]) == 0
    info = read_deploy_file(path.with_suffix(".onnx")).info
    assert (info.step, info.integer) == (1, False)
    assert {t.name for t in info.outputs} >= {"seg.logits", "det.cls_s8"}
    assert main(["export", str(path), "--keep-raw"]) == 2
    assert "a checkpoint of step 1" in capsys.readouterr().err


@pytest.mark.parametrize(("step", "quantized"), [
    (0, False), pytest.param(0, True, marks=pytest.mark.thorough), (2, True)])
def test_weights_of_seven_bits_are_exact(checkpoint, tmp_path, capsys, step, quantized):
    """Fake-quant, integers and ONNX Runtime give the same values, and no CPU has to run a layer in float."""
    path, out = checkpoint(step, quantized), tmp_path / "seven.onnx"
    assert main(["export", str(path), "--out", str(out), "--weight-bits", "7"]) == 0
    assert "mtzoo eval" in capsys.readouterr().out
    file = read_deploy_file(out)
    assert (file.info.step, file.info.integer, file.info.weight_bits, file.info.requires) == (3, True, 7, ())
    assert file.info.config["quantization"]["weight_bits"] == 7
    state, batch = stored_integers(file), images(1)
    largest = max(int(value.abs().max()) for name, value in state.items() if name.endswith(".weight"))
    assert 32 <= largest <= 63
    expected = flatten_outputs(network_outputs(fake_quant_network(file, state), batch))
    assert differing(expected, flatten_outputs(integer_network(file, state)(batch))) == 0
    raw = with_raw_outputs(file.model, {name: tuple(value.shape) for name, value in expected.items()})
    feeds = feeds_for(file.info, batch[0].permute(1, 2, 0).numpy(), file.info.geometry.input_hw)
    executor = build_executor("onnxruntime", raw, 1)
    assert executor.float_layers == 0
    assert differing(expected, {name: torch.from_numpy(value) for name, value in executor.run(feeds).items() if name in expected}) == 0


def test_seven_bits_of_a_mixed_network(checkpoint, tmp_path):
    """A head in float stays there; the integers elsewhere have 7 bits."""
    out = tmp_path / "seven.onnx"
    options = ["--cfg-options", "quantization.not_quant_pattern=['nodes.seg_head.*']"]
    assert main(["export", str(checkpoint(0, quantized=False)), "--out", str(out), "--weight-bits", "7", *options]) == 0
    info = read_deploy_file(out).info
    assert (info.step, info.integer, info.weight_bits) == (2, False, 7)
    assert "seg.labels" in {tensor.name for tensor in info.outputs}


def test_finished_integers_are_not_rounded_twice(checkpoint, capsys):
    assert main(["export", str(checkpoint(3)), "--weight-bits", "7"]) == 2
    assert "step-3.pt: a checkpoint of step 3 holds finished integers" in (said := capsys.readouterr().err)
    assert "fusion-bn-c2-last.pt" in said


def test_calibration_renders_nothing_unasked(checkpoint, tmp_path, capsys):
    path = checkpoint(0, quantized=False)
    values = torch.load(path, weights_only=True)
    values["config"]["tasks"]["seg"]["train"] = [{"type": "SyntheticScenes", "name": "s", "root": str(tmp_path / "there"), "num": 400,
                                                  "seed": 1, "labels": "seg", "size_hw": [256, 512], "label_map": {0: 0, 1: 1, 2: 2}}]
    torch.save(values, path)
    assert main(["export", str(path), "--weight-bits", "7"]) == 2
    assert "synth-256x512-400-1 are not there" in capsys.readouterr().err
    assert not (tmp_path / "there").exists()


def test_no_file_of_weights_that_are_not_finite(checkpoint, tmp_path, capsys):
    path, out = checkpoint(2), tmp_path / "m.onnx"
    values = torch.load(path, weights_only=True)
    name = next(key for key in values["network"] if key.endswith("conv.weight"))
    values["network"][name][0, 0, 0, 0] = float("nan")
    torch.save(values, path)
    for options in ([], ["--weight-bits", "7"]):
        assert main(["export", str(path), "--out", str(out), *options]) == 2
        assert "not finite" in capsys.readouterr().err
    assert not out.exists()


def test_bad_arguments(tmp_path, capsys):
    assert main(["export", str(tmp_path / "none.pt")]) == 2
    assert main(["export", str(tmp_path / "none.pt"), "--out", str(tmp_path / "model.bin")]) == 2
    assert "must end in .onnx" in capsys.readouterr().err


def test_a_file_for_others_says_nothing_of_this_machine_and_needs_nothing_of_it(tmp_path, monkeypatch):
    """Neither in the file nor beside it; evaluated where the data lie elsewhere, the teacher nowhere."""
    home = tmp_path / "home"
    config = tiny_config(write_images(home / "data"), ["seg"], distillation={"teacher": str(home / "runs" / "teacher.pt")})
    path = write_checkpoint(home / "step-3.pt", config, 3)
    assert str(tmp_path).encode() in path.read_bytes()
    assert main(["export", str(path), "--out", str(home / "model.onnx")]) == 0
    home.rename(tmp_path / "away")
    out = tmp_path / "away" / "model.onnx"
    for file in (out, out.with_suffix(".json")):
        assert str(tmp_path).encode() not in file.read_bytes()
    for place in ("--cfg-options", f"data_root={tmp_path / 'away' / 'data'}"), ():
        monkeypatch.setenv("MTZOO_DATA", str(tmp_path / "away" / "data"))
        assert main(["eval", str(out), "--limit", "1", *place]) == 0

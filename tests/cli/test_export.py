"""`mtzoo export`: what a checkpoint of each step gives."""

import pytest

from mtzoo.cli.main import main
from mtzoo.engine.checkpoint import Checkpoint, Progress, save_checkpoint
from mtzoo.engine.stages import network_at
from mtzoo.export import read_deploy_file, stored_integers
from mtzoo.layers import normalize_image
from mtzoo.quantization import calibrate, freeze, integer_state
from tests.quantization.helpers import images, randomize
from tests.tiny import tiny_config, write_images


@pytest.fixture
def checkpoint(tmp_path):
    """step -> a checkpoint as quant-train leaves it."""
    config = tiny_config(write_images(tmp_path / "data"))

    def write(step):
        net = network_at(config, min(step, 2), quantized=True)
        randomize(net, normalize_image(images()))
        calibrate(net, [normalize_image(images())])
        if step == 3:
            freeze(net)
        state = integer_state(net) if step == 3 else net.state_dict()
        path = tmp_path / f"step-{step}.pt"
        save_checkpoint(path, Checkpoint(dict(config.resolved), Progress(step, True, 0, True), dict(state)))
        return path

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


def test_earlier_steps_give_raw_maps(checkpoint, capsys):
    path = checkpoint(1)
    assert main(["export", str(path)]) == 0
    info = read_deploy_file(path.with_suffix(".onnx")).info
    assert (info.step, info.integer) == (1, False)
    assert {t.name for t in info.outputs} >= {"seg.logits", "det.cls_s8"}
    assert main(["export", str(path), "--keep-raw"]) == 2
    assert "a checkpoint of step 1" in capsys.readouterr().err


def test_bad_arguments(tmp_path, capsys):
    assert main(["export", str(tmp_path / "none.pt")]) == 2
    assert main(["export", str(tmp_path / "none.pt"), "--out", str(tmp_path / "model.bin")]) == 2
    assert "has to end in .onnx" in capsys.readouterr().err

import hashlib
import json
from dataclasses import replace

import numpy as np
import onnx
import pytest

from mtzoo.deploy.file import read_deploy_file
from mtzoo.errors import UserError
from mtzoo.ops.box_maps import CLS_EXPONENT
from tests.deploy.helpers import GEOMETRY, HW, TASKS, export, float_net, prepared_net

DETECTION = {"det.boxes": ("float32", (1, 20, 4)), "det.scores": ("float32", (1, 20)), "det.classes": ("int32", (1, 20)),
             "det.count": ("int32", (1,))}
LABELS = {"seg.labels": ("uint8", (1, 1, 32, 48))}


def described(tensors):
    return {t.name: (t.dtype, t.shape) for t in tensors}


def test_inputs_and_outputs_of_the_last_step(model_path):
    info = read_deploy_file(model_path).info
    assert described(info.inputs) == {"image": ("uint8", (1, 3, *HW)), "im_hw": ("float32", (1, 2))}
    assert described(info.outputs) == DETECTION | LABELS


def test_raw_maps_can_be_kept(frozen, tmp_path):
    info = export(frozen, tmp_path / "m.onnx", 3, postprocess=True, keep_raw=True)
    assert described(info.outputs).items() > (DETECTION | LABELS).items()
    assert described(info.outputs)["seg.logits"] == ("float32", (1, 3, 16, 24))


@pytest.mark.parametrize("build", [float_net, prepared_net])
def test_early_steps_give_raw_maps_and_need_no_original_size(build, tmp_path):
    info = export(build(), tmp_path / "m.onnx", 0, postprocess=False)
    assert described(info.inputs) == {"image": ("uint8", (1, 3, *HW))}
    assert {t.name for t in info.outputs} == {"seg.logits", *(f"det.{kind}_s{s}" for kind in ("cls", "box") for s in (8, 16, 32))}
    assert not info.integer


def test_the_sidecar_and_the_metadata_say_the_same(model_path):
    sidecar = json.loads(model_path.with_suffix(".json").read_text())
    assert sidecar.pop("sha256") == hashlib.sha256(model_path.read_bytes()).hexdigest()
    assert sidecar == json.loads(onnx.load(model_path).metadata_props[0].value)
    assert sidecar["tasks"]["det"]["classes"] == ["blue", "yellow"]
    assert sidecar["geometry"]["drop_top"] == 8
    assert sidecar["config_hash"] == "0123456789abcdef"


def test_scales_are_told_as_exponents(model_path):
    file = read_deploy_file(model_path)
    tensors = {t.name: onnx.numpy_helper.to_array(t) for t in file.model.graph.initializer}
    layer = "nodes.backbone.stem"
    np.testing.assert_array_equal(tensors[f"{layer}.weight_scale"], np.exp2(file.info.exponents[layer]["weight"]))
    assert tensors[f"{layer}.output_scale"] == 2.0 ** file.info.exponents[layer]["output"]
    exponents = file.info.exponents["nodes.det_head.cls.0"]
    assert exponents["output"] == CLS_EXPONENT


def test_info_survives_the_file(model_path):
    info = read_deploy_file(model_path).info
    assert info.tasks == TASKS
    assert info.geometry == replace(GEOMETRY, stride=32)  # the network's own
    assert info.graphs["det"][-1].name == "det_head"


def test_a_place_that_cannot_be_written(frozen, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        export(frozen, tmp_path / "file" / "m.onnx", 3, postprocess=False)

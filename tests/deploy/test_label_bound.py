from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from mtzoo.deploy.file import read_deploy_file, write_model
from mtzoo.deploy.label_bound import inexact_label_maps
from mtzoo.errors import Caution
from mtzoo.quantization import convert
from mtzoo.runtime.model import DeployModel

BIAS = "nodes.seg_head.classify.bias"


def with_bias(model, value):
    """A copy whose segmentation logits have a bias of `value` steps."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    bias = next(tensor for tensor in copy.graph.initializer if tensor.name == BIAS)
    bias.CopyFrom(numpy_helper.from_array(np.full(bias.dims, value, np.int32), BIAS))
    return copy


def test_the_bound_is_the_network_s(frozen_sums, sums_path):
    """To one step: where the sums fit and where they do not any more."""
    file = read_deploy_file(sums_path)
    assert inexact_label_maps(file.model, file.info) == []
    bias = numpy_helper.to_array(next(tensor for tensor in file.model.graph.initializer if tensor.name == BIAS))
    largest, _ = convert(frozen_sums).bound("seg", "logits")
    sums = int((largest - torch.from_numpy(np.abs(bias))).max())
    room = (1 << 24) >> 4
    assert inexact_label_maps(with_bias(file.model, room - sums), file.info) == []
    for sign in (1, -1):
        assert inexact_label_maps(with_bias(file.model, sign * (room - sums + 1)), file.info) == ["seg"]


@pytest.mark.parametrize(("exponent", "tasks"), [(20, []), (-20, ["seg"])])
def test_logits_that_are_rounded_far_enough(sums_path, exponent, tasks):
    file = read_deploy_file(sums_path)
    rounded = replace(file.info.tasks["seg"], decoder=replace(file.info.tasks["seg"].decoder, logit_exponent=exponent))
    info = replace(file.info, tasks={**file.info.tasks, "seg": rounded})
    assert inexact_label_maps(with_bias(file.model, 1 << 23), info) == tasks


def test_loading_such_a_file_warns(sums_path, tmp_path):
    file = read_deploy_file(sums_path)
    write_model(with_bias(file.model, 1 << 23), file.info, tmp_path / "large.onnx")
    with pytest.warns(Caution, match=r"large\.onnx: the logits of seg can be too large .*export the model again"):
        DeployModel.load(tmp_path / "large.onnx", executor="onnxruntime", threads=1)

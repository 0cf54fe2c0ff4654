"""A tiny network as step 2 leaves it, with detection heads loud enough to find something, and the spec of its export."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from mtzoo.deploy.export import ExportSpec, export_model
from mtzoo.deploy.info import DeployInfo, TaskInfo
from mtzoo.layers import normalize_image
from mtzoo.models import MultiTaskNet, build_network
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.postprocess.decoders import BoxDecoder, LabelMapDecoder
from mtzoo.quantization import QConfig, QConfigMap, calibrate, fold_bn, freeze, prepare
from mtzoo.runtime.executors import build_executor
from tests.quantization.helpers import images, randomize
from tests.tiny import tiny_graphs

DEFAULT = QConfigMap()
SUMS = QConfigMap(QConfig(head_output="accumulator", skip_sum="accumulator"))
"""Heads end in 32-bit sums, and skips are added to such."""
RUNTIMES = ("onnxruntime", "openvino")
NETWORK_RUNTIMES = ("onnxruntime", pytest.param("openvino", marks=pytest.mark.slow))  # compiling a network takes it seconds
HW = (64, 96)
GEOMETRY = DeployGeometry(resized_hw=(72, 90), drop_top=8, input_hw=HW)  # drops rows above, pads on the right
TASKS = {"det": TaskInfo("detection", ("blue", "yellow"), BoxDecoder(pre_nms_top_k=60, top_k=20)),
         "seg": TaskInfo("segmentation", ("sky", "ground", "thing"), LabelMapDecoder(upsample=2))}


def float_net() -> MultiTaskNet:
    """BN live, statistics that fit, logits that spread."""
    torch.manual_seed(0)
    net = build_network(tiny_graphs())
    for name, layer in net.named_modules():
        if ".cls." in name and isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.normal_(layer.weight, std=0.2)
            torch.nn.init.constant_(layer.bias, -2.0)
    randomize(net, normalize_image(images()))
    return net.eval()


def prepared_net(qconfigs: QConfigMap = DEFAULT) -> MultiTaskNet:
    """Step 0: fake-quant, BN live."""
    net = float_net()
    prepare(net, qconfigs)
    calibrate(net, [normalize_image(images())])
    return net.eval()


def frozen_net(qconfigs: QConfigMap = DEFAULT) -> MultiTaskNet:
    """Steps 2 and 3: BN folded, everything on its grid."""
    net = prepared_net(qconfigs)
    fold_bn(net, ["nodes.*"])
    freeze(net)
    return net


def spec(step: int) -> ExportSpec:
    return ExportSpec(step, TASKS, GEOMETRY, tiny_graphs(), {"name": "tests/tiny"}, "0123456789abcdef")


def export(net: MultiTaskNet, path: Path, step: int, *, postprocess: bool, keep_raw: bool = False) -> DeployInfo:
    return export_model(net, spec(step), path, postprocess=postprocess, keep_raw=keep_raw)


def run_model(model: onnx.ModelProto, feeds: Mapping[str, np.ndarray], runtime: str) -> dict[str, np.ndarray]:
    """Outputs of a model in one of RUNTIMES, on one thread."""
    return build_executor(runtime, model, 1).run(feeds)

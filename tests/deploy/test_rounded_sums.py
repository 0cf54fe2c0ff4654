"""The default: no float leaves a convolution. Heads have 8 bits, and results are rounded before a skip is added."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mtzoo.deploy.file import read_deploy_file
from mtzoo.deploy.load import network_outputs, stored_integers
from mtzoo.deploy.reference import reference_network
from mtzoo.deploy.requirements import FLOAT_MAPS
from mtzoo.layers import ConvBNAct
from mtzoo.models import MultiTaskNet
from mtzoo.quantization import QConfig, QConfigMap, integer_state
from mtzoo.runtime.every_executor import DefaultOpenVinoExecutor
from mtzoo.runtime.executors import OnnxRuntimeExecutor
from tests.deploy.helpers import export, frozen_net
from tests.quantization.helpers import images


@pytest.fixture(scope="module")
def net() -> MultiTaskNet:
    return frozen_net(QConfigMap(QConfig(weight_bits=7)))  # so that int8 kernels of CPUs without VNNI are exact, too


@pytest.fixture(scope="module")
def path(net: MultiTaskNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rounded") / "model.onnx"
    export(net, path, 3, postprocess=True, keep_raw=True)
    return path


def test_the_network_has_such_sums(net: MultiTaskNet) -> None:
    rounded = [name for name, layer in net.named_modules() if isinstance(layer, ConvBNAct) and layer.conv_quant is not None]
    assert len(rounded) > 4
    assert {f"{name}.conv_exponent" for name in rounded} < integer_state(net).keys()


def test_the_file_says_what_it_needs(path: Path) -> None:
    assert read_deploy_file(path).info.requires == ()


@pytest.mark.parametrize("config", [QConfig(head_output="accumulator"), QConfig(skip_sum="accumulator")], ids=["heads", "skips"])
def test_32_bit_sums_need_float32(config: QConfig, tmp_path: Path) -> None:
    assert FLOAT_MAPS in export(frozen_net(QConfigMap(config)), tmp_path / "model.onnx", 3, postprocess=True).requires


def test_the_file_gives_the_integers_and_the_network_back(net: MultiTaskNet, path: Path) -> None:
    file, state = read_deploy_file(path), integer_state(net)
    stored = stored_integers(file)
    assert stored.keys() == state.keys()
    assert all(torch.equal(stored[name], value) for name, value in state.items())
    image = images(1, seed=3)
    wanted, found = network_outputs(net, image), network_outputs(reference_network(file), image)
    assert all(torch.equal(found[task][name], value) for task, maps in wanted.items() for name, value in maps.items())


def test_default_openvino_and_onnx_runtime_give_the_same_answers(path: Path) -> None:
    """OpenVINO's default is bf16 on CPUs that have it; there, a sum in front of its rounding, or a float logit, would differ."""
    model = read_deploy_file(path).model
    one, other = OnnxRuntimeExecutor(model, 1), DefaultOpenVinoExecutor(model, 1)
    for seed in range(3):
        feeds = {"image": images(1, seed).numpy(), "im_hw": np.array([[80, 90]], np.float32)}
        wanted, found = one.run(feeds), other.run(feeds)
        for name, value in wanted.items():
            assert np.abs(found[name].astype(np.float64) - value).max() <= (1e-3 if name.endswith((".boxes", ".scores")) else 0), name

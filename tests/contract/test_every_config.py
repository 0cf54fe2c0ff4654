"""What every runnable config has to go through: a life from float to integers, shrunk to a small image."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mtzoo.compression import channel_groups, weight_scores
from mtzoo.config import ExperimentConfig, config_from_dict, load_config
from mtzoo.config.solver import OptimizerSpec
from mtzoo.deploy.export import export_model
from mtzoo.engine.checks import check_network
from mtzoo.engine.loop import train_step
from mtzoo.engine.losses import MultiTaskLoss
from mtzoo.engine.optim import build_optimizer
from mtzoo.engine.pruning import pruned_config, without
from mtzoo.engine.stages import config_network, fold_for_step, network_at, quantization_of
from mtzoo.graph import read_program
from mtzoo.layers import ConvBNAct, normalize_image
from mtzoo.locate import find_config, list_configs
from mtzoo.models import MultiTaskNet, network_stride
from mtzoo.quantization import calibrate, convert, freeze, prepare, set_observing
from mtzoo.recipes.models import export_spec
from mtzoo.runtime.verify import verify
from mtzoo.structures import Batch, Boxes, flatten_outputs
from tests.compression.helpers import random_removal

LEAST_HW = (64, 96)
SMALL = "4pe_resize/seg_lane"  # one life is lived among the fast tests
KINDS = ("4pe_crop/multitask", "4pe_resize/det_vehicle_sign", "converted/multitask", "real_resize/pretrain",
         "zoo/fastscnn", "zoo/fcn_hrnetw18_small")
"""A window of the image with all tasks, boxes alone, labels of other data sets, the first of two trainings, a published network, one
that joins maps of two nodes in one scale."""


def shrunk(name: str) -> ExperimentConfig:
    """The config with a small image of whole strides; its network, tasks, losses and quantization as they are."""
    config = load_config(find_config(name))
    values, stride = config.resolved, network_stride(config_network(config))
    hw = [-(-side // stride) * stride for side in LEAST_HW]
    shape = {key: [1, 3, *hw] if key == "image" and value else value
             for key, value in values.get("int_inference_export_input_shape", {}).items()}
    deploy = {**values["deploy_geometry"], "input_hw": hw}
    if "window" not in deploy:
        deploy |= {"resized_hw": hw, "drop_top": 0}
    return config_from_dict({**values, "train_geometry": {**values["train_geometry"], "crop_hw": hw},
                             "deploy_geometry": deploy,
                             "int_inference_export_input_shape": shape})


def random_batch(config: ExperimentConfig, seed: int = 0, count: int = 2) -> Batch:
    """Noise, with labels for every task."""
    rng, hw = np.random.default_rng(seed), tuple(config.train_geometry.crop_hw)
    boxes, masks, image_labels = {}, {}, {}
    for task in config.tasks:
        classes = len(task.classes)
        if task.kind == "detection":
            known = [Boxes(np.array([[8, 8, 40, 40], [30, 20, 90, 60]], np.float32), rng.integers(0, classes, 2),
                           np.zeros(2, bool), np.ones(classes, bool)) for _ in range(count)]
            boxes[task.name] = known
        elif task.kind == "classification":
            image_labels[task.name] = torch.from_numpy(rng.integers(0, classes, count))
        else:
            masks[task.name] = torch.from_numpy(rng.integers(0, classes, (count, *hw), dtype=np.uint8))
    images = torch.from_numpy(rng.integers(0, 256, (count, *hw, 3), dtype=np.uint8)).permute(0, 3, 1, 2)
    return Batch(images, np.zeros((count, 2, 3)), [hw] * count, [Path("noise")] * count, ["noise"] * count, boxes, masks,
                 image_labels=image_labels)


@dataclass
class Life:
    """A network on its way, and what every stage has in common."""

    config: ExperimentConfig
    net: MultiTaskNet
    criterion: MultiTaskLoss

    def step(self, seed: int) -> None:
        """One training step that changes the trunk and every head, with finite losses."""
        self.net.train()
        before = {name: p.detach().clone() for name, p in self.net.named_parameters()}
        optimizer = build_optimizer([self.net, self.criterion], OptimizerSpec("SGD", lr=1e-3))
        losses = train_step(self.net, self.criterion, [random_batch(self.config, seed)], optimizer, 10.0, bf16=False).read()
        assert all(np.isfinite(value) for value in losses.values())
        assert {name.split(".")[0] for name in losses} - {"loss"} == set(self.net.tasks)
        changed = {name.split(".")[1] for name, p in self.net.named_parameters() if not torch.equal(p, before[name])}
        assert changed == {name for name, node in self.net.nodes.items() if list(node.parameters())}  # a neck may only resize

    def fold(self, step: int) -> None:
        """Fold; what the patterns claim has no BN left, what they do not name is untouched."""
        patterns = self.config.fusion_bn_patterns[step]
        before = {name: (layer.bn, snapshot(layer)) for name, layer in self.layers() if layer.bn is not None}
        folded = fold_for_step(self.net, self.config, step)
        claimed = {name for name, _ in self.layers() if any(fnmatchcase(name, pattern) for pattern in patterns)}
        assert set(folded) == claimed & set(before)
        for name, layer in self.layers():
            if name in claimed:
                assert layer.bn is None, name
                assert layer.conv.bias is not None, name
            elif name in before:
                bn, values = before[name]
                assert layer.bn is bn, name
                assert (bn.eps, bn.momentum) == (1e-5, 0.1), name
                assert all(torch.equal(a, b) for a, b in zip(snapshot(layer), values)), name

    def layers(self) -> list[tuple[str, ConvBNAct]]:
        return [(name, m) for name, m in self.net.named_modules() if isinstance(m, ConvBNAct)]

    @torch.no_grad()
    def outputs(self, images: Tensor) -> dict[str, Tensor]:
        return flatten_outputs(self.net.eval()(normalize_image(images)))


def snapshot(layer: ConvBNAct) -> list[Tensor]:
    """Copies of everything a fold elsewhere must not touch."""
    return [value.detach().clone() for value in (*layer.bn.state_dict().values(), layer.conv.weight)]


def with_lively_bn(net: nn.Module) -> None:
    """Statistics far from those of a fresh network, so that a fold that forgets one of them shows."""
    torch.manual_seed(1)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.7, 1.3)
            nn.init.normal_(module.bias, std=0.1)


def marked(name: str):
    """The config as a parameter: all but a few are `thorough`."""
    return pytest.param(name, marks=[] if name == SMALL else pytest.mark.slow if name in KINDS else pytest.mark.thorough)


@pytest.mark.parametrize("name", [marked(name) for name in list_configs()])
def test_from_float_to_integers(name, tmp_path):
    size, parameters = live(shrunk(name), tmp_path)
    assert size <= 1.3 * parameters + 200_000


@pytest.mark.slow
def test_a_pruned_network_lives_like_any_other(tmp_path):
    config = shrunk("4pe_resize/multitask")
    net = network_at(config, 0, quantized=False)
    groups = channel_groups(read_program(net), weight_scores(net, "l2"), align=2)
    pruned = without(net, random_removal(groups, seed=0))
    assert sum(p.numel() for p in pruned.parameters()) < 0.8 * sum(p.numel() for p in net.parameters())
    live(pruned_config(config, pruned), tmp_path)


def live(config: ExperimentConfig, tmp_path: Path) -> tuple[int, int]:
    """Train, quantize, fold, freeze, convert, export and verify a fresh network of the config: (bytes of its file, parameters)."""
    check_network(config)
    life = Life(config, network_at(config, 0, quantized=False), MultiTaskLoss(config))
    with_lively_bn(life.net)
    images = random_batch(config, seed=9).images
    assert set(flatten_shapes(life.outputs(images))) == expected_outputs(config)
    life.step(seed=0)
    prepare(life.net, quantization_of(config))
    calibrate(life.net, [normalize_image(images)])
    set_observing(life.net, True)
    life.step(seed=1)
    spec = export_spec(config, 0)
    export_model(life.net, spec, tmp_path / "with-bn.onnx", postprocess=False)  # step 0's export, BN still live
    for step in (1, 2):
        before = life.outputs(images)
        life.fold(step)
        assert all(value.shape == before[key].shape for key, value in life.outputs(images).items())
        calibrate(life.net, [normalize_image(images)])
        life.step(seed=1 + step)
    life.net.eval()
    set_observing(life.net, False)
    expected = life.outputs(images)
    freeze(life.net)
    frozen = life.outputs(images)
    integers = flatten_outputs(convert(life.net)(images))
    assert {key: differing(value, frozen[key]) for key, value in expected.items()} == dict.fromkeys(expected, 0)
    assert {key: differing(value, integers[key]) for key, value in expected.items()} == dict.fromkeys(expected, 0)
    model = tmp_path / "int-inference.onnx"
    info = export_model(life.net, export_spec(config, 3), model, postprocess=True)
    assert info.integer
    report = verify(model, [image.permute(1, 2, 0).contiguous().numpy() for image in images])
    assert report.mismatches == {"integer": 0, "onnxruntime": 0, "openvino": 0}
    assert report.values >= sum(value.numel() for value in expected.values())
    return model.stat().st_size, sum(p.numel() for p in life.net.parameters())


def differing(a: Tensor, b: Tensor) -> int:
    return int((a != b).sum())


def flatten_shapes(outputs: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in outputs.items()}


def expected_outputs(config: ExperimentConfig) -> set[str]:
    """Names by the contract, from the strides that the heads are configured with."""
    names = set()
    for task in config.tasks:
        if task.kind != "detection":
            names.add(f"{task.name}.logits")
        else:
            names |= {f"{task.name}.{kind}_s{stride}" for kind in ("cls", "box") for stride in task.head.params["strides"]}
    return names

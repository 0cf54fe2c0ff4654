"""What a config asks of the network, tried before the first hour of training is spent."""

import copy
from collections.abc import Callable
from math import prod

import torch
from torch import Tensor

from mtzoo.compression import sparse_layers
from mtzoo.config import ExperimentConfig, TaskConfig
from mtzoo.engine.auxiliary import build_auxiliary
from mtzoo.engine.losses import MultiTaskLoss
from mtzoo.engine.stages import config_network, fold_for_step, quantization_of
from mtzoo.engine.taps import tapped
from mtzoo.errors import UserError
from mtzoo.graph import read_program, result_shapes
from mtzoo.machine import check_memory
from mtzoo.models import MultiTaskNet, network_stride
from mtzoo.ops.box_maps import box_strides
from mtzoo.postprocess.decoders import LabelMapDecoder
from mtzoo.quantization import inexact_layers, layers_with_bn, prepare
from mtzoo.structures import RawOutputs
from mtzoo.task_kind import ByKind

LAST_FOLD = 2
Maps = dict[str, Tensor]
FEW_CELLS = 4
"""Sides of the image on which a network is tried, in cells of the network's stride."""
BYTES_OF_A_PIXEL = 64
"""Memory for each pixel of a network's input, with its widest feature map."""


@torch.no_grad()
def check_network(config: ExperimentConfig) -> MultiTaskNet:
    """Build the network and its losses, run it, quantize and fold it, on one small blank image: a second or so, no data.

    Returns the network as it was built, in evaluation mode. Raises UserError for what would else be found late: specs that do not
    fit together, outputs that the task's post-processing cannot read, patterns that match nothing, BN that no fold takes away.
    """
    height, width = config.deploy_geometry.input_hw
    check_memory(f"deploy_geometry.input_hw={[height, width]}", height * width * BYTES_OF_A_PIXEL)
    net = config_network(config).eval()
    auxiliary = build_auxiliary(config, net)
    MultiTaskLoss(config, auxiliary=auxiliary)
    small = small_hw((height, width), network_stride(net))
    try:
        with tapped(net, auxiliary.nodes if auxiliary else ()) as results:
            outputs = net(torch.zeros(1, 3, *small))  # a "meta" tensor would import torch._dynamo for seconds
    except RuntimeError as error:  # shapes that do not meet
        raise UserError(f"the network cannot read an image of {height}x{width} (deploy_geometry.input_hw): "
                        f"{' '.join(str(error).split())}") from error
    beside = auxiliary.eval()(results) if auxiliary else {}
    for task in config.tasks:
        _check_outputs(task, outputs, small[0])
        for head in task.auxiliary:
            _check_kind(task, beside[head.node.name], f"tasks.{task.name}: its auxiliary head '{head.node.name}' ({head.node.type})")
    if config.sparsity is not None:
        sparse_layers(net, config.sparsity)
    _check_folds(copy.deepcopy(net), config)
    return net


def _check_folds(net: MultiTaskNet, config: ExperimentConfig) -> None:
    """Quantize and fold `net`, in place. Raises UserError for BN that is left."""
    prepare(net, quantization_of(config))
    for step in range(1, LAST_FOLD + 1):
        fold_for_step(net, config, step)
    if left := layers_with_bn(net):
        raise UserError(f"fusion_bn_patterns: after step {LAST_FOLD} '{left[0]}' ({len(left)} in all) would still have BN; "
                        f"add a pattern for it, e.g. {LAST_FOLD}: [\"nodes.*\"]")


def small_hw(hw: tuple[int, int], stride: int) -> tuple[int, int]:
    """A smaller image of which the network's maps fit together just as those of the large one: the same remainders by its stride."""
    return tuple(min(side, FEW_CELLS * stride + side % stride) for side in hw)


def check_integers(config: ExperimentConfig) -> None:
    """Raises UserError for a config whose `quantization` keeps a layer from being integers: step 3 could not convert it."""
    net = config_network(config)
    prepare(net, quantization_of(config))
    for layer, why in inexact_layers(net).items():
        raise UserError(f"quantization: layer '{layer}' {why}, so step 3 could not make an integer network; `mtzoo quant` and "
                        "`mtzoo ptq` write such networks as mixed precision")


def check_batch_size(net: MultiTaskNet, crop_hw: tuple[int, int], images: int) -> None:
    """Raises UserError where BN in training would see one value of each channel: behind the mean of a whole map, of one image.

    images: of one batch, in all processes whose BN counts together.
    """
    if images > 1:
        return
    shapes = result_shapes(net, crop_hw)
    for call in read_program(net).convs:
        if call.module.bn is not None and call.module.bn.training and prod(shapes[call.name][2:]) == 1:
            raise UserError(f"batch_size=1: layer '{call.name}' normalises one value of each channel in each image, so a batch must "
                            "hold two images or more; set batch_size=2")


def _check_outputs(task: TaskConfig, outputs: RawOutputs, height: int) -> None:
    maps = outputs[task.name]
    _check_kind(task, maps, f"tasks.{task.name}: its last node '{task.head.name}' ({task.head.type})")
    if isinstance(task.decoder, LabelMapDecoder):
        stride = height // maps["logits"].shape[2]
        if stride != task.decoder.stride:
            raise UserError(f"tasks.{task.name}.labels.stride={task.decoder.stride}: its head's logits have stride {stride}; "
                            f"set labels=dict(stride={stride})")


def _check_kind(task: TaskConfig, maps: object, head: str) -> None:
    """Raises UserError for a head whose maps are not those of the task's kind."""
    if fault := _HEAD_FAULT[task.kind](maps if isinstance(maps, dict) else {}):
        raise UserError(f"{head} is not a {task.kind} head ({fault}); kind='{task.kind}' wants one, e.g. {task.of_kind.head}")


def _box_fault(maps: Maps) -> str:
    try:
        box_strides(maps)
    except ValueError as error:
        return str(error)
    return ""


def _map_fault(maps: Maps) -> str:
    fault = _logits_fault(maps)
    return fault or ("its logits are of the whole image" if maps["logits"].shape[2:] == (1, 1) else "")


def _class_fault(maps: Maps) -> str:
    fault = _logits_fault(maps)
    return fault or ("" if maps["logits"].shape[2:] == (1, 1) else "its logits are a map")


def _logits_fault(maps: Maps) -> str:
    return "" if list(maps) == ["logits"] else f"its outputs are {', '.join(maps) or 'none'}; expected 'logits' alone"


_HEAD_FAULT: ByKind[Callable[[Maps], str]] = ByKind({
    "detection": _box_fault, "segmentation": _map_fault, "classification": _class_fault})
"""What is wrong with a head's outputs, "" if nothing is."""

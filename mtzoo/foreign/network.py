"""Somebody else's network, from float to an exact integer file, with no training code.

    net = mtzoo.from_torch(module, example, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    net.quantize(images).export("net-int8.onnx")
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from mtzoo.compression import OBSERVER_OF_FOREIGN, OF_FOREIGN, Corrections, quantize
from mtzoo.deploy.exactness import exactness_lines
from mtzoo.deploy.export import ExportSpec, export_model
from mtzoo.deploy.info import AS_IS, DeployInfo, TaskInfo
from mtzoo.deploy.signature import ForeignOutput, Signature, TailOp, three
from mtzoo.errors import UserError
from mtzoo.foreign.distil import LEARNING_RATE, distil
from mtzoo.foreign.float_network import FloatNetwork, Hw, from_model, named_outputs
from mtzoo.foreign.input_layer import fold_image
from mtzoo.foreign.onnx_file import read_onnx
from mtzoo.layers import normalize_image
from mtzoo.lowering import Lowered, lower
from mtzoo.models import MultiTaskNet, NodeSpec, build_network
from mtzoo.models.leaf_graph import describe_leaves
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.ops.precision import exact_float32
from mtzoo.postprocess import AsIs
from mtzoo.quantization import IntegerNet, QConfig, QConfigMap, convert, fold_bn, freeze

NODE = "net"
"""The one task of a foreign network, and its one node."""
INTEGER_STEP = 3

Order = Literal["rgb", "bgr"]


@dataclass(frozen=True)
class Foreign:
    """A float network and what it reads: (x / 255 - mean) / std of an image whose channels are in `order`. Made by `from_torch` and
    `from_onnx`."""

    network: FloatNetwork
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    order: Order

    @property
    def input_hw(self) -> Hw:
        return self.network.input_hw

    def signature(self, dtype: Literal["float32", "uint8"] = "float32") -> Signature:
        net = self.network
        return Signature(net.input_name, self.mean, self.std, self.order, dtype, net.outputs, net.tail)

    @cached_property
    def folded(self) -> MultiTaskNet:
        """The float network made of leaves, without BN, that reads (x - 128) / 128."""
        lowered = lower(self.network.module, self.input_hw).eval()
        net = as_network(lowered, self.mean, self.std)
        fold_bn(net, ["*"])
        return net.eval()

    @property
    def graphs(self) -> Mapping[str, Sequence[NodeSpec]]:
        return graphs_of(self.folded.nodes[NODE])

    def quantize(self, images: Iterable[Any], *, observer: str = OBSERVER_OF_FOREIGN, equalize: str = OF_FOREIGN.equalize,
                 bias_correction: bool = OF_FOREIGN.biases, weight_bits: int = 8, distil_iterations: int = 0,
                 learning_rate: float = LEARNING_RATE, device: torch.device | str = "cpu",
                 on_progress: Callable[[int, int], None] = lambda done, total: None) -> "QuantizedForeign":
        """Observe ranges on `images` and round. With distil_iterations the integers then learn to say what the float network says of
        the same images, see `mtzoo.foreign.distil`.

        device: where this is computed; the result is on the CPU. on_progress(done, total) counts observed batches and iterations.

        images: what a data loader gives: tensors (N, 3, H, W), or tuples that begin with one, as the network reads them (float32), or
        the pixels themselves (uint8), channels in the network's order. A few dozen are enough. Raises UserError for images of another
        size or normalisation, for none, and for a layer that cannot be exact.
        """
        batches, original = self.pixel_batches(images, device), self.folded_on(device)
        total = len(batches) + distil_iterations
        net = calibrated(original, batches, observer, Corrections(equalize, bias_correction), weight_bits,
                         lambda done, _: on_progress(done, total))
        if distil_iterations:
            distil(net, original, batches, distil_iterations, learning_rate, lambda done, _: on_progress(len(batches) + done, total))
        return self.on_grid(net)

    def folded_on(self, device: torch.device | str) -> MultiTaskNet:
        """`folded` on a device, not to be changed: on the CPU it is `folded` itself."""
        return self.folded if torch.device(device).type == "cpu" else deepcopy(self.folded).to(device)

    def pixel_batches(self, images: Iterable[Any], device: torch.device | str = "cpu") -> "PixelBatches":
        """What the network of leaves reads of `images`, see `quantize`."""
        signature = self.signature()
        batches = PixelBatches([pixels_of(item, signature, self.input_hw, place) for place, item in enumerate(images)], device)
        if not batches:
            raise UserError("no image to observe ranges on; give a few dozen")
        return batches

    def on_grid(self, net: MultiTaskNet) -> "QuantizedForeign":
        """A calibrated fake-quant network of this one, as integers. It goes to the CPU and is frozen in place: nothing trains it on."""
        freeze(net.cpu())
        return QuantizedForeign(self, net, convert(net))


@dataclass(frozen=True)
class QuantizedForeign:
    """The network on its grids: as fake-quant, and as integers."""

    source: Foreign
    net: MultiTaskNet
    integers: IntegerNet

    def export(self, path: str | Path, *, dtype: Literal["float32", "uint8"] = "float32") -> DeployInfo:
        """Write the exact integer ONNX file and its sidecar: the original's input and outputs, by name and shape.

        dtype: "uint8" for a file that reads the pixels themselves. Raises UserError where the file cannot be written.
        """
        hw = self.source.input_hw
        task = TaskInfo(AS_IS, (), AsIs(tuple(self.integers.outputs[NODE])))
        spec = ExportSpec(INTEGER_STEP, {NODE: task}, DeployGeometry(hw, hw), self.source.graphs, {}, "",
                          signature=self.source.signature(dtype))
        return export_model(self.net, spec, path, postprocess=False)

    def exactness(self, info: DeployInfo) -> list[str]:
        """What had to become coarser so that every sum is exact, in words."""
        return exactness_lines(self.net, info)


def from_torch(module: nn.Module, example: Tensor, *, mean: Sequence[float], std: Sequence[float], order: Order = "rgb",
               input_name: str = "input", output_names: Sequence[str] | None = None) -> Foreign:
    """A PyTorch network in evaluation mode, whose forward reads one tensor and returns maps, vectors, or a list or dict of them.

    example: (1, 3, H, W), of the size that it will read. mean, std: of what its training code normalised images with. Raises UserError
    naming the module that has no exact integer form.
    """
    if not isinstance(example, Tensor) or example.dim() != 4 or example.shape[1] != 3:
        raise UserError(f"example: expected a tensor (1, 3, H, W), not {tuple(getattr(example, 'shape', ()))}")
    hw = (int(example.shape[2]), int(example.shape[3]))
    with torch.no_grad():
        answer = module.eval()(example[:1].float())
    if isinstance(answer, Mapping) and output_names is not None:
        raise UserError(f"output_names={list(output_names)}: the module returns a dict, whose keys are its outputs' names; leave them "
                        "out")
    values = list(answer.values()) if isinstance(answer, Mapping) else list(answer) if isinstance(answer, list | tuple) else [answer]
    if not all(isinstance(value, Tensor) for value in values):
        raise UserError(f"the module returns {', '.join(type(value).__name__ for value in values)}; expected tensors")
    names = [str(name) for name in answer] if isinstance(answer, Mapping) else named_outputs(len(values), output_names)
    tail = tuple(TailOp("Reshape", (name,), name, (tuple(value.shape),)) for name, value in zip(names, values))
    outputs = tuple(ForeignOutput(name, tuple(value.shape)) for name, value in zip(names, values))
    net = FloatNetwork(Named(module, names), input_name, hw, tail, outputs)
    return Foreign(net, three(mean, "mean"), three(std, "std"), order)


def from_onnx(path: str | Path, *, mean: Sequence[float], std: Sequence[float], order: Order = "rgb",
              input_hw: Hw | None = None) -> Foreign:
    """A float ONNX file. input_hw: of one whose height and width are not fixed.

    Raises UserError naming every kind of operator that has no exact integer form, each once with its place.
    """
    model = read_onnx(Path(path))
    try:
        network = from_model(model, input_hw)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return Foreign(network, three(mean, "mean"), three(std, "std"), order)


class Named(nn.Module):
    """A module whose results have names, in the order in which it returns them."""

    def __init__(self, net: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self.net, self.names = net, tuple(names)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        found = self.net(x)
        values = list(found.values()) if isinstance(found, Mapping) else list(found) if isinstance(found, list | tuple) else [found]
        return dict(zip(self.names, values))


def as_network(lowered: Lowered, mean: Sequence[float], std: Sequence[float]) -> MultiTaskNet:
    """The network of one node, its image door folded in. lowered: of a module that returns a dict of maps."""
    fold_image(lowered, mean, std)
    net = build_network(graphs_of(lowered))
    net.nodes[NODE].load_state_dict(lowered.state_dict())
    for path, module in lowered.named_modules():
        if isinstance(module, nn.BatchNorm2d):  # no part of a state dict
            net.nodes[NODE].get_submodule(path).eps = module.eps
    return net.eval()


def graphs_of(lowered: Lowered) -> dict[str, list[NodeSpec]]:
    """What the network is rebuilt from."""
    outputs = {name: output.name for name, output in lowered.result.items()}
    return {NODE: [NodeSpec(NODE, "LeafGraph", params={"leaves": describe_leaves(lowered), "outputs": outputs})]}


@exact_float32()
def calibrated(folded: MultiTaskNet, batches: "PixelBatches", observer: str, corrections: Corrections,
               weight_bits: int = 8, on_progress: Callable[[int, int], None] | None = None) -> MultiTaskNet:
    """A fake-quant network of `Foreign.folded_on`, with ranges observed on `batches`, which are on its device."""
    return quantize(folded, QConfigMap(QConfig(observer=observer, weight_bits=weight_bits)), batches, corrections, on_progress)


class PixelBatches(Sequence[Tensor]):
    """Images (N, 3, H, W) uint8 as (x - 128) / 128 on a device, made when they are asked for."""

    def __init__(self, images: Sequence[Tensor], device: torch.device | str = "cpu") -> None:
        self.images, self.device = list(images), device

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return normalize_image(self.images[index].to(self.device)).contiguous(memory_format=torch.channels_last)


def pixels_of(item: Any, signature: Signature, hw: Hw, place: int) -> Tensor:
    """(N, 3, H, W) uint8 of one item of a data set. Raises UserError for what is none of the network's images."""
    value = item[0] if isinstance(item, list | tuple) and len(item) else item
    array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
    array = array[None] if array.ndim == 3 else array
    if array.ndim != 4 or array.shape[1:] != (3, *hw):
        raise UserError(f"image {place} of the data set: shape {array.shape}; expected (N, 3, {hw[0]}, {hw[1]})")
    if array.dtype == np.uint8:
        return torch.from_numpy(np.ascontiguousarray(array))
    if not np.issubdtype(array.dtype, np.floating):
        raise UserError(f"image {place} of the data set: {array.dtype}; expected float32 as the network reads it, or uint8")
    mean, std = (np.array(values).reshape(1, 3, 1, 1) for values in (signature.mean, signature.std))
    levels = (array * std + mean) * 255
    if not np.isfinite(levels).all() or levels.min() < -1 or levels.max() > 256:
        raise UserError(f"image {place} of the data set: its values are no (x / 255 - mean) / std of pixels 0 ... 255 with mean="
                        f"{list(signature.mean)}, std={list(signature.std)}; give those that its transform uses")
    return torch.from_numpy(signature.pixels(array.astype(np.float32)))

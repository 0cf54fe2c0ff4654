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

from mtzoo.compression import quantize
from mtzoo.deploy.exactness import exactness_lines
from mtzoo.deploy.export import ExportSpec, export_model
from mtzoo.deploy.info import AS_IS, DeployInfo, TaskInfo
from mtzoo.deploy.signature import ForeignOutput, Signature, TailOp, three
from mtzoo.errors import UserError
from mtzoo.foreign.distil import LEARNING_RATE, distil
from mtzoo.foreign.float_network import FloatNetwork, Hw, from_model, named_outputs
from mtzoo.foreign.input_layer import fold_image
from mtzoo.foreign.onnx_file import read_onnx
from mtzoo.graph_spec import NodeSpec
from mtzoo.layers import normalize_image
from mtzoo.lowering import Lowered, lower
from mtzoo.models import MultiTaskNet, build_network
from mtzoo.models.leaf_graph import describe_leaves
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.ops.precision import exact_float32
from mtzoo.postprocess.decoders import AsIs
from mtzoo.quantization import IntegerNet, QConfig, QConfigMap, convert, fold_bn, freeze
from mtzoo.settings.post_training import OBSERVER_OF_FOREIGN, OF_FOREIGN, Corrections

NODE = "net"
"""The one task of a foreign network, and its one node."""
INTEGER_STEP = 3

Order = Literal["rgb", "bgr"]


@dataclass(frozen=True)
class Foreign:
    """A float network that was not trained with mtzoo. `from_torch` and `from_onnx` make it.

    Attributes:
        network: The network in PyTorch, with the names and shapes of its input and outputs.
        mean: The mean of the input normalisation (x / 255 - mean) / std.
        std: The standard deviation of the input normalisation.
        order: The order of the input channels.
    """

    network: FloatNetwork
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    order: Order

    @property
    def input_hw(self) -> Hw:
        """Height and width of the input in pixels."""
        return self.network.input_hw

    def signature(self, dtype: Literal["float32", "uint8"] = "float32") -> Signature:
        """The names and shapes of the input and the outputs, for a file that reads `dtype`."""
        net = self.network
        return Signature(net.input_name, self.mean, self.std, self.order, dtype, net.outputs, net.tail)

    @cached_property
    def folded(self) -> MultiTaskNet:
        """The float network as leaves without BN, which reads (x - 128) / 128."""
        lowered = lower(self.network.module, self.input_hw).eval()
        net = as_network(lowered, self.mean, self.std)
        fold_bn(net, ["*"])
        return net.eval()

    @property
    def graphs(self) -> Mapping[str, Sequence[NodeSpec]]:
        """The node specs from which the network of leaves is rebuilt."""
        return graphs_of(self.folded.nodes[NODE])

    def quantize(self, images: Iterable[Any], *, observer: str = OBSERVER_OF_FOREIGN, equalize: str = OF_FOREIGN.equalize,
                 bias_correction: bool = OF_FOREIGN.biases, weight_bits: int = 8, distil_iterations: int = 0,
                 learning_rate: float = LEARNING_RATE, soft_labels: bool = False, device: torch.device | str = "cpu",
                 on_progress: Callable[[int, int], None] = lambda done, total: None) -> "QuantizedForeign":
        """Quantize the network to exact integers by calibration, and optionally by distillation.

        Args:
            images: Batches as a data loader gives them: tensors (N, 3, H, W), or tuples that begin with one. float32 as the network
                reads them, or uint8 pixels, channels in the order of the network. A few dozen images are enough.
            observer: The rule for ranges: `"mse"` (default), `"moving_average_abs_max"`, `"abs_max"` or `"percentile"`.
            equalize: `"none"`, `"weights"` or `"activations"` (cross-layer equalization, arXiv 1906.04721), or `"network"` (default: a
                factor for each channel of every map).
            bias_correction: Correct the mean of each channel in its bias after rounding (arXiv 1906.04721). Default: yes.
            weight_bits: 8, or 7 for CPUs without VNNI.
            distil_iterations: Iterations of distillation from the float network on the same images. 0: none.
            learning_rate: The largest step of Adam, as a share of the root mean square of each layer's weights. Default: 1e-4.
            soft_labels: Distillation also compares classes: outputs of several channels are logits.
            device: Where ranges are observed and distillation runs. The result is on the CPU.
            on_progress: Called with (done, total), counted in batches and iterations.

        Raises:
            UserError: There is no image, an image has another size or normalisation, or a layer has no exact integer form.
        """
        batches, original = self.pixel_batches(images, device), self.folded_on(device)
        total = len(batches) + distil_iterations
        net = calibrated(original, batches, observer, Corrections(equalize, bias_correction), weight_bits,
                         lambda done, _: on_progress(done, total))
        if distil_iterations:
            distil(net, original, batches, distil_iterations, learning_rate, lambda done, _: on_progress(len(batches) + done, total),
                   soft_labels=soft_labels)
        return self.on_grid(net)

    def folded_on(self, device: torch.device | str) -> MultiTaskNet:
        """`folded` on a device. Do not change it: on the CPU it is `folded` itself."""
        return self.folded if torch.device(device).type == "cpu" else deepcopy(self.folded).to(device)

    def pixel_batches(self, images: Iterable[Any], device: torch.device | str = "cpu") -> "PixelBatches":
        """The images of `quantize` as the network of leaves reads them."""
        signature = self.signature()
        batches = PixelBatches([pixels_of(item, signature, self.input_hw, place) for place, item in enumerate(images)], device)
        if not batches:
            raise UserError("no image to observe ranges on; give a few dozen")
        return batches

    def on_grid(self, net: MultiTaskNet) -> "QuantizedForeign":
        """Make integers of a calibrated fake-quant network. The network is moved to the CPU and frozen in place."""
        freeze(net.cpu())
        return QuantizedForeign(self, net, convert(net))


@dataclass(frozen=True)
class QuantizedForeign:
    """A quantized network that was not trained with mtzoo. `Foreign.quantize` makes it.

    Attributes:
        source: The float network.
        net: The network as fake-quant.
        integers: The network as integers; its outputs equal those of `net`.
    """

    source: Foreign
    net: MultiTaskNet
    integers: IntegerNet

    def export(self, path: str | Path, *, dtype: Literal["float32", "uint8"] = "float32") -> DeployInfo:
        """Write the exact integer network as an ONNX file with a sidecar. It has the input and outputs of the original, by name and
        shape.

        Args:
            path: The `.onnx` file.
            dtype: `"float32"`: the file reads what the original reads. `"uint8"`: it reads pixels.

        Raises:
            UserError: The file cannot be written.
        """
        hw = self.source.input_hw
        task = TaskInfo(AS_IS, (), AsIs(tuple(self.integers.outputs[NODE])))
        spec = ExportSpec(INTEGER_STEP, {NODE: task}, DeployGeometry(hw, hw), self.source.graphs, {}, "",
                          signature=self.source.signature(dtype))
        return export_model(self.net, spec, path, postprocess=False)

    def exactness(self, info: DeployInfo) -> list[str]:
        """One line for each kind of change that makes all sums exact: layers in parts, coarser weights."""
        return exactness_lines(self.net, info)


def from_torch(module: nn.Module, example: Tensor, *, mean: float | Sequence[float], std: float | Sequence[float], order: Order = "rgb",
               input_name: str = "input", output_names: Sequence[str] | None = None) -> Foreign:
    """Read a PyTorch network that was not trained with mtzoo.

    Args:
        module: The network. It is set to eval mode. Its forward reads one tensor (N, 3, H, W) and returns a tensor, or a list, tuple or
            dict of tensors.
        example: A tensor (1, 3, H, W) of the size that the network will read.
        mean: The mean of the input normalisation (x / 255 - mean) / std: one number, or three in the order of the channels.
        std: The standard deviation of the input normalisation.
        order: The order of the input channels.
        input_name: The name of the input in the ONNX file.
        output_names: The names of the outputs. Default: the keys of a dict, otherwise `output`, or `output_0`, `output_1`, ...

    Raises:
        UserError: A module has no exact integer form. The message names it.
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


def from_onnx(path: str | Path, *, mean: float | Sequence[float], std: float | Sequence[float], order: Order = "rgb",
              input_hw: Hw | None = None) -> Foreign:
    """Read a float ONNX file that was not trained with mtzoo.

    Args:
        path: The file, opset 7 to 23.
        mean: The mean of the input normalisation (x / 255 - mean) / std: one number, or three in the order of the channels.
        std: The standard deviation of the input normalisation.
        order: The order of the input channels.
        input_hw: Height and width of the input, if the file leaves them open.

    Raises:
        UserError: The file cannot be read, or an operator has no exact integer form. The message lists all such operators.
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
    """The network of one node, the input normalisation folded in. lowered: of a module that returns a dict of maps."""
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
    config = QConfig(observer=observer, weight_bits=weight_bits, head_output="accumulator", skip_sum="accumulator")
    return quantize(folded, QConfigMap(config), batches, corrections, on_progress)


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

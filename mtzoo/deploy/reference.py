"""The torch network of any deploy model, exact or not: weights as they are stored, feature maps rounded where the graph rounds."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from mtzoo.deploy.file import DeployFile
from mtzoo.deploy.load import described_network
from mtzoo.deploy.stored import stored_arrays
from mtzoo.errors import UserError
from mtzoo.graph import read_program, rounding_calls, signs
from mtzoo.layers import ConvBNAct
from mtzoo.layers.conv_onnx import BN_PARTS
from mtzoo.models import MultiTaskNet
from mtzoo.quantization import QConfig
from mtzoo.quantization.fake_quant import ActFakeQuant, AsymmetricFakeQuant, build_act_quant
from mtzoo.quantization.prepare import attach_sources

Arrays = Mapping[str, np.ndarray]


@torch.no_grad()
def reference_network(file: DeployFile) -> MultiTaskNet:
    """What the runtimes are compared with, rebuilt from the file alone, in eval mode; fake-quant on, where the file rounds.

    Raises UserError for a file in which a layer's tensors are missing or misshapen.
    """
    net = described_network(file)
    arrays = stored_arrays(file.model)
    zero_points = {node.input[1]: arrays.get(node.input[2]) for node in file.model.graph.node
                   if node.op_type in ("QuantizeLinear", "DequantizeLinear") and len(node.input) > 2}
    program = read_program(net)
    sign = signs(program)
    for call in rounding_calls(program):
        try:
            if isinstance(call.module, ConvBNAct):
                _restore(call.name, call.module, arrays)
                own = f"{call.name}.conv.output_scale"
                if own in zero_points:
                    call.module.conv_quant = _quantizer(zero_points[own], float(arrays[own]), signed=True)
            scale = f"{call.name}.output_scale"
            if scale in zero_points:
                call.module.act_quant = _quantizer(zero_points[scale], float(arrays[scale]), signed=sign[call.name])
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise UserError(f"{file.path}: layer '{call.name}' is damaged ({' '.join(str(error).split())}); export the model "
                            "again") from error
    attach_sources(program)
    return net.eval()


def output_steps(file: DeployFile) -> dict[str, Tensor]:
    """Raw output "seg.logits" -> (C,) or () how large a step of its integers is; outputs of float layers are left out."""
    program, arrays = read_program(described_network(file)), stored_arrays(file.model)
    steps = {}
    for task, maps in program.outputs.items():
        for output, layer in maps.items():
            stored = arrays.get(f"{layer}.output_scale", arrays.get(f"{layer}.bias_scale"))
            if stored is not None:
                steps[f"{task}.{output}"] = torch.from_numpy(stored.copy())
    return steps


def _restore(name: str, layer: ConvBNAct, arrays: Arrays) -> None:
    conv = layer.conv
    conv.weight.copy_(_floats(f"{name}.weight", arrays))
    if f"{name}.bias" in arrays:
        conv.bias = nn.Parameter(_floats(f"{name}.bias", arrays))
    if f"{name}.bn_gamma" in arrays:
        for stored, part in BN_PARTS.items():
            getattr(layer.bn, part).copy_(torch.from_numpy(arrays[f"{name}.bn_{stored}"].copy()))
    else:
        layer.drop_norms()


def _floats(name: str, arrays: Arrays) -> Tensor:
    """A stored tensor, or its integers times their scales, which belong to the first axis."""
    value = torch.from_numpy(arrays[name].copy())
    if value.is_floating_point():
        return value
    scale = torch.from_numpy(arrays[f"{name}_scale"].copy())
    return value.float() * scale.view(-1, *[1] * (value.dim() - 1))


def _quantizer(zero_point: np.ndarray, scale: float, *, signed: bool) -> ActFakeQuant:
    symmetric = not signed or np.issubdtype(zero_point.dtype, np.signedinteger)
    config = QConfig(activation_bits=8 * zero_point.dtype.itemsize, activation_symmetric=symmetric, scale_mode="float")
    quantizer = build_act_quant(config, signed=signed)
    quantizer.scale.fill_(scale)
    if isinstance(quantizer, AsymmetricFakeQuant):
        quantizer.zero_point.fill_(int(zero_point))
    quantizer.enabled = True
    return quantizer

"""A deploy model file -> its integers, and the torch networks it was made of."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from mtzoo.deploy.file import NAME_ONE, DeployFile
from mtzoo.deploy.stored import stored_arrays, stored_shapes
from mtzoo.errors import UserError, shown
from mtzoo.graph import read_program
from mtzoo.layers import normalize_image
from mtzoo.models import MultiTaskNet, build_network
from mtzoo.ops.fixed_point import exponent_of
from mtzoo.quantization import IntegerNet, build_integer_net, load_integer_state
from mtzoo.structures import RawOutputs

MAX_PARAMETER = 4096
"""Largest parameter of a node: no width, depth or number of classes comes near it."""


def stored_integers(file: DeployFile) -> dict[str, Tensor]:
    """The network's integers, named as in `mtzoo.quantization.integer_state`, from the ONNX initializers.

    Raises UserError if the file is not an integer network's.
    """
    if not file.info.integer:
        raise UserError(f"{file.path}: an export of step {file.info.step} with BN or float layers; an integer network is "
                        "wanted: export step 3")
    tensors = {name: torch.from_numpy(value.copy()) for name, value in stored_arrays(file.model).items()}
    state: dict[str, Tensor] = {}
    for layer, exponents in file.info.exponents.items():
        try:
            if "weight" in exponents:
                state[f"{layer}.weight"], state[f"{layer}.bias"] = tensors[f"{layer}.weight"], tensors[f"{layer}.bias"]
                state[f"{layer}.weight_exponent"] = exponent_of(tensors[f"{layer}.weight_scale"]).to(torch.int8)
            if "conv" in exponents:
                state[f"{layer}.conv_exponent"] = exponent_of(tensors[f"{layer}.conv.output_scale"]).to(torch.int8)
            if "output" in exponents:
                state[f"{layer}.output_exponent"] = _output_exponent(layer, exponents, tensors)
            if {key: _plain(state[f"{layer}.{key}_exponent"]) for key in exponents} != exponents:
                raise ValueError("its scales are not those of the description")
        except (KeyError, ValueError, UserError) as error:
            raise UserError(f"{file.path}: layer {shown(layer)} is damaged ({error}); export the model again") from error
    return state


def _output_exponent(layer: str, exponents: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Tensor:
    """A join's scale is in no file where all that reads its integers has the same scale."""
    name = f"{layer}.output_scale"
    if name not in tensors and "weight" not in exponents:
        return torch.tensor(int(exponents["output"]), dtype=torch.int8)
    return exponent_of(tensors[name]).to(torch.int8)


def _plain(exponent: Tensor) -> int | tuple[int, ...]:
    return tuple(exponent.tolist()) if exponent.dim() else int(exponent)


class _OnlyShapes(TorchFunctionMode):
    """What building a network on the meta device needs besides.

    Tensors stay as they are where random values would go: there these cost seconds of imports, for nothing. Numbers that a layout is
    worked out from are made on the CPU: torchvision's RegNet reads its widths and depths from such tensors.
    """

    def __torch_function__(self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (),
                           kwargs: Mapping[str, Any] | None = None) -> Any:
        if getattr(func, "__name__", "") in ("normal_", "uniform_"):
            return args[0] if args else (kwargs or {})["tensor"]
        if func in (torch.arange, torch.tensor):
            kwargs = {"device": "cpu", **(kwargs or {})}
        return func(*args, **(kwargs or {}))


def numbers_in(value: object) -> Iterator[float]:
    """All numbers in nested lists and mappings."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for entry in value:
            yield from numbers_in(entry)
    elif isinstance(value, int | float):
        yield value


def described_network(file: DeployFile) -> MultiTaskNet:
    """The float network that the description tells of, with weights of no meaning.

    Raises UserError if the file's weights are not its: then what it tells of may be of any size. That is found on PyTorch's
    meta device, which allocates nothing.
    """
    info = file.info
    params = [node.params for nodes in info.graphs.values() for node in nodes]
    try:
        if any(abs(number) > MAX_PARAMETER for number in numbers_in(params)):
            raise UserError(f"a parameter of its network is above {MAX_PARAMETER}")
        with torch.device("meta"), _OnlyShapes():
            layers = read_program(build_network(info.graphs, info.channels)).convs
    except (UserError, ArithmeticError, LookupError, RuntimeError, TypeError, ValueError, AttributeError) as error:
        fault = shown(" ".join(str(error).split()))
        raise UserError(f"{file.path}: its description is not that of a network ({fault}); {NAME_ONE}") from error
    stored = stored_shapes(file.model)
    for call in layers:
        told = tuple(call.module.conv.weight.shape)
        if stored.get(f"{call.name}.weight") != told:
            raise UserError(f"{file.path}: its description has a layer '{call.name}' of {told}, the file holds "
                            f"{stored.get(f'{call.name}.weight')}; {NAME_ONE}")
    return build_network(info.graphs, info.channels)


def fake_quant_network(file: DeployFile, state: Mapping[str, Tensor]) -> MultiTaskNet:
    """The fake-quant torch network of a file, rebuilt from the file alone, in eval mode."""
    net = described_network(file)
    try:
        load_integer_state(net, state)
    except (UserError, RuntimeError, ValueError, OverflowError) as error:
        fault = " ".join(str(error).split())
        raise UserError(f"{file.path}: its integers do not fit its network: {fault}; {NAME_ONE}") from error
    return net.eval()


def integer_network(file: DeployFile, state: Mapping[str, Tensor]) -> IntegerNet:
    """The integer torch network of a file, rebuilt from the file alone."""
    return build_integer_net(read_program(described_network(file)), state)


@torch.no_grad()
def network_outputs(net: MultiTaskNet, images: Tensor) -> RawOutputs:
    """What a torch network says of uint8 images (N, 3, H, W) BGR."""
    return net(normalize_image(images))

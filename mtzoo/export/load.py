"""A deploy model file -> its description, its integers, and the torch networks it was made of."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from google.protobuf.message import DecodeError
from onnx import numpy_helper
from torch import Tensor

from mtzoo.errors import UserError
from mtzoo.export.deploy import METADATA_KEY, sidecar_path
from mtzoo.export.info import DeployInfo
from mtzoo.layers import normalize_image
from mtzoo.models import MultiTaskNet, build_network
from mtzoo.ops.fixed_point import exponent_of
from mtzoo.quantization import IntegerNet, build_integer_net, load_integer_state, read_program
from mtzoo.structures import RawOutputs


@dataclass(frozen=True)
class DeployFile:
    """A deploy model as read from disk; nothing of it has been executed."""

    path: Path
    info: DeployInfo
    model: onnx.ModelProto
    size: int


def read_deploy_file(path: Path) -> DeployFile:
    """Read and check a deploy model. The sidecar may be missing; if it is there, its sha256 has to be the file's.

    Raises UserError for a missing or foreign file, or one that does not belong to its sidecar.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot read the model ({error.strerror}); name an .onnx file that mtzoo exported") from error
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        raise UserError(f"{path}: truncated or not an ONNX file; export it again") from error
    text = {p.key: p.value for p in model.metadata_props}.get(METADATA_KEY)
    if text is None:
        raise UserError(f"{path}: an ONNX file that mtzoo did not export; use `mtzoo export`")
    _check_sidecar(path, content)
    return DeployFile(path, DeployInfo.from_json(text, str(path)), model, len(content))


def _check_sidecar(path: Path, content: bytes) -> None:
    sidecar = sidecar_path(path)
    if not sidecar.exists():
        return
    try:
        expected = json.loads(sidecar.read_text())["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{sidecar}: unreadable; export the model again, or remove it: {path.name} is enough") from error
    if expected != hashlib.sha256(content).hexdigest():
        raise UserError(f"{path}: its sha256 is not the one in {sidecar.name}: the file was changed or the two do not belong "
                        "together; export the model again")


def stored_integers(file: DeployFile) -> dict[str, Tensor]:
    """The network's integers, named as in `mtzoo.quantization.integer_state`, from the ONNX initializers.

    Raises UserError if the file is not an integer network's.
    """
    if not file.info.integer:
        raise UserError(f"{file.path}: an export of step {file.info.step} with BN or float layers; an integer network is "
                        "wanted: export step 3")
    tensors = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in file.model.graph.initializer}
    state: dict[str, Tensor] = {}
    for layer, exponents in file.info.exponents.items():
        try:
            state[f"{layer}.weight"], state[f"{layer}.bias"] = tensors[f"{layer}.weight"], tensors[f"{layer}.bias"]
            state[f"{layer}.weight_exponent"] = exponent_of(tensors[f"{layer}.weight_scale"]).to(torch.int8)
            if "output" in exponents:
                state[f"{layer}.output_exponent"] = exponent_of(tensors[f"{layer}.output_scale"]).to(torch.int8)
        except (KeyError, ValueError, UserError) as error:
            raise UserError(f"{file.path}: layer '{layer}' is damaged ({error}); export the model again") from error
    return state


def fake_quant_network(file: DeployFile, state: Mapping[str, Tensor]) -> MultiTaskNet:
    """The fake-quant torch network of a file, rebuilt from the file alone, in eval mode."""
    net = build_network(file.info.graphs, file.info.channels)
    load_integer_state(net, state)
    return net.eval()


def integer_network(file: DeployFile, state: Mapping[str, Tensor]) -> IntegerNet:
    """The integer torch network of a file, rebuilt from the file alone."""
    return build_integer_net(read_program(build_network(file.info.graphs, file.info.channels)), state)


@torch.no_grad()
def network_outputs(net: MultiTaskNet, images: Tensor) -> RawOutputs:
    """What a torch network says of uint8 images (N, 3, H, W) BGR."""
    return net(normalize_image(images))

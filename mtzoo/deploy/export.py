"""A trained network -> one ONNX file and its sidecar."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from mtzoo.deploy.builder import GraphBuilder
from mtzoo.deploy.check_info import check_batch, tensors
from mtzoo.deploy.file import write_model
from mtzoo.deploy.image import emit_image, stays_nhwc
from mtzoo.deploy.info import CROP_XY, IM_HW, DeployInfo, TaskInfo
from mtzoo.deploy.logits import exact_decoders
from mtzoo.deploy.network import NetworkMaps, emit_network
from mtzoo.deploy.requirements import requirements, weight_bits
from mtzoo.deploy.signature import Signature
from mtzoo.deploy.task_outputs import OUTPUTS, TaskMaps
from mtzoo.errors import UserError
from mtzoo.graph import read_program, result_shapes
from mtzoo.graph_spec import ChannelPlan, NodeSpec
from mtzoo.models import MultiTaskNet, network_stride
from mtzoo.ops.color import InputFormat, Layout
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.postprocess.decoders import Decoder, LabelMapDecoder
from mtzoo.quantization import integer_state
from mtzoo.task_kind import task_kind


@dataclass(frozen=True)
class ExportSpec:
    """What an export has to know beyond the network. step: 0..3; graphs: task -> node specs the network was built from;
    config, config_hash: the resolved config as plain data, to be carried along; input_format, input_layout: of the images it will
    read; channels: layers narrower than their specs; batch: how many images it reads at once; signature: of a network that is not of
    the zoo."""

    step: int
    tasks: Mapping[str, TaskInfo]
    geometry: DeployGeometry
    graphs: Mapping[str, Sequence[NodeSpec]]
    config: Mapping[str, Any]
    config_hash: str
    input_format: InputFormat = "bgr"
    input_layout: Layout = "nchw"
    channels: ChannelPlan = field(default_factory=dict)
    batch: int = 1
    signature: Signature | None = None


def export_model(net: MultiTaskNet, spec: ExportSpec, path: str | Path, *, postprocess: bool, keep_raw: bool = False) -> DeployInfo:
    """Write `net` as `path` (.onnx) with the sidecar `path` (.json). Files are written whole or not at all.

    net: on its grids (`freeze`) for an exact file; with BN or float layers it is written as it stands.
    postprocess: label maps and boxes instead of raw maps; keep_raw: raw maps too.
    Raises UserError for a batch that is no number of images, if the network has not been calibrated or holds numbers that are not
    finite, or the file cannot be written.
    """
    path = Path(path)
    check_batch(spec.batch)
    if spec.signature is not None and spec.batch > 1:
        raise UserError("a network that was not trained with mtzoo keeps its own inputs, of one image; leave 'batch' out")
    _check_finite(net)
    was_training = net.training
    net.eval()
    spec = replace(spec, tasks=with_exact_decoders(net, spec.tasks), geometry=replace(spec.geometry, stride=network_stride(net)))
    model = build_model(net, spec.tasks, spec.geometry, spec.input_format, quantized=True, postprocess=postprocess,
                        keep_raw=keep_raw, signature=spec.signature, layout=spec.input_layout, batch=spec.batch)
    net.train(was_training)
    info = describe(model, net, spec)
    write_model(model, info, path)
    return info


def with_exact_decoders(net: MultiTaskNet, tasks: Mapping[str, TaskInfo]) -> dict[str, TaskInfo]:
    """The tasks as they are for this network, see `exact_decoders`."""
    decoders = exact_decoders(net, {name: task.decoder for name, task in tasks.items()})
    return {name: replace(task, decoder=decoders[name]) for name, task in tasks.items()}


def _check_finite(net: MultiTaskNet) -> None:
    wild = next((name for name, value in net.state_dict().items() if not bool(torch.isfinite(value).all())), None)
    if wild is not None:
        raise UserError(f"'{wild}' holds values that are not finite: nothing of use can be exported; its training diverged, use an "
                        "earlier checkpoint")


def describe(model: onnx.ModelProto, net: MultiTaskNet, spec: ExportSpec) -> DeployInfo:
    """What the model made of `net` will say of itself."""
    exponents = _exponents(net)
    return DeployInfo(step=spec.step, integer=bool(exponents), parameters=sum(p.numel() for p in net.parameters()),
                      tasks=spec.tasks, geometry=spec.geometry, graphs=spec.graphs, inputs=tensors(model.graph.input),
                      outputs=tensors(model.graph.output), config_hash=spec.config_hash, config=spec.config,
                      input_format=spec.input_format, input_layout=spec.input_layout, channels=spec.channels, exponents=exponents,
                      weight_bits=weight_bits(model), requires=requirements(model), batch=spec.batch, signature=spec.signature)


def build_model(net: MultiTaskNet, tasks: Mapping[str, TaskInfo], geometry: DeployGeometry,
                input_format: InputFormat = "bgr", *, quantized: bool, postprocess: bool, keep_raw: bool = False,
                signature: Signature | None = None, layout: Layout = "nchw", batch: int = 1) -> onnx.ModelProto:
    """The ONNX model of `net` for `batch` images. quantized=False: the same network in plain floats, for float runtimes.

    layout: of the image in memory; signature: of a network from elsewhere, whose model has these inputs and outputs and no
    others.
    """
    if signature is not None:
        return _foreign_model(net, geometry, signature, quantized=quantized)
    builder = GraphBuilder()
    image = emit_image(builder, input_format, geometry.input_hw, layout, batch)
    results = result_shapes(net, geometry.input_hw, batch)
    maps = emit_network(builder, net, image, results, quantized=quantized, nhwc=stays_nhwc(input_format, layout))
    outputs = read_program(net).outputs
    shapes = {f"{task}.{output}": results[name] for task, by_output in outputs.items() for output, name in by_output.items()}
    if keep_raw or not postprocess:
        for name in maps.floats:
            builder.add_output(name, np.float32, shapes[name])
    if postprocess:
        if any(task_kind(task.kind).original_pixels for task in tasks.values()):
            builder.add_input(IM_HW, np.float32, (batch, 2))
            if geometry.window is not None:
                builder.add_input(CROP_XY, np.float32, (batch, 2))
        _emit_tasks(builder, tasks if quantized else _in_floats(tasks), geometry, maps, shapes)
    return builder.model("mtzoo")


def _foreign_model(net: MultiTaskNet, geometry: DeployGeometry, signature: Signature, *, quantized: bool) -> onnx.ModelProto:
    builder = GraphBuilder([signature.input_name, *(output.name for output in signature.outputs)])
    image = signature.emit_image(builder, geometry.input_hw)
    maps = emit_network(builder, net, image, result_shapes(net, geometry.input_hw), quantized=quantized)
    signature.emit_tail(builder, {name.partition(".")[2]: tensor for name, tensor in maps.floats.items()})
    return builder.model("mtzoo")


def _in_floats(tasks: Mapping[str, TaskInfo]) -> dict[str, TaskInfo]:
    """Without the rounding of logits, which are no integers."""
    return {name: replace(task, decoder=_in_float(task.decoder)) for name, task in tasks.items()}


def _in_float(decoder: Decoder) -> Decoder:
    return replace(decoder, logit_exponent=None) if isinstance(decoder, LabelMapDecoder) else decoder


def _emit_tasks(builder: GraphBuilder, tasks: Mapping[str, TaskInfo], geometry: DeployGeometry, maps: NetworkMaps,
                shapes: Mapping[str, tuple[int, ...]]) -> None:
    """The post-processing of all tasks."""
    of_kinds: dict[str, list[TaskMaps]] = {kind: [] for kind in OUTPUTS}
    for name, task in tasks.items():
        own = {key.removeprefix(f"{name}."): key for key in maps.floats if key.startswith(f"{name}.")}
        of_kinds[task.kind].append(TaskMaps(name, {output: maps.floats[key] for output, key in own.items()},
                                            {output: shapes[key] for output, key in own.items()},
                                            {output: maps.integers[key] for output, key in own.items() if key in maps.integers},
                                            task.decoder))
    for kind, of_kind in of_kinds.items():
        OUTPUTS[kind].emit(builder, of_kind, geometry)


def _exponents(net: MultiTaskNet) -> dict[str, dict[str, Any]]:
    """Scales of an integer network as exponents; {} if `net` is none."""
    try:
        state = integer_state(net)
    except UserError:
        return {}
    found: dict[str, dict[str, Any]] = {}
    for key, value in state.items():
        layer, _, part = key.rpartition(".")
        if part.endswith("_exponent"):
            exponent = value.tolist()
            found.setdefault(layer, {})[part.removesuffix("_exponent")] = tuple(exponent) if isinstance(exponent, list) else exponent
    return found

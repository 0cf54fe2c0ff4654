"""Whether what a file says of itself is true of its graph: classes, tasks, sizes."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx

from mtzoo.deploy.builder import ELEMENT_TYPES
from mtzoo.deploy.check_graph import Shapes
from mtzoo.deploy.info import AS_IS, CROP_XY, IM_HW, DeployInfo, TaskInfo, TensorInfo
from mtzoo.deploy.signature import Signature
from mtzoo.deploy.task_outputs import OUTPUTS
from mtzoo.errors import UserError, shown
from mtzoo.ops.color import input_shapes

MOST_IMAGES = 16  # at once
DTYPES = {element: np.dtype(dtype).name for dtype, element in ELEMENT_TYPES.items()}


def check_info(info: DeployInfo, model: onnx.ModelProto, shapes: Shapes) -> None:
    """Raises UserError naming what the description and the graph do not agree on. shapes: of `check_graph`."""
    for kind, said, found in (("inputs", info.inputs, model.graph.input), ("outputs", info.outputs, model.graph.output)):
        if said != tensors(found):
            raise UserError(f"its description names other {kind} than its graph has")
    check_batch(info.batch)
    _check_inputs(info)
    if info.step not in range(4) or info.parameters < 1:
        raise UserError(f"its description says step={info.step}, parameters={info.parameters}")
    if set(info.graphs) != set(info.tasks):
        raise UserError("its 'graphs' and its 'tasks' are not of the same tasks")
    if info.signature is not None:
        _check_foreign_outputs(info, info.signature)
        return
    outputs = {tensor.name: tensor for tensor in info.outputs}
    if strange := next((name for name in outputs if name.rpartition(".")[0] not in info.tasks), None):
        raise UserError(f"its output {shown(strange)} belongs to none of its tasks")
    if any(task.kind == AS_IS for task in info.tasks.values()):
        raise UserError("it has a task that is not decoded, and no 'signature'")
    for name, task in info.tasks.items():
        own = {key.rpartition(".")[2]: tensor for key, tensor in outputs.items() if key.rpartition(".")[0] == name}
        _check_outputs(name, task, own, info)
        _check_classes(name, task, shapes)


def _check_foreign_outputs(info: DeployInfo, signature: Signature) -> None:
    """Check the outputs of a network that was not trained with mtzoo: those of its signature, of one task that decodes nothing."""
    if len(info.tasks) != 1 or any(task.kind != AS_IS for task in info.tasks.values()):
        raise UserError("it has a signature of its own, and a task that is decoded")
    if info.outputs != tuple(TensorInfo(output.name, "float32", output.shape) for output in signature.outputs):
        raise UserError("its outputs are not those of its 'signature'")


def _check_inputs(info: DeployInfo) -> None:
    if info.signature is not None:
        told = TensorInfo(info.signature.input_name, info.signature.dtype, (1, 3, *info.geometry.input_hw))
        if info.batch != 1 or info.input_layout != "nchw" or info.inputs != (told,):
            raise UserError(f"its inputs do not fit its 'signature', input_hw={info.geometry.input_hw}")
        return
    shapes = input_shapes(info.input_format, info.geometry.input_hw, info.input_layout, info.batch)
    images = {TensorInfo(name, "uint8", shape) for name, shape in shapes.items()}
    others = {TensorInfo(name, "float32", (info.batch, 2)) for name in (IM_HW, CROP_XY)}
    if not images <= set(info.inputs) <= images | others or len(set(info.inputs)) != len(info.inputs):
        raise UserError(f"its inputs do not fit its geometry, input_hw={info.geometry.input_hw}, and '{info.input_format}', "
                        f"'{info.input_layout}'")


def _check_outputs(name: str, task: TaskInfo, outputs: Mapping[str, TensorInfo], info: DeployInfo) -> None:
    """Whether the task can be decoded from them."""
    of_kind = OUTPUTS[task.kind]
    forms = (of_kind.decoded(task, info), of_kind.raw(task, info, outputs))
    wanted = [{key: TensorInfo(f"{name}.{key}", *tensor) for key, tensor in form.items()} for form in forms]
    if not any(form and form.items() <= outputs.items() for form in wanted):
        raise UserError(f"the outputs of its task {shown(name)} are not those of {task.kind} with its 'decoder'")


def _check_classes(name: str, task: TaskInfo, shapes: Shapes) -> None:
    """As many as the network's own maps have channels: these are in every graph, also where they are no outputs."""
    maps = {key: shape for key, shape in shapes.items() if key.startswith(f"{name}.{OUTPUTS[task.kind].class_map}")}
    channels = {shape[1] for shape in maps.values() if len(shape) == 4}
    if channels != {len(task.classes)}:
        raise UserError(f"its task {shown(name)} has {len(task.classes)} classes in the description and {shown(sorted(channels))} in "
                        "the graph")


def check_batch(batch: int) -> None:
    """Raises UserError for a number of images that a model cannot read at once."""
    if not 1 <= batch <= MOST_IMAGES:
        raise UserError(f"batch={batch}: expected 1 to {MOST_IMAGES} images at once")


def tensors(values: Sequence[onnx.ValueInfoProto]) -> tuple[TensorInfo, ...]:
    """Name, type and shape of a graph's inputs or outputs."""
    return tuple(TensorInfo(v.name, DTYPES[v.type.tensor_type.elem_type],
                            tuple(d.dim_value for d in v.type.tensor_type.shape.dim)) for v in values)

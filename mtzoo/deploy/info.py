"""What a deploy model says of itself: the sidecar JSON, which the ONNX metadata repeats."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mtzoo.deploy.signature import Signature
from mtzoo.errors import UserError, shown
from mtzoo.graph_spec import ChannelPlan, NodeSpec
from mtzoo.ops.color import InputFormat, Layout
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.plain_data import build
from mtzoo.postprocess.decoders import DECODERS, AsIs, Decoder
from mtzoo.strict_json import strict_json

FORMAT = "mtzoo-deploy-1"
IM_HW, CROP_XY = "im_hw", "crop_xy"
"""Inputs beside the image: height and width of the original, left and top of a window; see `DeployGeometry`."""
AS_IS = "maps"
"""Kind of the one task of a network that was not trained with mtzoo, beside those of `mtzoo.task_kind`."""
DECODER_OF = {**DECODERS, AS_IS: AsIs}


@dataclass(frozen=True)
class TaskInfo:
    """One task of a deploy model.

    Attributes:
        kind: `"detection"`, `"segmentation"`, `"classification"`, or `"maps"` for a network that was not trained with mtzoo.
        classes: The class names. A class id is an index into them.
        decoder: The post-processing.
    """

    kind: str
    classes: tuple[str, ...]
    decoder: Decoder

    def __post_init__(self) -> None:
        """Raises UserError for a kind that does not exist, or is not the post-processing's."""
        if not isinstance(self.decoder, DECODER_OF.get(self.kind, ())):
            raise UserError(f"kind={shown(self.kind)}: not one of {', '.join(DECODER_OF)}, or its 'decoder' is that of another kind")
        if not self.classes and self.kind != AS_IS:
            raise UserError("no classes")


@dataclass(frozen=True)
class TensorInfo:
    """An input or output of a deploy model."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class DeployInfo:
    """The description of a deploy model: its sidecar.

    Attributes:
        step: The step (0 to 3) of the checkpoint.
        integer: Whether it is an exact integer network, so that `verify` can promise equality.
        parameters: The number of parameters of the trained network.
        tasks: The tasks by name.
        geometry: How an image becomes the network's input.
        graphs: Task -> node specs, from which the network is rebuilt.
        inputs: The inputs of the ONNX file.
        outputs: The outputs of the ONNX file.
        config_hash: A hash of `config`.
        config: The config as plain data.
        input_format: The format of the image: `"bgr"`, `"rgb"`, `"yuv444"` or `"nv12"`.
        input_layout: The memory layout of the image: `"nchw"` or `"nhwc"`.
        channels: Layers that are narrower than in their node specs, and removed blocks.
        exponents: Layer -> `{"weight": [e of each output channel], "output": e}` of an integer network; a scale is 2^e.
        weight_bits: The fewest bits that hold every int8 weight. None if there is no such weight or the file does not say.
        requires: What an executor must be able to do, e.g. `"u8s8-dot-product-32bit"`.
        batch: The number of images that the model reads at once.
        signature: The inputs and outputs of a network that was not trained with mtzoo. None for any other.
    """

    step: int
    integer: bool
    parameters: int
    tasks: Mapping[str, TaskInfo]
    geometry: DeployGeometry
    graphs: Mapping[str, Sequence[NodeSpec]]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    config_hash: str
    config: Mapping[str, Any] = field(repr=False)
    input_format: InputFormat = "bgr"
    input_layout: Layout = "nchw"
    channels: ChannelPlan = field(default_factory=dict)
    exponents: Mapping[str, Mapping[str, int | tuple[int, ...]]] = field(repr=False, default_factory=dict)
    weight_bits: int | None = None
    requires: tuple[str, ...] = ()
    batch: int = 1
    signature: Signature | None = None

    def to_json(self) -> str:
        """Compact JSON, without the sha256 of the ONNX file, which the sidecar adds."""
        return strict_json({"format": FORMAT, **asdict(self)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "DeployInfo":
        """Read what `to_json` wrote. Raises UserError if it is something else."""
        try:
            values = json.loads(text)
            if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
                raise UserError(f"its format is not '{FORMAT}'")
            return build(cls, values, "")
        except RecursionError:
            fault = "nested too deep"
        except (UserError, ValueError, ArithmeticError, TypeError) as error:
            fault = str(error)
        raise UserError(f"its metadata are no description of a deploy model ({fault})")

"""What a deploy model says of itself: the sidecar JSON, which the ONNX metadata repeats."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mtzoo.deploy.signature import Signature
from mtzoo.errors import UserError, shown
from mtzoo.models import NodeSpec
from mtzoo.models.channel_plan import ChannelPlan
from mtzoo.ops.color import InputFormat, Layout
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.plain_data import build
from mtzoo.postprocess import DECODERS, AsIs, Decoder
from mtzoo.strict_json import strict_json

FORMAT = "mtzoo-deploy-1"
AS_IS = "maps"
"""Kind of the one task of a network that is not of the zoo, beside those of `mtzoo.task_kind`."""
DECODER_OF = {**DECODERS, AS_IS: AsIs}


@dataclass(frozen=True)
class TaskInfo:
    """One task: its classes, in the order of the class ids, and its post-processing."""

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
    """An input or output of the model."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class DeployInfo:
    """step: 0..3 of the training run; integer: made of integers only, so that it can be verified; parameters: of the network
    as trained; graphs: task -> node specs, from which the network is rebuilt; config: the resolved config, as plain data;
    input_format, input_layout: of the image inputs, see `mtzoo.ops.color`; channels: layers that are narrower than their specs;
    exponents: layer -> {"weight": [e per output channel], "output": e}, scale = 2^e, of an integer network; weight_bits: the fewest
    that hold its int8 weights, None if it has none or the file does not say; requires: see `mtzoo.deploy.requirements`; batch:
    images at once; signature: of a network that is not of the zoo, its own inputs and outputs.
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
        """Compact JSON. Without the file's sha256, which the sidecar adds: no file can hold its own."""
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

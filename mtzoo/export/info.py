"""What a deploy model says of itself: the sidecar JSON, which the ONNX metadata repeats."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mtzoo.errors import UserError
from mtzoo.models import NodeSpec
from mtzoo.models.channel_plan import ChannelPlan
from mtzoo.ops.camera import Camera
from mtzoo.ops.color import InputFormat
from mtzoo.ops.geometry import CropWindow, DeployGeometry
from mtzoo.postprocess import BoxDecoder, Decoder, LabelMapDecoder
from mtzoo.strict_json import strict_json

FORMAT = "mtzoo-deploy-1"
DECODERS = {"detection": BoxDecoder, "segmentation": LabelMapDecoder}


@dataclass(frozen=True)
class TaskInfo:
    """One task: its classes, in the order of the class ids, and its post-processing."""

    kind: str
    classes: tuple[str, ...]
    decoder: Decoder


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
    input_format: of the image inputs, see `mtzoo.ops.color`; channels: layers that are narrower than their specs; exponents:
    layer -> {"weight": [e per output channel], "output": e}, scale = 2^e, of an integer network.
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
    channels: ChannelPlan = field(default_factory=dict)
    exponents: Mapping[str, Mapping[str, Any]] = field(repr=False, default_factory=dict)

    def to_json(self) -> str:
        """Compact JSON. Without the file's sha256, which the sidecar adds: no file can hold its own."""
        return strict_json({"format": FORMAT, **asdict(self)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str, where: str) -> "DeployInfo":
        """Read what `to_json` wrote. Raises UserError naming `where` if it is something else."""
        try:
            values = json.loads(text)
            if values.pop("format") != FORMAT:
                raise KeyError("format")
            return cls(**{**values, **_built(values)})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{where}: not a description of a deploy model of mtzoo ({type(error).__name__}: {error}); "
                            "export the model again") from error


def _built(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are more than plain data."""
    tasks = {name: TaskInfo(t["kind"], tuple(t["classes"]), DECODERS[t["kind"]](**t["decoder"]))
             for name, t in values["tasks"].items()}
    graphs = {task: tuple(NodeSpec(n["name"], n["type"], tuple(n["inputs"]), n["params"]) for n in nodes)
              for task, nodes in values["graphs"].items()}
    tensors = {key: tuple(TensorInfo(t["name"], t["dtype"], tuple(t["shape"])) for t in values[key])
               for key in ("inputs", "outputs")}
    channels = {name: tuple(widths) for name, widths in values.get("channels", {}).items()}
    return {"geometry": _geometry(values["geometry"]), "tasks": tasks, "graphs": graphs, "channels": channels, **tensors}


def _geometry(values: Mapping[str, Any]) -> DeployGeometry:
    fields = _with_tuples(values)
    if fields.get("window"):
        window = _with_tuples(fields["window"])
        camera = window["camera"] and Camera(**_with_tuples(window["camera"]))
        fields["window"] = CropWindow(**{**window, "camera": camera})
    return DeployGeometry(**fields)


def _with_tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    """JSON knows lists only."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}

"""Networks of torchvision and timm as backbones: what each costs, and whether it is the same integers everywhere."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from mtzoo.deploy.export import build_model
from mtzoo.engine.random_weights import noise_images, settle_bn
from mtzoo.errors import UserError
from mtzoo.graph_spec import NodeSpec
from mtzoo.layers import normalize_image
from mtzoo.models import MultiTaskNet
from mtzoo.models.costs import node_costs
from mtzoo.models.task_graph import build_node
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.ops.precision import exact_float32
from mtzoo.quantization import calibrate, convert, fold_bn, freeze, prepare, wide_layers
from mtzoo.runtime.executors import EXECUTORS, build_executor
from mtzoo.structures import FeatureSpec, RawOutputs, flatten_outputs

SIZES = ((64, 64), (96, 160))
"""Height and width of the images of a check."""
COST_HW = (224, 224)
INTEGER = "integer"


@dataclass(frozen=True)
class Backbone:
    """type: "Torchvision" or "Timm"; parameters: of what the features need; macs: for an image of COST_HW; features: name
    channels/stride; why: the reason why it has no exact integer form, None if it has one; checked: executor -> differing values of all
    sizes; values: how many were compared; parts: layers that are computed in parts; skipped: sizes that it cannot read."""

    type: str
    name: str
    parameters: int = 0
    macs: int = 0
    features: tuple[str, ...] = ()
    why: str | None = None
    checked: Mapping[str, int] | None = None
    values: int = 0
    parts: int = 0
    skipped: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether a check has found that all executors say the same."""
        return self.checked is not None and not any(self.checked.values())


class Features(nn.Module):
    """A list of maps -> the same as a head's dict of outputs."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = [f"f{i}" for i in range(len(names))]

    def forward(self, features: Sequence[Tensor]) -> dict[str, Tensor]:
        return dict(zip(self.names, features))


def backbone_network(kind: str, name: str) -> MultiTaskNet:
    """The backbone alone, with random weights: {"features": {"f0": map, ...}}. Raises UserError if it cannot be lowered."""
    torch.manual_seed(0)
    backbone = build_node(NodeSpec("backbone", kind, params={"name": name}), [FeatureSpec(3, 1, "image")])
    nodes = {"backbone": backbone, "features": Features(backbone.out_specs)}
    return MultiTaskNet(nodes, {"backbone": ("image",), "features": ("backbone",)}, {"features": "features"},
                        dict.fromkeys(nodes, ("features",)))


def describe(kind: str, name: str) -> Backbone:
    """What it costs; `why` if it cannot be lowered."""
    try:
        net = backbone_network(kind, name)
    except UserError as error:
        return Backbone(kind, name, why=str(error).removeprefix("node 'backbone': "))
    backbone = net.nodes["backbone"]
    cost = node_costs(net, COST_HW)[0]
    return Backbone(kind, name, cost.params, cost.macs, tuple(f"{f.name} {f.channels}/{f.stride}" for f in backbone.out_specs))


def check(found: Backbone) -> Backbone:
    """The same with what a comparison of all executors says, on random weights and images of SIZES."""
    if found.why is not None:
        return found
    differing = dict.fromkeys((INTEGER, *EXECUTORS), 0)
    values, parts, skipped = 0, 0, []
    for hw in SIZES:
        try:
            net = frozen_network(found.type, found.name, hw)
        except UserError as error:
            return replace(found, why=str(error))
        except (RuntimeError, ValueError) as error:  # an image too small for its strides
            skipped.append(f"{hw[0]}x{hw[1]}: {' '.join(str(error).split())[:80]}")
            continue
        parts = max(parts, sum(layer.parts > 1 for layer in wide_layers(net)))
        try:
            compared = compare(net, hw)
        except UserError as error:
            return replace(found, why=str(error))
        for executor, counts in compared.items():
            differing[executor] += counts[0]
            values += counts[1] if executor == INTEGER else 0
    if not values:
        return replace(found, skipped=tuple(skipped))
    return replace(found, checked=differing, values=values, parts=parts, skipped=tuple(skipped))


@torch.no_grad()
def frozen_network(kind: str, name: str, hw: tuple[int, int]) -> MultiTaskNet:
    """The backbone on its grids: random weights, BN statistics and scales those of random images."""
    net, images = backbone_network(kind, name), noise_images(2, hw)
    settle_bn(net, images)
    with exact_float32():
        prepare(net)
        calibrate(net, [normalize_image(images)])
        fold_bn(net, ["*"])
        freeze(net)
    return net.eval()


@torch.no_grad()
def compare(net: MultiTaskNet, hw: tuple[int, int]) -> dict[str, tuple[int, int]]:
    """Executor -> (values that differ from fake-quant's, values in all) on an image that the network has not seen."""
    image = noise_images(1, hw, seed=1)
    with exact_float32():
        wanted = flatten_outputs(net(normalize_image(image)))
    found: dict[str, Callable[[], RawOutputs | Mapping[str, Tensor]]] = {INTEGER: lambda: flatten_outputs(convert(net)(image))}
    model = build_model(net, {}, DeployGeometry(resized_hw=hw, drop_top=0, input_hw=hw), quantized=True, postprocess=False)
    for name in EXECUTORS:
        found[name] = lambda name=name: {key: torch.from_numpy(value) for key, value in
                                         build_executor(name, model, 1).run({"image": image.numpy()}).items()}
    counts = {}
    for name, outputs in found.items():
        got = outputs()
        counts[name] = (sum(int((got[key] != value).sum()) for key, value in wanted.items()),
                        sum(value.numel() for value in wanted.values()))
    return counts

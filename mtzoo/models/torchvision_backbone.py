"""torchvision's convolutional classifiers as backbones."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from mtzoo.errors import UserError, did_you_mean
from mtzoo.lowering.preprocessing import IMAGENET, Preprocessing, preprocessing
from mtzoo.models import shufflenet_layout
from mtzoo.models.published_backbone import Published, PublishedBackbone, cannot_download
from mtzoo.registry import NODES
from mtzoo.structures import FeatureSpec

AUXILIARY = {"googlenet": {"aux_logits": False, "init_weights": False}, "inception_v3": {"aux_logits": False, "init_weights": False}}
"""Arguments that leave out training-only outputs, and an initialisation that takes minutes."""


@NODES.register_module()
class Torchvision(PublishedBackbone):
    """A classifier of torchvision as a backbone: image (N, 3, H, W) -> its features.

    Args:
        in_specs: The image.
        name: The name in `torchvision.models.get_model`, e.g. `"mobilenet_v2"`.
        features: Module paths. None: the last map of each stride of 4, 8, 16 and 32.
        output_stride: 8 or 16. Further strides become dilations. None: the network's own strides.
        weights: None, `"imagenet"`, or a file.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, name: str, features: Sequence[str] | None = None,
                 output_stride: int | None = None, weights: str | None = None) -> None:
        super().__init__(torchvision_module(name), in_specs, features=features, output_stride=output_stride, weights=weights)
        self.name = name

    def published_weights(self, weights: str) -> Published:
        published = super().published_weights(weights)
        if self.name.startswith("shufflenet_v2") and shufflenet_layout.is_megvii(published.state):
            return Published(shufflenet_layout.as_torchvision(published.state, weights), shufflenet_layout.READS, weights)
        return published

    def file_reads(self) -> Preprocessing:
        published = _library().get_model_weights(self.name).DEFAULT.transforms()
        return preprocessing(published.mean, published.std) if hasattr(published, "mean") else IMAGENET

    def download(self) -> Published:
        entry = _library().get_model_weights(self.name).DEFAULT
        try:
            state = entry.get_state_dict(progress=False, check_hash=True, weights_only=True)
        except (OSError, RuntimeError) as error:
            raise cannot_download("torchvision", self.name, error) from error
        return Published(state, self.file_reads(), f"torchvision's {entry}")


def torchvision_names() -> list[str]:
    """All of torchvision's classifiers; those with attention or LayerNorm cannot be lowered."""
    models = _library()
    return models.list_models(module=models)


def torchvision_module(name: str) -> nn.Module:
    """The classifier with new weights. Raises UserError for an unknown name."""
    models = _library()
    if name not in torchvision_names():
        raise UserError(f"name='{name}': torchvision has no such classifier{did_you_mean(name, torchvision_names())}")
    return models.get_model(name, weights=None, **AUXILIARY.get(name, {}))


def _library() -> Any:
    from torchvision import models  # seconds to import: only where it is used

    return models

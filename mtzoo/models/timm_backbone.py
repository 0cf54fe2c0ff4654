"""Backbones of timm, PyTorch Image Models (the extra `mtzoo[timm]`)."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from mtzoo.errors import UserError, did_you_mean
from mtzoo.lowering.preprocessing import IMAGENET, Preprocessing, preprocessing
from mtzoo.lowering.strides import USUAL_STRIDES
from mtzoo.models.published_backbone import Published, PublishedBackbone, cannot_download
from mtzoo.registry import NODES
from mtzoo.structures import FeatureSpec


@NODES.register_module()
class Timm(PublishedBackbone):
    """A network of timm as a backbone: image (N, 3, H, W) -> its features.

    Args:
        in_specs: The image.
        name: The name in `timm.create_model`, e.g. `"resnet18d"`.
        features: Module paths. None: the stages that timm names, otherwise the last map of each stride of 4, 8, 16 and 32.
        output_stride: 8 or 16. Further strides become dilations. None: the network's own strides.
        weights: None, `"imagenet"`, or a file.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, name: str, features: Sequence[str] | None = None,
                 output_stride: int | None = None, weights: str | None = None) -> None:
        module = timm_module(name)
        super().__init__(module, in_specs, features=features, output_stride=output_stride, weights=weights, usual=_stages(module))
        self.name = name
        self.reads = timm_reads(module)

    def file_reads(self) -> Preprocessing:
        return self.reads

    def download(self) -> Published:
        return timm_weights(self.name)


def timm_weights(name: str) -> Published:
    """timm's own ImageNet weights of a network. Raises UserError where timm is not installed, or cannot download them."""
    library = _library()
    try:
        module = library.create_model(name, pretrained=True)
    except Exception as error:  # timm and its hub client raise many kinds
        raise cannot_download("timm", name, error) from error
    return Published(module.state_dict(), timm_reads(module), f"timm's {name}")


def timm_reads(module: nn.Module) -> Preprocessing:
    """What one of timm's networks reads."""
    config = getattr(module, "pretrained_cfg", {})
    return preprocessing(config.get("mean", IMAGENET.mean), config.get("std", IMAGENET.std))


def timm_names() -> list[str]:
    """All networks of timm; those with attention or LayerNorm cannot be lowered. Raises UserError where timm is not installed."""
    return _library().list_models()


def timm_module(name: str) -> nn.Module:
    """The network with new weights. Raises UserError for an unknown name, or where timm is not installed."""
    library = _library()
    if not library.is_model(name):
        raise UserError(f"name='{name}': timm has no such network{did_you_mean(name, library.list_models())}")
    return library.create_model(name, pretrained=False)


def _stages(module: nn.Module) -> list[str]:
    """The module paths that timm itself calls features, of strides 4 to 32."""
    found = getattr(module, "feature_info", None) or []
    return [info["module"] for info in found if isinstance(info, dict) and info["reduction"] in USUAL_STRIDES]


def _library() -> Any:
    try:
        import timm
    except ImportError as error:
        raise UserError(f"type='Timm' needs timm ({error}); install it with `pip install mtzoo[timm]`") from error
    return timm
